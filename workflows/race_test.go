package workflows_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
)

// once returns a function that does something the first time it is called.
func once(do func()) func() {
	done := false
	return func() {
		if !done {
			done = true
			do()
		}
	}
}

func TestWhoeverStopsALaunchWhileItFinishesIsHeeded(t *testing.T) {
	for name, stop := range map[string]func(*rig){
		"a person turns back": func(r *rig) { r.ask(rampart.UpdateTurnBack, rampart.Ask{By: "bo", Reason: "wait"}) },
		"a kill signal":       func(r *rig) { r.SignalWorkflow(rampart.SignalKill, "wait") },
	} {
		t.Run(name, func(t *testing.T) {
			plan := fivePhases()
			plan.Profile = rampart.Express
			r := newRig(t, plan)
			r.whenAsked("ann")
			stopNow := once(func() { stop(r) })
			r.wrote = func(in activities.ExposeInput) {
				if in.Verb == "finish" { // the pen is handed on, but nobody has heard
					stopNow()
				}
			}
			out, err := r.walk()
			require.NoError(t, err)
			require.Contains(t, []rampart.State{rampart.TurnedBack, rampart.Killed}, out.State, out.Reason)
			requireEnd(t, r, out)
		})
	}
}

func TestALaunchThatIsStoppedWhileItTakesThePenGivesItBack(t *testing.T) {
	for name, stop := range map[string]func(*rig){
		"by a person":         func(r *rig) { r.ask(rampart.UpdateTurnBack, rampart.Ask{By: "bo"}) },
		"by a kill signal":    func(r *rig) { r.SignalWorkflow(rampart.SignalKill, "no") },
		"by its cancellation": func(r *rig) { r.CancelWorkflow() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, fivePhases())
			r.acquired = func(activities.AcquireInput) { stop(r) }
			_, _ = r.walk()
			require.Equal(t, rampart.FlagID(env, r.plan.Flag), r.flag().Owner)
			require.Zero(t, r.flag().Flag.Exposure)
			require.Empty(t, r.flag().Flag.Include)
		})
	}
}

func TestAKillDuringAnExposeIsToldAsOneOfSomebodyExposed(t *testing.T) {
	r := newRig(t, fivePhases())
	r.whenAsked("ann")
	r.wrote = func(in activities.ExposeInput) {
		if in.Flag.Exposure == 5000 {
			r.SignalWorkflow(rampart.SignalKill, "queue on fire")
		}
	}
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Killed, out.State)
	require.Equal(t, rampart.Percent(5000), out.Receipt.Highest)
	require.Equal(t, rampart.Percent(5000), r.flag().Flag.HighWater)
	requireEnd(t, r, out)
}

// A failover may lose the last writes, and the taking of the pen with them.
func TestAStoreThatHasLostTheTakingOfThePenIsWrittenAgain(t *testing.T) {
	r := newRig(t, fivePhases())
	before := r.flag()
	fail := func() {
		require.NoError(t, r.redis.Client().HSet(t.Context(), "rampart:{"+env+"}:pens", "owner:"+r.plan.Flag, before.Owner).Err())
		require.NoError(t, r.redis.Client().HDel(t.Context(), "rampart:{"+env+"}:pens", "taken:"+r.plan.Flag).Err())
		f := before.Flag
		r.edit(f)
	}
	var after flagstore.Entry
	r.at(3*day, fail)
	r.at(3*day+3*time.Hour, func() { after = r.flag() })
	r.at(3*day+4*time.Hour, func() { fail(); r.ask(rampart.UpdateTurnBack, rampart.Ask{By: "bo"}) })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Percent(500), after.Flag.Exposure)
	require.Equal(t, rampart.LaunchID(env, r.plan.Flag), after.Owner)
	require.Equal(t, rampart.TurnedBack, out.State)
	require.Greater(t, r.flag().Flag.Version, after.Flag.Version, "readers hold the exposure: only a later version turns it back")
	requireEnd(t, r, out)
}

func TestASettingOfTheWrongStoreDoesNotEndATurningBack(t *testing.T) {
	r := newRig(t, fivePhases())
	meta := "rampart:{" + env + "}:state"
	set := func(namespace string) {
		require.NoError(t, r.redis.Client().HSet(t.Context(), meta, "namespace", namespace).Err())
	}
	r.at(3*day, func() { set("another"); r.ask(rampart.UpdateTurnBack, rampart.Ask{By: "bo"}) })
	var p rampart.Progress
	// No longer: the environment of tests gives all attempts of an activity together its timeout, in real time.
	r.at(3*day+time.Hour, func() { p = r.progress(); set("namespace-id") })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.TurningBack, p.State)
	require.NotContains(t, strings.Join(r.story(), "\n"), "will try again", "the attempts belong to one activity, not to history")
	requireEnd(t, r, out)
}

