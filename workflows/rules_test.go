package workflows_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

func TestAPauseStopsTheHoldButNotTheGuard(t *testing.T) {
	r := newRig(t, fivePhases())
	var before, after rampart.Progress
	var paused, resume *reply
	r.at(2*day+6*time.Hour, func() { paused = r.ask(rampart.UpdatePause, rampart.Ask{By: "bo", Reason: "lunch"}) })
	r.at(2*day+7*time.Hour, func() { before = r.progress() })
	r.at(9*day, func() { after = r.progress() })
	r.at(9*day+time.Minute, func() { resume = r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"}) })
	var resumed rampart.Percent
	r.at(10*day, func() { resumed = r.flag().Flag.Exposure })
	r.metric = func(_ string, at time.Time) (float64, error) {
		if at.After(r.began.Add(10 * day)) {
			return 4, nil
		}
		return 0, nil
	}
	out, err := r.walk()
	require.NoError(t, err)
	require.True(t, paused.accepted && resume.accepted)
	require.Equal(t, rampart.Paused, before.State)
	require.Equal(t, rampart.Paused, after.State)
	require.Equal(t, rampart.Percent(500), resumed, "a day after the pause the rest of the hold is over")
	require.Equal(t, before.Held, after.Held)
	require.Equal(t, rampart.CauseBreach, out.Cause)
	require.Equal(t, []float64{0, 1, 5, 0, 0}, r.path(), "the watch turns back at once, and the launch hands over")
}

func TestABreachDuringAPauseTurnsBack(t *testing.T) {
	r := newRig(t, fivePhases())
	r.at(2*day+6*time.Hour, func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}) })
	r.metric = func(_ string, at time.Time) (float64, error) {
		if at.After(r.began.Add(5 * day)) {
			return 4, nil
		}
		return 0, nil
	}
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.CauseBreach, out.Cause)
	require.Equal(t, []float64{0, 1, 0, 0}, r.path())
}

