package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

// What only a real server does: it ends workflows past their code, and refuses what is
// too large.

func TestAFlagOutlivesATerminatedLaunch(t *testing.T) {
	t.Parallel()
	r := newRecorder(t, "terminated")
	r.start()
	r.reach(500)
	require.NoError(t, r.s.Temporal.TerminateWorkflow(t.Context(), r.id(), "", "a slip"))

	_, err := r.s.Start(t.Context(), starter.Launching{Plan: r.plan, By: "rita"})
	require.Equal(t, rampart.Refused, rampart.KindOf(err), "%v", err)
	require.Contains(t, rampart.HintOf(err), "flag disable")

	killed, err := r.s.Kill(t.Context(), r.plan.Flag, "oncall", "nobody guards it", time.Second)
	require.NoError(t, err)
	require.True(t, killed.Kill.Killed)
	doc, err := r.s.Restore(t.Context(), r.plan.Flag, rampart.Ask{By: "bo", Reason: "turned back"})
	require.NoError(t, err)
	require.Zero(t, doc.Exposure)
	e, err := r.s.Store.Get(t.Context(), r.plan.Flag)
	require.NoError(t, err)
	require.Equal(t, rampart.FlagID(r.env, r.plan.Flag), e.Owner)

	r.start()
	_, err = r.s.Disable(t.Context(), r.plan.Flag, rampart.Ask{By: "bo"})
	require.ErrorContains(t, err, "is being launched")
	r.ask(r.s.TurnBack, rampart.Ask{By: "bo", Reason: "enough"})
}

func TestAHugeSignalDoesNotEndALaunch(t *testing.T) {
	t.Parallel()
	r := newRecorder(t, "huge")
	huge := strings.Repeat("x", 1<<20)
	r.start()
	r.await(func(p rampart.Progress) bool { return p.Asking != "" })
	for range 3 {
		require.NoError(t, r.s.Temporal.SignalWorkflow(t.Context(), r.id(), "", rampart.SignalApprove,
			rampart.Approval{Phase: rampart.MaxPowerRamp, By: "ann", Note: huge}))
	}
	require.NoError(t, r.s.Temporal.SignalWorkflow(t.Context(), r.id(), "", rampart.SignalKill, huge))
	out, err := r.s.Wait(t.Context(), r.plan.Flag)
	require.NoError(t, err)
	require.Equal(t, rampart.Killed, out.State)
	e, err := r.s.Store.Get(t.Context(), r.plan.Flag)
	require.NoError(t, err)
	require.Zero(t, e.Flag.Exposure)
}

func TestPeopleAreAnsweredByGatesThatAreLookedAtSeldom(t *testing.T) {
	t.Parallel()
	r := newRecorder(t, "seldom")
	r.plan.Every = seconds(10) // longer than a call may take
	r.plan.Stages[1].Steps[0].Hold = rampart.Duration(time.Hour)
	r.start()
	r.await(func(p rampart.Progress) bool { return p.Exposure == 100 && p.State == rampart.Watching })
	answer, err := r.s.Advance(t.Context(), r.plan.Flag, rampart.Ask{By: "bo", Reason: "in a hurry"})
	if err != nil { // three looks in a row must have had an answer
		require.Equal(t, rampart.Refused, rampart.KindOf(err), "%v", err)
	} else {
		require.Equal(t, "advanced", answer)
	}
	r.ask(r.s.TurnBack, rampart.Ask{By: "bo", Reason: "enough"})
}
