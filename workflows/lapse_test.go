package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// leaseEnds makes the lease of what is exposed one that ended long ago, as it is when
// nobody was there to renew it.
func (r *rig) leaseEnds() {
	version := r.flag().Flag.Version
	require.NoError(r.t, r.redis.Client().HSet(r.t.Context(), keyOf("leases"), r.plan.Flag, fmt.Sprintf("%d 1", version)).Err())
}

// exposingAnew is the standard plan that goes on after a lease that has ended.
func exposingAnew() rampart.Plan {
	p := fivePhases()
	p.Lease = &rampart.Lease{End: rampart.Duration(6 * time.Hour), OnEnd: rampart.ActExpose}
	p.Notify = []string{"releases"}
	return p
}

func TestALeaseThatEndsTurnsBackOrIsFollowedByAnother(t *testing.T) {
	for name, tt := range map[string]struct {
		onEnd rampart.Action
		at    time.Duration
		state rampart.State
		path  []float64
	}{
		"turns back where the plan says nothing": {at: 3*day + time.Hour, state: rampart.TurnedBack, path: []float64{0, 1, 5, 0}},
		"turns back where it says so":            {onEnd: rampart.ActTurnBack, at: 3*day + time.Hour, state: rampart.TurnedBack, path: []float64{0, 1, 5, 0}},
		"exposes the same step anew":             {onEnd: rampart.ActExpose, at: 3*day + time.Hour, state: rampart.Launched, path: []float64{0, 1, 5, 0, 5, 10, 50, 75, 95, 100}},
		"also whoever is included":               {onEnd: rampart.ActExpose, at: time.Hour, state: rampart.Launched, path: []float64{0, 0, 0, 1, 5, 10, 50, 75, 95, 100}},
		"also while people are asked":            {onEnd: rampart.ActExpose, at: 5*day + 30*time.Minute, state: rampart.Launched, path: []float64{0, 1, 5, 10, 0, 10, 50, 75, 95, 100}},
	} {
		t.Run(name, func(t *testing.T) {
			plan := exposingAnew()
			plan.Lease.OnEnd = tt.onEnd
			r := newRig(t, plan)
			r.at(tt.at, r.leaseEnds)
			r.at(tt.at+time.Second, func() { r.whenAsked("ann") })
			out, err := r.walk()
			require.NoError(t, err)
			require.Equal(t, tt.state, out.State, out.Reason)
			require.Equal(t, tt.path, r.path(), "%v", r.story())
			told := slices.ContainsFunc(r.notices, func(n activities.Notice) bool { return n.Event == "lapsed" && n.Urgent })
			require.Equal(t, tt.onEnd == rampart.ActExpose, told)
			if tt.state == rampart.TurnedBack {
				require.Equal(t, rampart.CauseLease, out.Cause)
			}
		})
	}
}

// To expose anew is a raise, and waits for all that a raise waits for; the document says
// meanwhile what readers serve.
func TestExposingAnewWaitsAsAnyRaise(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(r *rig)
		state  rampart.State
		after  func(r *rig)
	}{
		"for whoever has paused the launch": {
			before: func(r *rig) { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}) }, state: rampart.Paused,
			after: func(r *rig) { r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"}) },
		},
		"for the calendar": {
			before: func(r *rig) {
				r.amend("bo", func(p *rampart.Plan) {
					p.Calendar = &rampart.Calendar{Zone: "UTC", Freeze: []rampart.Freeze{{
						From: rampart.Date(r.began.Add(3 * day).Format(time.DateOnly)), Until: rampart.Date(r.began.Add(6 * day).Format(time.DateOnly))}}}
				})
			}, state: rampart.Waiting,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, exposingAnew())
			r.at(3*day+time.Hour, func() { tt.before(r) })
			r.at(3*day+2*time.Hour+30*time.Minute, r.leaseEnds)
			var waiting, on rampart.Progress
			r.at(3*day+12*time.Hour, func() { waiting = r.progress(); call(tt.after, r) })
			r.at(6*day+time.Hour, func() { on = r.progress(); r.SignalWorkflow(rampart.SignalKill, "enough") })
			_, err := r.walk()
			require.NoError(t, err)
			require.Equal(t, tt.state, waiting.State)
			require.Zero(t, waiting.Exposure)
			require.NotZero(t, on.Exposure)
			require.Equal(t, []float64{0, 1, 5, 0, 5}, r.path()[:5], "%v", r.story())
		})
	}
}

// What was seen before the guard was away turns back, whatever became of the lease.
func TestNothingIsExposedAnewAfterABreach(t *testing.T) {
	r := newRig(t, exposingAnew())
	broken := false
	r.metric = func(_ string, at time.Time) (float64, error) {
		if !broken && at.After(r.began.Add(3*day)) {
			broken = true
			return 4, nil // and never again
		}
		return 0, nil
	}
	interrupt := once(func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}); r.leaseEnds() })
	r.taken = func(time.Time) {
		if broken { // the watch that saw it is cancelled before it can tell
			interrupt()
		}
	}
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.CauseBreach, out.Cause, "%v", r.story())
	require.Equal(t, 0.0, r.path()[len(r.path())-1])
	require.NotContains(t, strings.Join(r.story(), "\n"), "exposing anew")
}

func TestALeaseThatEndsInACoolDownTurnsBack(t *testing.T) {
	plan := steppingBack(1)
	plan.Lease = &rampart.Lease{End: rampart.Duration(6 * time.Hour), OnEnd: rampart.ActExpose}
	r := newRig(t, plan)
	r.breaks(500, 1)
	r.at(3*day+6*time.Hour+30*time.Minute, r.leaseEnds)
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.CauseLease, out.Cause, "%v", r.story())
	require.Equal(t, []float64{0, 1, 5, 1, 0}, r.path())
}
