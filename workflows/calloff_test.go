package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// fromDebug is the standard plan without internal people, so that its first raise
// exposes the first of all.
func fromDebug() rampart.Plan {
	p := fivePhases().WithDefaults()
	p.Stages = p.Stages[1:]
	return p
}

// away has an activity fail from one age of the launch to another.
func (r *rig) isAway(activity string, from, until time.Duration) {
	r.at(from, func() { r.away = activity })
	r.at(until, func() { r.away = "" })
}

func TestAPauseCallsOffARaiseThatHasNotComeThrough(t *testing.T) {
	for name, tt := range map[string]struct {
		plan  rampart.Plan
		raise time.Duration
	}{
		"the first":                        {plan: fromDebug(), raise: 0},
		"a later one, to which all agreed": {plan: fromDebug(), raise: day},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tt.plan)
			r.away = map[bool]string{true: "Expose"}[tt.raise == 0]
			if tt.raise > 0 {
				r.isAway("Expose", tt.raise-time.Hour, tt.raise+2*time.Hour)
			} else {
				r.at(2*time.Hour, func() { r.away = "" })
			}
			r.at(tt.raise+time.Second, func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}) })
			var paused, before rampart.Percent
			r.at(tt.raise+30*time.Minute, func() { before = r.flag().Flag.Exposure })
			r.at(tt.raise+12*time.Hour, func() { paused = r.flag().Flag.Exposure })
			r.at(tt.raise+13*time.Hour, func() { r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"}) })
			r.at(tt.raise+30*time.Hour, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
			_, err := r.walk()
			require.NoError(t, err)
			require.Equal(t, before, paused, "nothing is raised while the launch is paused")
			var highest float64
			for _, e := range r.path() {
				highest = max(highest, e)
			}
			require.Greater(t, highest, paused.Float(), "and what was called off is done once it is resumed")
		})
	}
}

func TestATurningBackCallsOffARaiseThatHasNotComeThrough(t *testing.T) {
	r := newRig(t, fromDebug())
	r.away = "Expose"
	r.at(time.Minute, func() { r.ask(rampart.UpdateTurnBack, rampart.Ask{By: "bo", Reason: "not today"}) })
	r.at(time.Hour, func() { r.away = "" })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.CausePerson, out.Cause)
	require.Equal(t, []float64{0}, r.path(), "whatever was tried meanwhile, only the baseline is written")
}

// Approvals are taken in as they come, so that none counts which was given before the
// launch was held, however long its turn is in coming.
func TestAnApprovalThatQueuedBehindAnotherIsVoidedWithIt(t *testing.T) {
	r := newRig(t, fivePhases())
	r.plan.Stages[2].Approvals = &rampart.Approvals{Count: 2}
	mpr := rampart.MaxPowerRamp
	r.isAway("VerifyApproval", 6*day, 6*day+3*time.Hour)
	r.at(6*day+time.Hour, func() { r.approve(mpr, "pia"); r.approve(mpr, "eve") })
	r.at(6*day+2*time.Hour, func() { r.ask(rampart.UpdateReject, rampart.Ask{By: "bo", Phase: mpr, Hold: true}) })
	r.at(6*day+5*time.Hour, func() { r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"}) })
	var after rampart.Progress
	r.at(7*day, func() { after = r.progress() })
	r.at(8*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Empty(t, after.Approvals)
	require.Equal(t, mpr, after.Asking)
	require.NotContains(t, r.path(), 50.0)
}

func TestThePauseOfALaunchThatMendsALossIsNoPartOfItsHold(t *testing.T) {
	r := newRig(t, fromDebug())
	r.isAway("Expose", 2*time.Hour, 20*time.Hour)
	r.at(3*time.Hour, func() { r.SignalWorkflow(rampart.SignalLost, "the store was emptied") })
	r.at(4*time.Hour, func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}) })
	r.at(40*time.Hour, func() { r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"}) })
	var after rampart.Progress
	r.at(42*time.Hour, func() { after = r.progress() })
	r.at(50*time.Hour, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Percent(100), after.Exposure)
	require.Equal(t, []float64{1, 1, 0}, r.path())
}
