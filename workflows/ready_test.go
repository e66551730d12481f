package workflows_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
)

// raises returns when each exposure was written, by percent.
func (r *rig) raises() map[float64]time.Time {
	events, err := r.store.History(r.t.Context(), r.plan.Flag, 1000)
	require.NoError(r.t, err)
	at := map[float64]time.Time{}
	for _, e := range events { // the newest first, so that the first of a kind stays
		if e.Verb == "expose" {
			at[e.Exposure.Float()] = time.UnixMilli(e.Version).UTC() // the fence is workflow time
		}
	}
	return at
}

func TestRaisesWaitForTheCalendar(t *testing.T) {
	r := newRig(t, fivePhases())
	r.whenAsked("ann")
	frozen := r.began.Add(9 * day)
	r.plan.Calendar = &rampart.Calendar{Zone: "Europe/Berlin", Promote: "mon-thu 09:00-16:00", Freeze: []rampart.Freeze{
		{From: rampart.Date(frozen.Format(time.DateOnly)), Until: rampart.Date(frozen.Add(20 * day).Format(time.DateOnly)), Why: "Christmas peak"}}}
	var waiting rampart.Progress
	r.at(20*day, func() { waiting = r.progress() }) // whatever day of the week it began on, nothing is held for so long
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Launched, out.State)
	require.Equal(t, []float64{0, 1, 5, 10, 50, 75, 95, 100}, r.path())
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for percent, at := range r.raises() {
		local := at.In(zone)
		require.Contains(t, []time.Weekday{1, 2, 3, 4}, local.Weekday(), "%g %% at %s", percent, local)
		require.True(t, 9 <= local.Hour() && local.Hour() < 16, "%g %% at %s", percent, local)
		thawed := frozen.Add(20 * day).Truncate(day)
		require.False(t, !at.Before(frozen) && at.Before(thawed), "%g %% in the freeze, at %s", percent, at)
	}
	require.Equal(t, rampart.Waiting, waiting.State)
	require.Equal(t, rampart.ForFreeze, waiting.WaitingFor)
	require.Contains(t, waiting.Note, "Christmas peak")
	require.Positive(t, waiting.Until)
}

func TestACalendarDelaysNoTurningBack(t *testing.T) {
	r := newRig(t, fivePhases())
	r.plan.Calendar = &rampart.Calendar{Zone: "UTC", Freeze: []rampart.Freeze{{
		From:  rampart.Date(r.began.Add(2 * day).Add(12 * time.Hour).Format(time.DateOnly)),
		Until: rampart.Date(r.began.Add(60 * day).Format(time.DateOnly))}}}
	// The first raise is before the freeze, the second would be in it.
	r.plan.Stages[0].Steps[0].Hold = rampart.Duration(day)
	r.metric = func(_ string, at time.Time) (float64, error) {
		if at.After(r.began.Add(20 * day)) {
			return 4, nil
		}
		return 0, nil
	}
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.CauseBreach, out.Cause)
	require.Equal(t, []float64{0, 1, 0, 0}, r.path())
}