func TestAdvanceEndsAHoldOnlyIfTheGatesAgree(t *testing.T) {
	r := newRig(t, fivePhases())
	r.plan.OnBlind = &rampart.BlindPolicy{Action: rampart.ActHold, After: rampart.Duration(day)}
	blind := func(at time.Time) bool {
		return at.After(r.began.Add(2*day+4*time.Hour)) && at.Before(r.began.Add(2*day+8*time.Hour))
	}
	r.metric = func(_ string, at time.Time) (float64, error) {
		if blind(at) {
			return 0, errors.New("connection refused")
		}
		return 0, nil
	}
	var refused, done *reply
	r.at(2*day+5*time.Hour, func() { refused = r.ask(rampart.UpdateAdvance, rampart.Ask{By: "bo"}) })
	r.at(2*day+12*time.Hour, func() { done = r.ask(rampart.UpdateAdvance, rampart.Ask{By: "bo", Reason: "quiet"}) })
	var exposure rampart.Percent
	r.at(2*day+14*time.Hour, func() { exposure = r.flag().Flag.Exposure })
	r.at(2*day+15*time.Hour, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.True(t, refused.accepted)
	require.ErrorContains(t, refused.err, "blind")
	require.NoError(t, done.err)
	require.Equal(t, "advanced", done.answer)
	require.Equal(t, rampart.Percent(500), exposure)
}

func TestRequestsThatMakeNoSenseAreRefusedWithTheReason(t *testing.T) {
	r := newRig(t, fivePhases())
	var got []*reply
	want := []string{
		"does not say who", "neither paused nor held", "waits for no approval", "paused the launch already",
		"is paused", "takes a reason", "waits for approval of max-power-ramp", "waits for an approval of max-power-ramp", "longer than",
	}
	try := func(name string, a rampart.Ask) { got = append(got, r.ask(name, a)) }
	r.at(3*day, func() {
		try(rampart.UpdatePause, rampart.Ask{})
		try(rampart.UpdateResume, rampart.Ask{By: "bo"})
		try(rampart.UpdateReject, rampart.Ask{By: "bo", Phase: rampart.Debug})
		r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"})
		try(rampart.UpdatePause, rampart.Ask{By: "cy"})
		try(rampart.UpdateAdvance, rampart.Ask{By: "bo"})
		r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"})
		try(rampart.UpdateAdvance, rampart.Ask{By: "bo", AcceptUndecided: true})
	})
	r.at(10*day, func() {
		try(rampart.UpdateAdvance, rampart.Ask{By: "bo"})
		try(rampart.UpdateReject, rampart.Ask{By: "bo", Phase: rampart.Learning})
		try(rampart.UpdatePause, rampart.Ask{By: "bo", Reason: strings.Repeat("x", 3000)})
		r.SignalWorkflow(rampart.SignalKill, "enough")
	})
	_, err := r.walk()
	require.NoError(t, err)
	require.Len(t, got, len(want))
	for i, w := range want {
		require.ErrorContains(t, got[i].refused, w)
	}
}

func TestApprovalsThatDoNotCountChangeNothing(t *testing.T) {
	r := newRig(t, fivePhases())
	r.plan.Stages[2].Approvals = &rampart.Approvals{Groups: []string{"product", "engineering"}}
	send := func(a rampart.Approval) { r.SignalWorkflow(rampart.SignalApprove, a) }
	mpr := rampart.MaxPowerRamp
	r.at(3*day, func() { send(rampart.Approval{Phase: mpr, By: "early", Group: "product"}) })
	var standing rampart.Progress
	r.at(8*day, func() {
		send(rampart.Approval{Phase: rampart.Learning, By: "ann", Group: "product"})
		send(rampart.Approval{Phase: mpr, By: "rita", Group: "product"})
		send(rampart.Approval{Phase: mpr, By: "", Group: "product"})
		send(rampart.Approval{Phase: mpr, By: "ann"})
		send(rampart.Approval{Phase: mpr, By: "ann", Group: "sales"})
		send(rampart.Approval{Phase: mpr, By: "ann", Group: "product", Revision: 7})
		send(rampart.Approval{Phase: mpr, By: "ann", Group: "product"})
		send(rampart.Approval{Phase: mpr, By: "ann", Group: "engineering"})
		send(rampart.Approval{Phase: mpr, By: "cy", Group: "product"})
	})
	r.at(9*day, func() { standing = r.progress() })
	r.at(9*day+time.Hour, func() { send(rampart.Approval{Phase: mpr, By: "bo", Group: "engineering"}) })
	r.at(9*day+2*time.Hour, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, mpr, standing.Asking)
	require.Equal(t, "engineering", standing.Missing)
	require.Len(t, standing.Approvals, 1)
	require.Equal(t, "ann", standing.Approvals[0].By)
	require.Equal(t, []float64{0, 1, 5, 10, 50, 0}, r.path())
	story := strings.Join(r.story(), "\n")
	for _, why := range []string{
		"waits for no approval", "waits for an approval of max-power-ramp", "somebody else must approve", "does not name its author",
		"does not say for which group", "sales is not one of the groups", "revision 7", "ann has approved already", "product has approved already",
	} {
		require.Contains(t, story, why)
	}
}

func TestAnApprovalOnEvidenceThatBecameWorseDoesNotCount(t *testing.T) {
	r := newRig(t, fivePhases())
	worse := func(at time.Time) bool { return at.After(r.began.Add(8*day + 4*time.Hour)) }
	r.metric = func(_ string, at time.Time) (float64, error) {
		if worse(at) && at.Before(r.began.Add(9*day)) {
			return 0, errors.New("connection refused")
		}
		return 0, nil
	}
	seen := func() int64 { return r.began.Add(8 * day).UnixMilli() }
	r.at(8*day+6*time.Hour, func() {
		r.SignalWorkflow(rampart.SignalApprove, rampart.Approval{Phase: rampart.MaxPowerRamp, By: "ann", Tick: seen()})
	})
	var p rampart.Progress
	r.at(8*day+8*time.Hour, func() { p = r.progress(); r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Empty(t, p.Approvals)
	require.Contains(t, strings.Join(r.story(), "\n"), "became worse")
}

func TestABreachThatHoldsWaitsForAPersonAndVoidsApprovals(t *testing.T) {
	plan := fivePhases()
	limit := 1.0
	plan.Gates = append(plan.Gates, rampart.Gate{
		Name: "pool", Threshold: &rampart.Threshold{Query: "pool", Max: &limit}, OnBreach: &rampart.Policy{Action: rampart.ActHold},
	})
	r := newRig(t, plan)
	r.plan.Stages[2].Approvals = &rampart.Approvals{Count: 2}
	r.metric = func(query string, at time.Time) (float64, error) {
		if query == "pool" && at.After(r.began.Add(9*day)) && at.Before(r.began.Add(10*day)) {
			return 61, nil
		}
		return 0, nil
	}
	r.at(8*day, func() { r.approve(rampart.MaxPowerRamp, "ann") })
	var held, later rampart.Progress
	r.at(9*day+12*time.Hour, func() { held = r.progress() })
	r.at(11*day, func() {
		r.approve(rampart.MaxPowerRamp, "ann")
		r.approve(rampart.MaxPowerRamp, "bo")
	})
	r.at(12*day, func() { later = r.progress(); r.ask(rampart.UpdateResume, rampart.Ask{By: "bo", Reason: "pool grown"}) })
	r.at(13*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Held, held.State)
	require.Contains(t, held.Note, "pool")
	require.Empty(t, held.Approvals)
	require.Equal(t, rampart.Held, later.State, "approvals do not lift a hold")
	require.Equal(t, []float64{0, 1, 5, 10, 50, 0}, r.path())
}

func TestBlindTimeDoesNotCountAndGoesOnByItself(t *testing.T) {
	r := newRig(t, fivePhases())
	r.plan.OnBlind = &rampart.BlindPolicy{Action: rampart.ActHold, After: rampart.Duration(3 * day)}
	r.metric = func(_ string, at time.Time) (float64, error) {
		if at.After(r.began.Add(2*day+6*time.Hour)) && at.Before(r.began.Add(4*day)) {
			return 0, errors.New("connection refused")
		}
		return 0, nil
	}
	var during, after rampart.Percent
	r.at(4*day, func() { during = r.flag().Flag.Exposure })
	r.at(5*day, func() { after = r.flag().Flag.Exposure; r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Percent(100), during)
	require.Equal(t, rampart.Percent(500), after)
}

func TestBlindBeyondTheLimitIsHeldAndPages(t *testing.T) {
	plan := fivePhases()
	plan.Notify = []string{"releases"}
	r := newRig(t, plan)
	r.metric = func(_ string, at time.Time) (float64, error) {
		if at.After(r.began.Add(2*day+6*time.Hour)) && at.Before(r.began.Add(3*day)) {
			return 0, errors.New("connection refused")
		}
		return 0, nil
	}
	var p rampart.Progress
	r.at(6*day, func() { p = r.progress(); r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Held, p.State)
	require.Equal(t, []float64{0, 1, 0}, r.path())
	var events []string
	for _, n := range r.notices {
		events = append(events, n.Event)
		require.NotEmpty(t, n.ID)
	}
	require.Equal(t, []string{"started", "held", "killed"}, events)
	require.True(t, r.notices[1].Urgent)
	require.NotNil(t, r.notices[2].Receipt)
}

func TestAParachuteThatDoesNotOpenHoldsTheLaunch(t *testing.T) {
	r := newRig(t, fivePhases())
	lame := flagstore.Reader{ID: "shop-1", Service: "shop", Revision: 1}
	_, err := r.store.Confirm(t.Context(), lame)
	require.NoError(t, err)
	r.plan.Parachute = &rampart.Parachute{Share: rampart.Full, Wait: rampart.Duration(time.Second)}
	var held rampart.Progress
	r.at(time.Hour, func() {
		held = r.progress()
		_, revision, err := r.store.Revision(context.Background())
		require.NoError(t, err)
		lame.Revision = revision
		_, err = r.store.Confirm(context.Background(), lame)
		require.NoError(t, err)
		r.ask(rampart.UpdateResume, rampart.Ask{By: "bo", Reason: "reader mended"})
	})
	r.at(day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err = r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Held, held.State)
	require.Contains(t, held.Note, "0 of 1 readers")
	require.Zero(t, held.Exposed)
	require.Contains(t, strings.Join(r.story(), "\n"), "parachute opens: 1 of 1 readers")
}

func TestALostOrEditedDocumentIsWrittenAgain(t *testing.T) {
	r := newRig(t, fivePhases())
	r.at(3*day, func() { r.redis.Restart() })
	var lost, edited flagstore.Entry
	r.at(3*day+3*time.Hour, func() {
		lost = r.flag()
		bad := lost.Flag
		bad.Exposure = rampart.Full
		r.edit(bad)
	})
	r.at(3*day+6*time.Hour, func() { edited = r.flag(); r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Percent(500), lost.Flag.Exposure)
	require.Equal(t, rampart.LaunchID(env, r.plan.Flag), lost.Owner)
	require.Equal(t, rampart.Percent(500), edited.Flag.Exposure)
	require.Greater(t, edited.Flag.Version, lost.Flag.Version)
}

func TestEvidenceSurvivesEveryChangeOfWatch(t *testing.T) {
	r := newRig(t, fivePhases())
	looked := map[int64]int{}
	r.metric = func(_ string, at time.Time) (float64, error) {
		looked[at.Unix()]++
		return 0, nil
	}
	r.at(2*day+6*time.Hour+time.Minute, func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}) })
	r.at(2*day+6*time.Hour+2*time.Minute, func() { r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"}) })
	r.at(8*day+30*time.Minute, func() { r.approve(rampart.MaxPowerRamp, "ann") })
	r.at(9*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	out, err := r.walk()
	require.NoError(t, err)
	for at, n := range looked {
		require.Equal(t, 1, n, "the tick of %s was judged again", time.Unix(at, 0).UTC())
	}
	require.EqualValues(t, len(looked), out.Receipt.Looks)
	require.InDelta(t, 9*24, len(looked), 3, "a tick an hour, from the first exposure to the kill")
}
