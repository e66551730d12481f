package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// A stage that was left out and comes back is another one: nobody has consented to it.
func TestAStageThatWasLeftOutAndComesBackIsConsentedToAnew(t *testing.T) {
	r := newRig(t, fivePhases())
	r.plan.Stages[2].Approvals = &rampart.Approvals{Count: 2}
	mpr := r.plan.Stages[2]
	r.at(6*day, func() { r.approve(rampart.MaxPowerRamp, "ann") })
	r.at(7*day, func() { r.amend("bo", func(p *rampart.Plan) { p.Stages = slices.Delete(p.Stages, 2, 3) }) })
	r.at(8*day, func() {
		mpr.Steps = []rampart.Step{{Percent: 7000, Hold: rampart.Duration(day)}}
		r.amend("bo", func(p *rampart.Plan) { p.Stages[2] = mpr })
	})
	r.at(9*day, func() { r.approve(rampart.MaxPowerRamp, "eve") })
	var after rampart.Progress
	r.at(10*day, func() { after = r.progress() })
	r.at(11*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.MaxPowerRamp, after.Asking)
	require.Equal(t, "1 person", after.Missing, "ann has not seen the stage that goes to 70 %%")
	require.NotContains(t, r.path(), 70.0)
}

// A breach at one exposure voids the consent to it, also where it is found while the
// next one is being written.
func TestABreachThatIsFoundWhileTheNextStageIsRaisedToVoidsConsentToThePresentOne(t *testing.T) {
	r := newRig(t, steppingBack(1))
	r.at(6*day, func() { r.approve(rampart.MaxPowerRamp, "ann") })
	passed := 6*day + 7*day
	r.isAway("Expose", passed+12*time.Hour, passed+day+12*time.Hour)
	r.at(passed+13*time.Hour, func() { r.approve(rampart.Scalability, "ann") })
	r.metric = func(_ string, at time.Time) (float64, error) {
		if at.After(r.began.Add(passed+14*time.Hour)) && at.Before(r.began.Add(passed+18*time.Hour)) {
			return 4, nil
		}
		return 0, nil
	}
	var after rampart.Progress
	r.at(passed+5*day, func() { after = r.progress() })
	r.at(passed+6*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.MaxPowerRamp, after.Asking)
	require.Equal(t, []float64{0, 1, 5, 10, 50, 10, 0}, r.path())
}

// Whatever a person has decided to hold is held until a person decides otherwise.
func TestASteppingBackDoesNotEndWhatAPersonHolds(t *testing.T) {
	plan := steppingBack(1)
	r := newRig(t, plan)
	r.at(6*day, func() { r.ask(rampart.UpdateReject, rampart.Ask{By: "bo", Phase: rampart.MaxPowerRamp, Hold: true}) })
	r.breaks(1000, 1)
	bad := r.metric
	r.metric = func(q string, at time.Time) (float64, error) {
		if at.Before(r.began.Add(7 * day)) {
			return 0, nil
		}
		return bad(q, at)
	}
	var after rampart.Progress
	r.at(9*day, func() { after = r.progress() })
	r.at(10*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Held, after.State)
	require.Equal(t, []float64{0, 1, 5, 10, 5, 0}, r.path())
}