// Consent may be given while a calendar is awaited, and what is found meanwhile voids it.
func TestConsentLastsUntilTheStageIsEntered(t *testing.T) {
	r := newRig(t, fivePhases())
	r.plan.Gates[0].OnBreach = &rampart.Policy{Action: rampart.ActHold}
	r.plan.Stages[0].Steps[0].Hold = rampart.Duration(day)
	r.plan.Calendar = &rampart.Calendar{Zone: "UTC", Freeze: []rampart.Freeze{{
		From:  rampart.Date(r.began.Add(4 * day).Format(time.DateOnly)),
		Until: rampart.Date(r.began.Add(30 * day).Format(time.DateOnly))}}}
	r.at(5*day, func() { r.approve(rampart.MaxPowerRamp, "ann") })
	var agreed, held rampart.Progress
	r.at(10*day, func() { agreed = r.progress() })
	r.metric = func(_ string, at time.Time) (float64, error) {
		if at.After(r.began.Add(12*day)) && at.Before(r.began.Add(12*day+3*time.Hour)) {
			return 4, nil
		}
		return 0, nil
	}
	r.at(13*day, func() { held = r.progress() })
	r.at(14*day, func() { r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"}) })
	var late rampart.Progress
	r.at(40*day, func() { late = r.progress() })
	r.at(41*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Len(t, agreed.Approvals, 1)
	require.Equal(t, rampart.ForFreeze, agreed.WaitingFor)
	require.Equal(t, rampart.Held, held.State)
	require.Empty(t, held.Approvals)
	require.Equal(t, rampart.MaxPowerRamp, late.Asking, "thawed, but nobody has consented again")
	require.NotContains(t, r.path(), 50.0)
}

func TestRaisesWaitForWhatThePlanRequires(t *testing.T) {
	r := newRig(t, fivePhases())
	r.whenAsked("ann")
	few := 10.0
	r.plan.Requires = []rampart.Requirement{{Flag: "new-cart"}, {Query: "replicas", Min: &few}}
	replicas := 3.0
	r.metric = func(query string, at time.Time) (float64, error) {
		switch {
		case query != "replicas":
			return 0, nil
		case at.Before(r.began.Add(3 * day)):
			return 0, errors.New("connection refused")
		case at.Before(r.began.Add(6 * day)):
			return replicas, nil
		}
		return 12, nil
	}
	var first, second, third rampart.Progress
	r.at(time.Hour, func() { first = r.progress() })
	r.at(2*day, func() {
		_, err := r.store.Put(t.Context(), flagstore.Write{Flag: rampart.Flag{Format: 1, Name: "new-cart", Exposure: rampart.Full, Lifecycle: rampart.Released},
			Pen: rampart.Pen{Owner: "flag/production/new-cart", Fence: 5}, Verb: "finish", By: "x"})
		require.NoError(t, err)
	})
	r.at(2*day+12*time.Hour, func() { second = r.progress() })
	r.at(5*day, func() { third = r.progress() })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Launched, out.State)
	require.Equal(t, rampart.ForRequirement, first.WaitingFor)
	require.Contains(t, first.Note, "flag new-cart does not exist; no answer to replicas")
	require.Contains(t, second.Note, "no answer to replicas")
	require.NotContains(t, second.Note, "new-cart")
	require.Contains(t, third.Note, "replicas is below 10")
	require.True(t, r.raises()[0].After(r.began.Add(6*day)), "nobody, not even the internal segment, was exposed before")
}

// A requirement that swings around its bound must not fill history.
func TestARequirementThatSwingsIsToldOfForAWhileOnly(t *testing.T) {
	r := newRig(t, fivePhases())
	one, many := 1.0, 5.0
	r.plan.Requires = []rampart.Requirement{{Query: "a", Max: &one}, {Query: "b", Max: &many}}
	r.metric = func(query string, at time.Time) (float64, error) {
		if odd := at.Unix()/3600%2 == 1; (query == "a") == odd {
			return 9, nil
		}
		return 0, nil
	}
	r.at(90*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	told := 0
	for _, line := range r.story() {
		if len(line) > 8 && line[:9] == "waits for" {
			told++
		}
	}
	require.Greater(t, told, 5)
	require.LessOrEqual(t, told, 20)
}

func TestARequestForConsentThatNobodyAnswersExpires(t *testing.T) {
	r := newRig(t, fivePhases())
	r.plan.Notify = []string{"releases"}
	r.plan.Stages[2].Approvals = &rampart.Approvals{Groups: []string{"product", "engineering"}, Expire: rampart.Duration(3 * day)}
	mpr := rampart.MaxPowerRamp
	r.at(6*day, func() {
		r.SignalWorkflow(rampart.SignalApprove, rampart.Approval{Phase: mpr, By: "ann", Group: "product"})
	})
	var held, again rampart.Progress
	r.at(9*day, func() { held = r.progress() })
	r.at(10*day, func() { r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"}) })
	r.at(10*day+time.Hour, func() { again = r.progress() })
	r.at(11*day, func() {
		r.SignalWorkflow(rampart.SignalApprove, rampart.Approval{Phase: mpr, By: "ann", Group: "product"})
		r.SignalWorkflow(rampart.SignalApprove, rampart.Approval{Phase: mpr, By: "eve", Group: "engineering"})
	})
	r.at(13*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Held, held.State)
	require.Contains(t, held.Note, "engineering")
	require.Empty(t, held.Approvals)
	require.Equal(t, "product, engineering", again.Missing)
	require.Equal(t, []float64{0, 1, 5, 10, 50, 0}, r.path())
	var events []string
	for _, n := range r.notices {
		events = append(events, n.Event)
	}
	require.Contains(t, events, "held")
}

func TestARelaunchBeginsWhereTheLaunchBeforeGot(t *testing.T) {
	before := func(phase rampart.Phase) rampart.FlagIntent {
		return rampart.FlagIntent{Last: &rampart.Outcome{State: rampart.TurnedBack, Phase: phase, Receipt: rampart.Receipt{FirstExposed: 1, Highest: 5000}}}
	}
	for name, tt := range map[string]struct {
		from   rampart.Phase
		intent rampart.FlagIntent
		path   []float64
		want   string
	}{
		"with the phase that broke": {from: rampart.MaxPowerRamp, intent: before(rampart.MaxPowerRamp), path: []float64{50, 75, 95, 100}},
		"with an earlier one":       {from: rampart.Debug, intent: before(rampart.Scalability), path: []float64{1, 5, 10, 50, 75, 95, 100}},
		"after one that was swept": {from: rampart.Debug, path: []float64{1, 5, 10, 50, 75, 95, 100},
			intent: rampart.FlagIntent{Last: &rampart.Outcome{State: rampart.TurnedBack, Cause: rampart.CauseSwept, Phase: rampart.Debug}}},
		"but not with one that it entered without exposing anybody": {from: rampart.Learning, intent: before(rampart.Learning), want: "exposed no more than 50 %"},
		"but with no later one":          {from: rampart.Scalability, intent: before(rampart.Debug), want: "ended in debug"},
		"but not where there was none":   {from: rampart.Debug, want: "not exposed by a launch yet"},
		"but not with one that is not":   {from: "canary", intent: before(rampart.Debug), want: "no stage"},
		"but not after a good end":       {from: rampart.Debug, intent: rampart.FlagIntent{Last: &rampart.Outcome{State: rampart.Launched, Phase: rampart.Learning, Receipt: rampart.Receipt{FirstExposed: 1}}}, want: "launched to its end"},
		"and nobody is skipped who asks": {from: rampart.Debug, intent: before(rampart.Debug), path: []float64{1, 5, 10, 50, 75, 95, 100}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, fivePhases())
			r.from, r.intent = tt.from, tt.intent
			var asked []rampart.Phase
			r.whenAsked("ann")
			r.at(30*time.Minute, func() { asked = append(asked, r.progress().Asking) })
			out, err := r.walk()
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, rampart.Launched, out.State)
			require.Equal(t, tt.path, r.path())
			require.Equal(t, []rampart.Phase{tt.from}, asked, "nobody walks up to it, so somebody must say so")
			require.NotEmpty(t, r.flag().Flag.On)
		})
	}
}

func TestAReceiptSaysWhetherTheHoldoutWasClean(t *testing.T) {
	for name, tt := range map[string]struct {
		before rampart.Percent
		clean  bool
		want   string
	}{
		"clean":               {clean: true, want: "the holdout above 95 % was clean"},
		"exposed before":      {before: 9900, want: "was not clean: an earlier launch had exposed 99 %"},
		"a launch up to here": {before: 5000, clean: true, want: "was clean"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, fivePhases())
			if tt.before > 0 {
				f := r.flag().Flag
				f.HighWater = tt.before
				r.edit(f)
			}
			r.whenAsked("ann")
			out, err := r.walk()
			require.NoError(t, err)
			require.Equal(t, tt.clean, out.Receipt.HoldoutClean)
			require.Contains(t, out.Receipt.Text, tt.want)
		})
	}
}

