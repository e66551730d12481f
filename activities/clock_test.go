package activities_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// One of the three clocks is wrong by an hour, and makes no ticks. The rig's Redis and
// its Temporal have the clock of this machine.
func TestAWrongClockMakesNoTicks(t *testing.T) {
	for what, c := range map[string]struct {
		ahead time.Duration
		says  string
	}{
		"an hour ahead":  {time.Hour, "the clock of this worker is 1h ahead of those of Temporal and the store"},
		"an hour behind": {-time.Hour, "the clock of this worker is 1h behind those of Temporal and the store"},
		"right":          {0, ""},
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t).ramping(time.Hour)
			registry := prometheus.NewRegistry()
			r.MaxSkew, r.Meter = 5*time.Second, activities.NewMeter(registry)
			r.Now = func() time.Time { return time.Now().Add(c.ahead) }
			r.plan.Every, r.mode = rampart.Duration(time.Second), activities.Guard
			before, err := r.Store.Now(t.Context())
			require.NoError(t, err)

			_, holding := r.attempt()

			require.NotNil(t, holding)
			require.Contains(t, holding.Message(), c.says)
			require.Equal(t, c.ahead != 0, strings.Contains(holding.Message(), "the clock of this worker"))
			after, err := r.Store.Now(t.Context())
			require.NoError(t, err)
			tick := time.UnixMilli(r.kept().Tick)
			require.False(t, tick.Before(before.Truncate(time.Second).Add(-time.Second)), "%s is before %s", tick, before)
			require.False(t, tick.After(after.Add(time.Second)), "%s is after %s", tick, after)
			require.InDelta(t, c.ahead.Seconds(), skews(t, registry)["worker"], 5)
			require.Len(t, skews(t, registry), 3, "worker, temporal, store")
		})
	}
}

// Two workers look at one launch, and the clock of the first is an hour ahead. The
// second need not wait until that hour is over.
func TestAWorkerWithAWrongClockHoldsUpNoOther(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.MaxSkew, r.mode, r.plan.Every = 5*time.Second, activities.Guard, rampart.Duration(100*time.Millisecond)
	r.Now = func() time.Time { return time.Now().Add(time.Hour) }
	_, holding := r.attempt()
	require.NotNil(t, holding)
	first := r.kept()
	require.Equal(t, int64(1), first.Looks)

	r.Now = time.Now

	require.Eventually(t, func() bool { _, _ = r.attempt(); return r.kept().Looks > first.Looks }, 10*time.Second, 50*time.Millisecond)
}

// skews returns how far each clock is told to be off.
func skews(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	all, err := registry.Gather()
	require.NoError(t, err)
	told := map[string]float64{}
	for _, family := range all {
		if family.GetName() == "rampart_clock_skew_seconds" {
			for _, m := range family.GetMetric() {
				told[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue() // clock comes before environment
			}
		}
	}
	return told
}
