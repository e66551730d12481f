package acceptance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/temporaltest"
)

func TestKillNeedsNoTemporalAndTheLaunchNoticesWhenItIsBack(t *testing.T) {
	t.Parallel()
	s := newStackOn(t, temporaltest.Start(t))
	s.work()
	readers := []*reader{s.read("checkout-v2"), s.read("checkout-v2"), s.read("checkout-v2")}
	plan := s.aPlan("checkout-v2")
	plan.Stages[0].Steps[0].Hold = rampart.Duration(time.Hour)
	l := s.start(plan)
	l.awaits(rampart.Watching, ten)
	for _, r := range readers {
		r.awaits("on", "checkout-v2", func(saw sight) bool { return saw.Exposure == ten && saw.Lowest })
	}

	s.temporal.Kill()
	code, says := s.rampart("kill", "checkout-v2", "--reason", "support queue on fire", "--as", "oncall")

	require.Zero(t, code, says)
	require.Contains(t, says, "off in ")
	require.Contains(t, says, "3 of 3 readers confirmed")
	require.Contains(t, says, "finds the kill in the store at its next look")
	for _, r := range readers {
		saw, _ := r.sees("checkout-v2")
		require.True(t, saw.Killed && !saw.Lowest, "%+v", saw)
	}
	code, says = s.rampart("flag", "get", "checkout-v2")
	require.Zero(t, code, says)
	require.Contains(t, says, "killed")

	s.temporal.Restart()
	out := l.ends(rampart.Killed)
	require.Equal(t, rampart.CausePerson, out.Cause)
	require.Equal(t, "oncall", out.By)
	require.Equal(t, "support queue on fire", out.Reason)
	require.Contains(t, out.Receipt.Text, "(3 of 3 readers)")
	require.NotZero(t, out.Receipt.Everywhere)
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "kill 0 %", "kill 0 %") // of the register, and of the document
	s.awaitsKillKnown("checkout-v2")
}