// The server ends a workflow whose history is full, with nobody left to turn back.
func TestALaunchWhoseHistoryIsNearlyFullTurnsBack(t *testing.T) {
	r := newRig(t, fivePhases())
	r.plan.Notify = []string{"releases"}
	r.at(3*day, func() { r.SetCurrentHistoryLength(45_000) })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.TurnedBack, out.State)
	require.Contains(t, out.Reason, "history is full")
	require.Equal(t, []float64{0, 1, 5, 0}, r.path())
	require.True(t, slices.ContainsFunc(r.notices, func(n activities.Notice) bool { return n.Event == "page" && n.Urgent }))
}

// A bound that swings says nothing new to who is to decide already.
func TestAHoldIsToldOnceHoweverOftenItsBoundSwings(t *testing.T) {
	plan := fivePhases()
	plan.Gates[0].OnBreach = &rampart.Policy{Action: rampart.ActHold}
	plan.Notify = []string{"releases"}
	r := newRig(t, plan)
	r.metric = func(_ string, at time.Time) (float64, error) {
		return float64(at.Unix() / 3600 % 2 * 4), nil
	}
	r.at(6*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	held := 0
	for _, n := range r.notices {
		if n.Event == "held" {
			held++
		}
	}
	require.Equal(t, 1, held)
}
