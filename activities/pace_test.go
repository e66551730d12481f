package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

const quick = 15 * time.Second

// calm has a launch watched that has been well for long, every quarter of a minute.
func calm(t *testing.T) *rig {
	r := newRig(t).ramping(time.Hour)
	r.plan.Every, r.hold = rampart.Duration(quick), 24*time.Hour
	r.since = r.now.Add(-2 * time.Hour)
	for range 15*4 + 3 {
		r.wait(t)
	}
	for r.wait(t) < time.Minute { // until it is its turn
	}
	return r
}

// wait looks, and returns for how long it then waits.
func (r *rig) wait(t *testing.T) time.Duration {
	t.Helper()
	found, failed := r.attempt()
	require.NotNil(t, failed, found.Reason)
	r.now = r.now.Add(failed.NextRetryDelay())
	return failed.NextRetryDelay()
}

func TestAWatchWaitsForAsLongAsTheGatesAllow(t *testing.T) {
	r := calm(t)
	held := r.kept().Held
	for range 10 {
		require.Equal(t, time.Minute, r.wait(t))
	}
	require.Equal(t, held+rampart.Duration(10*time.Minute), r.kept().Held, "all of it counts toward the hold")
}

func TestAWatchDoesNotWaitForLong(t *testing.T) {
	for _, c := range []struct {
		name string
		why  func(*rig)
		want time.Duration
	}{
		{"where people wait for more to be exposed", func(r *rig) { r.mode = activities.Raise; r.blind = true }, quick},
		{"where the hold is over before", func(r *rig) { r.hold = r.kept().Held.D() + time.Minute + 2*quick }, 2 * quick},
		{"where the lease is short", func(r *rig) { r.lease = 3 * time.Minute }, 3 * quick},
		{"where nobody answers", func(r *rig) { r.blind = true }, quick},
		{"where gates cannot be judged", func(r *rig) { r.plan.Gates = append(r.plan.Gates, rampart.Gate{Name: "what"}) }, quick},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := calm(t)
			c.why(r)
			require.Equal(t, c.want, r.wait(t))
		})
	}
	t.Run("after the store had lost the flag", func(t *testing.T) {
		r := calm(t)
		r.version++
		lost, _ := r.attempt()
		require.Equal(t, activities.FoundLoss, lost.Found)
		r.version, r.memory = r.version-1, lost.Memory
		require.Equal(t, quick, r.wait(t))
		require.Equal(t, quick, r.wait(t))
	})
}

func TestLooksAtOneTickAreSpread(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	require.Equal(t, every, r.wait(t))
	r.Spread = 0.2
	late := r.wait(t) - every
	require.Positive(t, late)
	require.Less(t, late, every/5)
	require.Equal(t, every, r.wait(t), "it is always as late")
}
