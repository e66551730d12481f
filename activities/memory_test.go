package activities_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/gates"
)

// A shop is a source of metrics whose services have traffic of their own, by telemetry
// bucket, and no harm.
type shop struct{ rng *rand.Rand }

func (s shop) Value(context.Context, string, time.Time) (float64, error) { return 0, nil }

func (s shop) Count(_ context.Context, q gates.CountQuery) []gates.Counted {
	answers := make([]gates.Counted, len(q.Counters))
	for i, c := range q.Counters {
		n := 400.0
		if strings.Contains(c.Selector, "error") {
			n = 4
		}
		answers[i].Arms = map[string]gates.ArmCount{"on": s.arm(q, n), "off": s.arm(q, 9*n)}
	}
	return answers
}

func (s shop) arm(q gates.CountQuery, n float64) gates.ArmCount {
	arm := gates.ArmCount{Last: q.To, Pace: q.Every, Buckets: map[string]float64{}, Edges: map[string]float64{}}
	for b := range 20 {
		v := float64(int(n*(0.5+s.rng.Float64()))) + float64(s.rng.IntN(3))
		arm.Buckets[strconv.Itoa(b)] = v
		arm.Sum += v
	}
	upTo := 0.0
	for i, le := range []string{"0.05", "0.1", "0.25", "0.5", "1", "2.5"} {
		upTo += float64(s.rng.IntN(int(n))) / float64(1+i)
		arm.Edges[le] = float64(int(upTo))
	}
	arm.Edges["+Inf"] = float64(int(upTo)) + float64(s.rng.IntN(5))
	return arm
}

// dozen are ten ratios of requests with telemetry buckets, and two latencies.
func dozen() []rampart.Gate {
	var all []rampart.Gate
	for i := range 10 {
		all = append(all, rampart.Gate{Name: fmt.Sprintf("errors-of-service-%d", i), Ratio: &rampart.Ratio{
			Events: fmt.Sprintf(`requests_total{service="%d",outcome="error"}`, i), Of: fmt.Sprintf(`requests_total{service="%d"}`, i),
		}})
	}
	return append(all,
		rampart.Gate{Name: "latency-of-pages", Latency: &rampart.Latency{Histogram: "page_seconds"}},
		rampart.Gate{Name: "latency-of-search", Latency: &rampart.Latency{Histogram: "search_seconds"}})
}

func TestTheMemoryOfADozenGatesIsSmall(t *testing.T) {
	judge := gates.New(gates.Options{Source: shop{rand.New(rand.NewPCG(1, 2))}})
	start := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	look := gates.Look{
		Flag: "checkout-v2", Gates: dozen(), Phase: rampart.MaxPowerRamp, PhaseIndex: 1, Phases: 5,
		Schedule: gates.Schedule{Phases: 4, Restarts: 1340}, Exposure: 1000, Exposing: true,
		Every: 15 * time.Second, FirstExposed: start, StepSince: start,
	}
	m := activities.Memory{Step: "max-power-ramp/0", Looks: 1000}
	for i := range 1000 {
		look.At = start.Add(time.Duration(i+1) * look.Every)
		if i == 500 {
			look.PhaseIndex, look.StepSince = 2, look.At
		}
		v, err := judge.Judge(t.Context(), look, &m.Gates)
		require.NoError(t, err)
		m.Verdict, m.Tick = v, look.At.UnixMilli()
	}
	require.Len(t, m.Verdict.Gates, 12)
	blob, err := json.Marshal(m)
	require.NoError(t, err)
	t.Logf("%d bytes", len(blob))
	require.LessOrEqual(t, len(blob), activities.MaxMemoryBytes)

	var back activities.Memory
	require.NoError(t, json.Unmarshal(blob, &back))
	again, err := json.Marshal(back)
	require.NoError(t, err)
	require.Equal(t, string(blob), string(again), "what is read back is the same")
}

func TestASmallMemoryIsWrittenForPeople(t *testing.T) {
	m := activities.Memory{Step: "debug/1", Verdict: rampart.Verdict{Word: rampart.Holding, Reason: "errors 1.02x on/off"}}
	blob, err := json.Marshal(m)
	require.NoError(t, err)
	require.Contains(t, string(blob), "errors 1.02x on/off")
	var back activities.Memory
	require.NoError(t, json.Unmarshal(blob, &back))
	require.Equal(t, m, back)
}

func TestAMemoryThatWasCutShortIsRefused(t *testing.T) {
	for _, text := range []string{`{"packed":"AAAA"}`, `{"packed":"x"`, `{"packed":7}`} {
		require.Error(t, json.Unmarshal([]byte(text), new(activities.Memory)), text)
	}
}