func TestAClockAheadOfTheStoresDoesNotBlockATurningBack(t *testing.T) {
	r := newRig(t, fivePhases())
	r.SetStartTime(time.Now().Add(-2*day - 12*time.Hour)) // half a day into debug the clock is right; then it is not
	r.began = r.Now()
	r.at(4*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Killed, out.State)
	require.Equal(t, []float64{0, 1, 5, 0}, r.path())
	requireEnd(t, r, out)
}

func TestABreachWhoseWatchWasCancelledTurnsBack(t *testing.T) {
	r := newRig(t, fivePhases())
	var bad time.Time
	r.metric = func(_ string, at time.Time) (float64, error) {
		if bad.IsZero() && at.After(r.began.Add(3*day)) {
			bad = at
			return 4, nil // and never again
		}
		return 0, nil
	}
	pause := once(func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}) })
	r.taken = func(time.Time) {
		if !bad.IsZero() {
			pause()
		}
	}
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.CauseBreach, out.Cause, "%v", r.story())
}

func TestNobodyIsExposedOnConsentAloneWhileTheGatesAreBlind(t *testing.T) {
	r := newRig(t, fivePhases())
	r.plan.OnBlind = &rampart.BlindPolicy{Action: rampart.ActHold, After: rampart.Duration(3 * day)}
	r.metric = func(_ string, at time.Time) (float64, error) {
		if at.After(r.began.Add(7*day)) && at.Before(r.began.Add(9*day)) {
			return 0, errors.New("connection refused")
		}
		return 0, nil
	}
	r.at(8*day, func() { r.approve(rampart.MaxPowerRamp, "ann") })
	var blind, seeing rampart.Progress
	r.at(8*day+12*time.Hour, func() { blind = r.progress() })
	r.at(9*day+3*time.Hour, func() { seeing = r.progress(); r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Percent(1000), blind.Exposure)
	require.Equal(t, rampart.Waiting, blind.State)
	require.Contains(t, blind.Note, "gates that answer")
	require.Equal(t, rampart.Percent(5000), seeing.Exposure)
}

func TestAnApprovalOnThePassingTickCounts(t *testing.T) {
	r := newRig(t, fivePhases())
	r.at(8*day, func() {
		seen := r.began.Add(5 * day).UnixMilli() // when the last hold was over; since then the gates are only guarded
		r.SignalWorkflow(rampart.SignalApprove, rampart.Approval{Phase: rampart.MaxPowerRamp, By: "ann", Tick: seen})
	})
	r.at(9*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, []float64{0, 1, 5, 10, 50, 0}, r.path(), "%v", r.story())
}

func TestAnApprovalUnderWayWhenTheLaunchIsHeldIsVoid(t *testing.T) {
	r := newRig(t, fivePhases())
	r.verified = func(activities.VerifyInput) {
		r.ask(rampart.UpdateReject, rampart.Ask{By: "cy", Phase: rampart.MaxPowerRamp, Hold: true, Reason: "not yet"})
	}
	r.at(8*day, func() { r.approve(rampart.MaxPowerRamp, "ann") })
	r.at(9*day, func() { r.ask(rampart.UpdateResume, rampart.Ask{By: "cy"}) })
	var p rampart.Progress
	r.at(10*day, func() { p = r.progress(); r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.MaxPowerRamp, p.Asking)
	require.Empty(t, p.Approvals)
	require.Contains(t, strings.Join(r.story(), "\n"), "before the launch was held")
}

func TestAPauseTakesBackAWishToAdvance(t *testing.T) {
	r := newRig(t, fivePhases())
	var wish *reply
	r.metric = func(_ string, at time.Time) (float64, error) {
		if at.After(r.began.Add(2*day + 5*time.Hour)) {
			return 0, errors.New("connection refused")
		}
		return 0, nil
	}
	r.at(2*day+30*time.Minute, func() { // nothing was looked at in this step
		wish = r.ask(rampart.UpdateAdvance, rampart.Ask{By: "bo"})
		r.ask(rampart.UpdatePause, rampart.Ask{By: "cy"})
		r.ask(rampart.UpdateResume, rampart.Ask{By: "cy"})
	})
	var exposure rampart.Percent
	r.at(2*day+4*time.Hour, func() { exposure = r.flag().Flag.Exposure; r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.ErrorContains(t, wish.err, "cy paused the launch")
	require.Equal(t, rampart.Percent(100), exposure)
}

func TestAdvanceIsAnsweredFromTheLastTick(t *testing.T) {
	r := newRig(t, fivePhases())
	var exposure rampart.Percent
	r.at(2*day+5*time.Hour+time.Minute, func() { r.ask(rampart.UpdateAdvance, rampart.Ask{By: "bo"}) })
	r.at(2*day+5*time.Hour+2*time.Minute, func() { exposure = r.flag().Flag.Exposure; r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Percent(500), exposure)
}

func TestResumingAPauseDoesNotDecideOnAHold(t *testing.T) {
	plan := fivePhases()
	limit := 1.0
	plan.Gates = append(plan.Gates, rampart.Gate{
		Name: "pool", Threshold: &rampart.Threshold{Query: "pool", Max: &limit}, OnBreach: &rampart.Policy{Action: rampart.ActHold},
	})
	r := newRig(t, plan)
	r.metric = func(query string, at time.Time) (float64, error) {
		if query == "pool" && at.After(r.began.Add(3*day)) && at.Before(r.began.Add(3*day+4*time.Hour)) {
			return 61, nil
		}
		return 0, nil
	}
	r.at(3*day-time.Hour, func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo", Reason: "lunch"}) })
	r.at(4*day, func() { r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"}) })
	var held, on rampart.Progress
	r.at(5*day, func() { held = r.progress(); r.ask(rampart.UpdateResume, rampart.Ask{By: "bo", Reason: "pool grown"}) })
	r.at(5*day+time.Hour, func() { on = r.progress(); r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Held, held.State)
	require.Equal(t, rampart.Watching, on.State)
}

func TestWhatPeopleSendIsBounded(t *testing.T) {
	huge := strings.Repeat("é\n", 500_000)
	r := newRig(t, fivePhases())
	r.at(8*day, func() {
		r.SignalWorkflow(rampart.SignalApprove, rampart.Approval{Phase: rampart.MaxPowerRamp, By: "ann", Note: huge})
		r.SignalWorkflow(rampart.SignalApprove, rampart.Approval{Phase: rampart.MaxPowerRamp, By: huge[:2000]})
		r.SignalWorkflow(rampart.SignalLost, huge)
	})
	var p rampart.Progress
	var by *reply
	r.at(9*day, func() {
		p = r.progress()
		by = r.ask(rampart.UpdatePause, rampart.Ask{By: huge})
		r.SignalWorkflow(rampart.SignalKill, huge)
	})
	out, err := r.walk()
	require.NoError(t, err)
	require.Empty(t, p.Approvals)
	require.ErrorContains(t, by.refused, "longer than")
	require.LessOrEqual(t, len([]rune(out.Reason)), 2000)
	require.NotContains(t, out.Reason, "\n")
	for _, c := range r.progress().Story {
		require.LessOrEqual(t, len([]rune(c.Text)), 2000)
	}
}

func TestMoreConsentThanIsNeededIsRefused(t *testing.T) {
	r := newRig(t, fivePhases())
	r.at(8*day, func() {
		r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"})
		r.approve(rampart.MaxPowerRamp, "ann")
		r.approve(rampart.MaxPowerRamp, "cy")
	})
	var p rampart.Progress
	r.at(9*day, func() { p = r.progress(); r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Len(t, p.Approvals, 1)
	require.Contains(t, strings.Join(r.story(), "\n"), "has all the consent")
}

func TestARaiseThatTheStoreDoesNotTakeLeavesTheGuardAwake(t *testing.T) {
	r := newRig(t, fivePhases())
	r.at(4*day-time.Hour, func() { r.away = "Expose" }) // before the step to 10 %
	harm := false
	r.metric = func(string, time.Time) (float64, error) {
		if harm {
			return 4, nil
		}
		return 0, nil
	}
	var waiting rampart.Progress
	r.at(4*day+6*time.Hour, func() { waiting, harm = r.progress(), true })
	r.at(4*day+9*time.Hour, func() { r.away = "" })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Percent(500), waiting.Exposure)
	require.Equal(t, rampart.CauseBreach, out.Cause)
	require.Equal(t, []float64{0, 1, 5, 0, 0}, r.path(), "%v", r.story())
}

func TestAPauseWhileTheGatesSayYesIsHeeded(t *testing.T) {
	r := newRig(t, fivePhases())
	asked := time.Time{}
	pause := once(func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}) })
	r.taken = func(at time.Time) {
		if !asked.IsZero() && !at.Before(asked) {
			pause()
		}
	}
	r.at(8*day+time.Minute, func() { asked = r.Now(); r.approve(rampart.MaxPowerRamp, "ann") })
	var p rampart.Progress
	r.at(9*day, func() { p = r.progress(); r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Paused, p.State)
	require.Equal(t, rampart.Percent(1000), p.Exposure, "%v", r.story())
}
