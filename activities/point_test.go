package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
)

func (r *rig) series() []flagstore.Point {
	r.t.Helper()
	got, err := r.Store.Series(r.t.Context(), name, "run-1")
	require.NoError(r.t, err)
	return got
}

func TestEveryLookIsAPointOfTheSeries(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.value["errors"] = 0.25
	r.look()
	first := r.now.UnixMilli()
	r.value["errors"] = 4
	require.Equal(t, activities.FoundBreach, r.look().Found)
	value, broken := 0.25, 4.0
	require.Equal(t, []flagstore.Point{
		{At: first, Phase: rampart.Debug, Exposure: 500, Word: rampart.Holding,
			Gates: []flagstore.GatePoint{{Gate: "errors", Kind: rampart.KindThreshold, Word: rampart.Holding, Value: &value}}},
		{At: r.now.UnixMilli(), Phase: rampart.Debug, Exposure: 500, Word: rampart.Breach,
			Gates: []flagstore.GatePoint{{Gate: "errors", Kind: rampart.KindThreshold, Word: rampart.Breach, Value: &broken}}},
	}, r.series())
}

// Whatever is lost between two attempts, no look is told twice, and none is told that
// another attempt has taken.
func TestALookIsAPointOnce(t *testing.T) {
	for name, between := range map[string]func(*rig){
		"nothing":                     func(*rig) {},
		"the heartbeat is lost":       func(r *rig) { r.heart = nil },
		"the workflow knows less":     func(r *rig) { r.memory, r.heart = activities.Memory{Tick: 1, Step: r.step}, nil },
		"the evidence is lost":        func(r *rig) { r.lose("evidence") },
		"the evidence and heart are":  func(r *rig) { r.lose("evidence"); r.heart = nil },
		"the same attempt runs again": func(r *rig) { _, _ = r.attempt() },
		"scripts are forgotten":       func(r *rig) { r.redis.Client().ScriptFlush(r.t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t).ramping(time.Hour)
			var ticks []int64
			for range 5 {
				r.look()
				ticks = append(ticks, r.now.UnixMilli())
				between(r)
				_, _ = r.attempt() // a retry in the same tick
			}
			var got []int64
			for _, p := range r.series() {
				got = append(got, p.At)
			}
			require.Equal(t, ticks, got)
		})
	}
}

func TestASeriesThatIsLostBeginsAnew(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.look()
	r.lose("series")
	r.look()
	require.Len(t, r.series(), 1)
	require.EqualValues(t, 2, r.kept().Looks, "the evidence goes on")
}

// lose deletes what is kept of the launch under a name.
func (r *rig) lose(what string) {
	r.t.Helper()
	require.NoError(r.t, r.redis.Client().Del(r.t.Context(), "rampart:{"+env+"}:"+what+":"+name+":run-1").Err())
}
