package acceptance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func TestLaunchStandsStillWithoutPrometheusAndGoesOnByItself(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	s.serve("checkout-v2")
	s.read("checkout-v2")
	plan := s.comparing("checkout-v2")
	plan.Stages[0].Steps[0] = rampart.Step{Percent: fifty, Hold: seconds(6)}
	plan.Stages = plan.Stages[:1]
	l := s.start(plan)
	l.awaitsThat("a part of the hold is over", func(p rampart.Progress) bool {
		return p.Held > 0 && gate(p.Verdict, "errors").OnN > 0
	})

	s.prometheus.Kill()
	blind := l.awaitsThat("the verdict is blind", func(p rampart.Progress) bool {
		return p.Verdict != nil && p.Verdict.Word == rampart.Blind
	})
	later := l.awaitsThat("it is blind for some ticks", func(p rampart.Progress) bool {
		require.Equal(t, rampart.Blind, p.Verdict.Word)
		return p.Looks >= blind.Looks+4
	})
	require.Equal(t, blind.Held, later.Held, "the clock of the hold stands still")
	require.Equal(t, rampart.Watching, later.State)
	require.Equal(t, fifty, later.Exposure)
	code, says := s.rampart("why", "checkout-v2")
	require.Zero(t, code)
	require.Contains(t, says, "meanwhile the hold's clock stands still")

	s.prometheus.Restart()
	out := l.ends(rampart.Launched)
	require.GreaterOrEqual(t, out.Receipt.BlindFor, int64(4000))
	l.requirePath("create 0 %", "acquire 0 %", "expose 50 %", "expose 100 %", "finish 100 %")
}

// A worker that is cut off hears neither of Prometheus nor of Redis: every question
// hangs. It must find the time to say so all the same.
func TestBlindnessIsToldWhereRedisHangsToo(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	s.read("checkout-v2")
	plan := s.aPlan("checkout-v2")
	plan.Stages[0].Steps[0].Hold = rampart.Duration(time.Hour)
	plan.OnBlind = &rampart.BlindPolicy{Action: rampart.ActHold, After: seconds(5)}
	l := s.start(plan)
	l.awaitsThat("ten percent have been looked at", func(p rampart.Progress) bool { return p.Exposure == ten && p.Looks >= 1 })

	s.redis.Freeze()
	s.prometheus.Freeze()
	p := l.awaits(rampart.Held, ten)
	require.Contains(t, p.Note, "blind for")

	s.redis.Thaw()
	s.prometheus.Thaw()
	_, err := s.people.Resume(t.Context(), "checkout-v2", rampart.Ask{By: "bo", Reason: "the network is back"})
	require.NoError(t, err)
	l.awaitsThat("the gates answer again", func(p rampart.Progress) bool {
		return p.State == rampart.Watching && p.Verdict.Word == rampart.Holding
	})
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %")
}
