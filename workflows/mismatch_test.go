package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// mismatches makes the first look after an age find that the sample ratio does not
// match.
func (r *rig) mismatches(age time.Duration) {
	told := false
	r.evidence = func(in activities.WatchInput, got activities.Watched, err error) (activities.Watched, error) {
		if told || r.Now().Before(r.began.Add(age)) || got.Found == activities.FoundBreach {
			return got, err
		}
		told = true
		return activities.Watched{Found: activities.FoundHold, Cause: activities.SampleRatio, Reason: "612 of 10,000 new units on, 500 expected", Memory: in.Memory}, nil
	}
}

func TestAMismatchHoldsUntilSomebodyAcknowledgesIt(t *testing.T) {
	r := newRig(t, fivePhases())
	r.whenAsked("ann")
	r.mismatches(3*day + 5*time.Hour)
	var held, after rampart.Progress
	var resumed, advanced, silent, done, twice *reply
	r.at(20*day, func() {
		held = r.progress()
		resumed = r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"})
		advanced = r.ask(rampart.UpdateAdvance, rampart.Ask{By: "bo"})
		silent = r.ask(rampart.UpdateAcknowledge, rampart.Ask{By: "bo", Reason: " "})
	})
	r.at(21*day, func() { done = r.ask(rampart.UpdateAcknowledge, rampart.Ask{By: "bo", Reason: "crawlers"}) })
	r.at(21*day+time.Minute, func() {
		after = r.progress()
		twice = r.ask(rampart.UpdateAcknowledge, rampart.Ask{By: "bo", Reason: "again"})
	})
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Launched, out.State)
	require.Equal(t, rampart.Held, held.State)
	require.Equal(t, rampart.Percent(500), held.Exposure, "17 days later it is no higher")
	require.Equal(t, "612 of 10,000 new units on, 500 expected", held.Mismatch)
	require.ErrorContains(t, resumed.refused, "acknowledge that instead")
	require.ErrorContains(t, advanced.refused, "acknowledge it first")
	require.ErrorContains(t, silent.refused, "takes a reason")
	require.NoError(t, done.err)
	require.Contains(t, done.answer, "goes on at 5 %")
	require.Equal(t, rampart.Watching, after.State)
	require.Empty(t, after.Mismatch)
	require.ErrorContains(t, twice.refused, "nothing to acknowledge")
	require.Contains(t, r.story(), "acknowledged that the sample ratio does not match (612 of 10,000 new units on, 500 expected): crawlers")
	require.Equal(t, []float64{0, 1, 5, 10, 50, 75, 95, 100}, r.path())
}

func TestAMismatchVoidsConsentAndNobodyConsentsBeforeItIsAcknowledged(t *testing.T) {
	plan := fivePhases().WithDefaults()
	plan.Stages[2].Approvals = &rampart.Approvals{Count: 2}
	r := newRig(t, plan)
	mpr := rampart.MaxPowerRamp
	r.mismatches(6*day + 5*time.Hour)
	r.at(6*day+time.Hour, func() { r.approve(mpr, "ann") })
	var before, held, later rampart.Progress
	r.at(6*day+2*time.Hour, func() { before = r.progress() })
	r.at(7*day, func() { r.approve(mpr, "eve") })
	r.at(7*day, func() { r.approve(mpr, "cy") })
	r.at(8*day, func() { held = r.progress() })
	r.at(9*day, func() { r.ask(rampart.UpdateAcknowledge, rampart.Ask{By: "bo", Reason: "crawlers"}) })
	r.at(10*day, func() { later = r.progress() })
	r.at(10*day+time.Hour, func() { r.approve(mpr, "ann") })
	r.at(10*day+time.Hour, func() { r.approve(mpr, "eve") })
	r.at(12*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Len(t, before.Approvals, 1)
	require.Equal(t, rampart.Held, held.State)
	require.Empty(t, held.Approvals)
	require.Equal(t, rampart.Waiting, later.State)
	require.Equal(t, "2 people", later.Missing)
	require.Equal(t, []float64{0, 1, 5, 10, 50, 0}, r.path())
}

func TestABreachTurnsBackWhatAMismatchHolds(t *testing.T) {
	r := newRig(t, fivePhases())
	r.mismatches(3*day + 5*time.Hour)
	r.metric = func(_ string, at time.Time) (float64, error) {
		if at.After(r.began.Add(4*day + 5*time.Hour)) {
			return 4, nil
		}
		return 0, nil
	}
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.CauseBreach, out.Cause)
	require.Equal(t, []float64{0, 1, 5, 0, 0}, r.path())
}

func TestAMismatchOutlastsWhatIsHeldOrPausedBesides(t *testing.T) {
	r := newRig(t, fivePhases())
	r.mismatches(3*day + 5*time.Hour)
	r.at(3*day+8*time.Hour, func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}) })
	var resumed, done *reply
	r.at(3*day+9*time.Hour, func() { resumed = r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"}) })
	var held rampart.Progress
	r.at(3*day+10*time.Hour, func() { held = r.progress() })
	r.at(3*day+11*time.Hour, func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}) })
	r.at(3*day+12*time.Hour, func() { done = r.ask(rampart.UpdateAcknowledge, rampart.Ask{By: "cy", Reason: "crawlers"}) })
	r.at(8*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Contains(t, resumed.answer, "still held at 5 %")
	require.Equal(t, rampart.Held, held.State)
	require.Contains(t, done.answer, "still paused at 5 %")
	require.Equal(t, []float64{0, 1, 5, 0}, r.path())
}
