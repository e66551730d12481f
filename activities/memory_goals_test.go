package activities_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/gates"
)

// A till serves one after the other: gates and goals are asked for at once.
type till struct {
	mu   sync.Mutex
	shop shop
}

func (l *till) Value(context.Context, string, time.Time) (float64, error) { return 0, nil }

func (l *till) Count(ctx context.Context, q gates.CountQuery) []gates.Counted {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shop.Count(ctx, q)
}

// TestTheMemoryOfADozenGatesAndTheirGoalsIsKept has four weeks of looks at two goals beside
// the gates, and the units of both arms. That may be too long for what each gate said to be
// kept beside it, which can be said again; the evidence must have room.
func TestTheMemoryOfADozenGatesAndTheirGoalsIsKept(t *testing.T) {
	judge := gates.New(gates.Options{Source: &till{shop: shop{rand.New(rand.NewPCG(1, 2))}}})
	start := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	const looks, ticks = 28, 600
	look := gates.Look{
		Flag: "checkout-v2", Gates: dozen(), Phase: rampart.MaxPowerRamp, PhaseIndex: 2, Phases: 5,
		Schedule: gates.Schedule{Phases: 4, Restarts: 1340}, Exposure: 5000, Exposing: true,
		Every: 15 * time.Second, FirstExposed: start, StepSince: start,
		SampleRatio: true, CapAt: start.Add(ticks * 15 * time.Second), LooksEvery: ticks * 15 * time.Second / looks,
	}
	for i := range 2 {
		look.Goals = append(look.Goals, rampart.Goal{Name: fmt.Sprintf("completed checkouts %d", i), Improve: 200, Ratio: &rampart.Ratio{
			Events: fmt.Sprintf(`rampart_events_total{event="%d"}`, i), Of: "rampart_exposed_units_total",
		}})
	}
	m := activities.Memory{Step: "max-power-ramp/0", Looks: ticks}
	for i := range ticks {
		look.At = start.Add(time.Duration(i+1) * look.Every)
		look.Decide = i == ticks-1
		v, err := judge.Judge(t.Context(), look, &m.Gates)
		require.NoError(t, err)
		m.Verdict, m.Tick = v, look.At.UnixMilli()
	}
	require.Len(t, m.Verdict.Decision.Goals, 2)
	whole, err := json.Marshal(m)
	require.NoError(t, err)
	m.Verdict.Gates = nil
	evidence, err := json.Marshal(m)
	require.NoError(t, err)
	t.Logf("%d bytes, of which %d without what each gate said", len(whole), len(evidence))
	require.LessOrEqual(t, len(evidence), activities.MaxMemoryBytes)
}
