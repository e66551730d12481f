package gates_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/promtest"
)

// A shopping is half an hour of what a process of a shop counts for one flag, which goes
// from 10 to 50 % after ten minutes: users that it sees for the first time, and orders
// of those that it has seen.
type shopping struct {
	flag   string
	lost   float64 // share of the users of the on arm that are not counted
	orders float64 // of a user of the on arm each 15 seconds; off: 0.02
}

const (
	shoppingFor = 30 * time.Minute
	rampAfter   = 10 * time.Minute
	scraped     = 15 * time.Second
)

// write stores the counters of the half hour from a moment on, as they are scraped.
func (s shopping) write(srv *promtest.Server, from time.Time) {
	rng := rand.New(rand.NewPCG(31, 32))
	type series struct{ metric, arm, bucket string }
	type user struct {
		place  float64 // on below the exposure
		bucket string
	}
	total, samples := map[series]float64{}, map[series][]promtest.Sample{}
	for _, arm := range []string{"on", "off"} {
		for i := range 20 {
			total[series{firstSeen, arm, strconv.Itoa(i)}] = 0
			total[series{"rampart_events_total", arm, strconv.Itoa(i)}] = 0
		}
	}
	var users []user
	for at := from; !at.After(from.Add(shoppingFor)); at = at.Add(scraped) {
		exposure := 0.1
		if at.After(from.Add(rampAfter)) {
			exposure = 0.5
		}
		arm := func(u user) string {
			if u.place < exposure {
				return "on"
			}
			return "off"
		}
		for range 200 {
			u := user{rng.Float64(), strconv.Itoa(rng.IntN(20))}
			if users = append(users, u); arm(u) == "off" || rng.Float64() >= s.lost {
				total[series{firstSeen, arm(u), u.bucket}]++
			}
		}
		for _, u := range users {
			if often := map[string]float64{"on": s.orders, "off": 0.02}[arm(u)]; rng.Float64() < often {
				total[series{"rampart_events_total", arm(u), u.bucket}]++
			}
		}
		for key, v := range total {
			samples[key] = append(samples[key], promtest.Sample{At: at, Value: v})
		}
	}
	for key, all := range samples {
		labels := map[string]string{"flag": s.flag, "arm": key.arm, "bucket": key.bucket, "instance": s.flag, "job": "shop"}
		if key.metric != firstSeen {
			labels["event"] = "checkout_completed"
		}
		srv.Write(key.metric, labels, all...)
	}
}

// walk judges every tick of the half hour, and asks for a decision at the last.
func (s shopping) walk(t *testing.T, judge *gates.Judge, from time.Time) rampart.Verdict {
	t.Helper()
	look := gates.Look{
		Flag: s.flag, Every: scraped, Exposing: true, Phases: 5, SampleRatio: true,
		Goals: []rampart.Goal{checkouts()}, CapAt: from.Add(shoppingFor), LooksEvery: 5 * time.Minute,
		Phase: rampart.Debug, PhaseIndex: 1, Exposure: 1000, FirstExposed: from, StepSince: from,
	}
	var state gates.State
	var v rampart.Verdict
	for look.At = from.Add(scraped); !look.At.After(from.Add(shoppingFor)); look.At = look.At.Add(scraped) {
		if look.At.After(from.Add(rampAfter)) && look.Phase == rampart.Debug {
			look.Phase, look.PhaseIndex, look.Exposure, look.StepSince = rampart.MaxPowerRamp, 2, 5000, from.Add(rampAfter)
		}
		look.Decide = look.At.Equal(from.Add(shoppingFor))
		var err error
		v, err = judge.Judge(t.Context(), look, &state)
		require.NoError(t, err)
	}
	return v
}

func TestGoalsAndUnitsOnRealMetrics(t *testing.T) {
	t.Parallel()
	srv := promtest.Start(t)
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: scraped})
	require.NoError(t, err)
	judge := gates.New(gates.Options{Source: source})
	from := time.Now().Truncate(scraped).Add(-shoppingFor - 2*scraped)

	t.Run("a goal that improved is shipped", func(t *testing.T) {
		better := shopping{flag: "better", orders: 0.022}
		better.write(srv, from)
		v := better.walk(t, judge, from)
		require.Equal(t, rampart.Ship, v.Decision.Word, v.Decision.Reason)
		require.InDelta(t, 0.1, v.Decision.Goals[0].Effect, 0.04)
		require.False(t, v.SampleRatio.Mismatch, v.SampleRatio.Reason)
		require.Greater(t, v.SampleRatio.On+v.SampleRatio.Off, int64(18_000))
	})
	t.Run("users that are lost in one arm block it", func(t *testing.T) {
		lossy := shopping{flag: "lossy", orders: 0.022, lost: 0.15}
		lossy.write(srv, from)
		v := lossy.walk(t, judge, from)
		require.True(t, v.SampleRatio.Mismatch, v.SampleRatio.Reason)
		require.Equal(t, rampart.Undecided, v.Word)
		require.Equal(t, rampart.Inconclusive, v.Decision.Word)
		require.Contains(t, v.Decision.Reason, "sample ratio mismatch")
	})
	t.Run("without an effect nothing is shipped", func(t *testing.T) {
		same := shopping{flag: "same", orders: 0.02}
		same.write(srv, from)
		v := same.walk(t, judge, from)
		require.NotEqual(t, rampart.Ship, v.Decision.Word, v.Decision.Reason)
		require.NotEqual(t, rampart.Regress, v.Decision.Word, v.Decision.Reason)
		require.False(t, v.SampleRatio.Mismatch, v.SampleRatio.Reason)
	})
}