// A stage that is added while the launch waits to expose everybody is walked.
func TestAStageThatIsAddedBeforeTheFinishIsWalked(t *testing.T) {
	plan := fivePhases().WithDefaults()
	plan.Stages = plan.Stages[1:4]
	r := newRig(t, plan)
	r.whenAsked("ann")
	thaw := r.began.Add(60 * day)
	r.plan.Calendar = &rampart.Calendar{Zone: "UTC", Freeze: []rampart.Freeze{{
		From: rampart.Date(r.began.Add(11 * day).Format(time.DateOnly)), Until: rampart.Date(thaw.Format(time.DateOnly))}}}
	var done *reply
	r.at(40*day, func() {
		done = r.amend("bo", func(p *rampart.Plan) {
			p.Stages = append(p.Stages, rampart.Stage{Phase: rampart.Learning, Approvals: &rampart.Approvals{Groups: []string{"legal"}},
				Steps: []rampart.Step{{Percent: 7500, Hold: rampart.Duration(10 * day)}}})
		})
	})
	var after rampart.Progress
	r.at(70*day, func() { after = r.progress() })
	r.at(71*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.NoError(t, done.err)
	require.Equal(t, rampart.Learning, after.Asking)
	require.NotContains(t, r.path(), 100.0)
}

// A stage may be amended away while the one before it waits for consent once more.
func TestTheLastStageIsAmendedAwayWhileAnotherIsConsentedToAgain(t *testing.T) {
	r := newRig(t, fivePhases())
	r.plan.Stages[3].Steps[0].Percent = 9500
	r.whenAsked("ann")
	r.plan.Calendar = &rampart.Calendar{Zone: "UTC", Freeze: []rampart.Freeze{{
		From: rampart.Date(r.began.Add(13 * day).Format(time.DateOnly)), Until: rampart.Date(r.began.Add(60 * day).Format(time.DateOnly))}}}
	var left *reply
	longer := func(p *rampart.Plan) { p.Stages[3].Approvals = &rampart.Approvals{Groups: []string{"legal"}} }
	var again, after rampart.Progress
	r.at(40*day, func() { r.amend("bo", longer) })
	r.at(41*day, func() { again = r.progress() })
	r.at(42*day, func() {
		left = r.amend("bo", func(p *rampart.Plan) { longer(p); p.Stages = p.Stages[:4] })
	})
	r.at(43*day, func() { after = r.progress() })
	r.at(44*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	out, err := r.walk()
	require.NoError(t, err)
	require.NoError(t, left.err)
	require.Equal(t, rampart.Scalability, again.Asking)
	require.Equal(t, rampart.Scalability, after.Asking)
	require.Equal(t, rampart.Killed, out.State)
}

// Two steps of one stage: the second broke, so that the stage is consented to anew before
// it is tried again.
func TestASteppingBackWithinAStageAsksForItsConsentAnew(t *testing.T) {
	plan := steppingBack(1).WithDefaults()
	plan.Stages[2].Steps = []rampart.Step{{Percent: 3000, Hold: rampart.Duration(day)}, {Percent: 5000, Hold: rampart.Duration(7 * day)}}
	r := newRig(t, plan)
	r.breaks(5000, 1)
	r.at(6*day, func() { r.approve(rampart.MaxPowerRamp, "ann") })
	var after rampart.Progress
	r.at(20*day, func() { after = r.progress() })
	r.at(21*day, func() { r.approve(rampart.MaxPowerRamp, "eve") })
	r.at(23*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.MaxPowerRamp, after.Asking)
	require.Equal(t, rampart.Percent(3000), after.Exposure)
	require.Equal(t, []float64{0, 1, 5, 10, 30, 50, 30, 50, 0}, r.path())
}

// Each notice ends a watch, so a metric that swings around its bound must not fill history.
func TestAGateThatOnlyNotifiesDoesSoOnceInAWhile(t *testing.T) {
	plan := fivePhases().WithDefaults()
	plan.Every = rampart.Duration(time.Minute)
	plan.Notify = []string{"releases"}
	limit := 1.0
	plan.Gates = append(plan.Gates, rampart.Gate{Name: "chatter", OnBreach: &rampart.Policy{Action: rampart.ActNotify},
		Threshold: &rampart.Threshold{Query: "chatter", Max: &limit}})
	r := newRig(t, plan)
	r.metric = func(query string, at time.Time) (float64, error) {
		if query == "chatter" && at.Unix()/600%2 == 1 {
			return 4, nil
		}
		return 0, nil
	}
	r.at(12*time.Hour, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	told := 0
	for _, n := range r.notices {
		if n.Event == "breach" {
			told++
		}
	}
	require.Greater(t, told, 3)
	require.LessOrEqual(t, told, 13, "once an hour, though it swings every twenty minutes")
}
