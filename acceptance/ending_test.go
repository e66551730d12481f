package acceptance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/temporaltest"
)

func TestHarmTurnsTheLaunchBackAndIsTold(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	hook := s.listen()
	s.work("--notify", "hook="+hook.channel)
	service := s.serve("checkout-v2")
	r := s.read("checkout-v2")
	plan := s.comparing("checkout-v2")
	plan.Stages[0].Steps[0] = rampart.Step{Percent: fifty, Hold: rampart.Duration(time.Hour)}
	plan.Notify = []string{"hook"}
	l := s.start(plan)
	l.awaitsThat("requests are counted", func(p rampart.Progress) bool { return gate(p.Verdict, "errors").OnN > 0 })

	service.onFails.Store(2)

	out := l.ends(rampart.TurnedBack)
	require.Equal(t, rampart.CauseBreach, out.Cause)
	require.Equal(t, "errors", out.Receipt.Gate)
	require.Contains(t, out.Reason, "evidence reached its limit")
	require.NotZero(t, out.Receipt.HarmSince)
	require.Positive(t, out.Receipt.Affected)
	require.Less(t, out.Receipt.Affected, out.Receipt.Requests)
	require.LessOrEqual(t, out.Receipt.BreachAt, out.Receipt.OffAt)
	require.LessOrEqual(t, out.Receipt.OffAt, out.Receipt.Everywhere)
	require.Contains(t, l.history("checkout-v2"), handedOver, "the watch had turned it back")
	r.awaits("off", "checkout-v2", func(saw sight) bool { return saw.Exposure == 0 && !saw.Lowest })
	l.requirePath("create 0 %", "acquire 0 %", "expose 50 %", "turn-back 0 %")
	events, err := s.people.Store.History(t.Context(), "checkout-v2", 1)
	require.NoError(t, err)
	require.Equal(t, out.Reason, events[0].Reason)

	hook.awaits("launch.started", func(n told) bool { return n.Data.Text == "checkout-v2 started in "+s.env+" by rita" })
	hook.awaits("launch.turned-back", func(n told) bool {
		return n.Data.Urgent && n.Data.Receipt != nil && n.Data.Text == out.Receipt.Text && n.Data.Receipt.Gate == "errors"
	})
}

func TestCancellingTheWorkflowTurnsTheFlagBackFirst(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	r := s.read("checkout-v2")
	l := s.standAtTen("checkout-v2")
	id := rampart.LaunchID(s.env, "checkout-v2")

	require.NoError(t, s.people.Temporal.CancelWorkflow(t.Context(), id, ""))

	eventually(t, "the workflow is canceled", func() (bool, any) {
		d, err := s.people.Temporal.DescribeWorkflowExecution(t.Context(), id, "")
		status := d.GetWorkflowExecutionInfo().GetStatus()
		return err == nil && status == enums.WORKFLOW_EXECUTION_STATUS_CANCELED, status
	})
	l.ends(rampart.Cancelled)
	r.awaits("off", "checkout-v2", func(saw sight) bool { return saw.Exposure == 0 && !saw.Lowest })
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "turn-back 0 %")
	require.Equal(t, rampart.FlagID(s.env, "checkout-v2"), s.entry("checkout-v2").Owner)
	// The flag is free: it is launched again, with the same salt and so the same users.
	again := s.standAtTen("checkout-v2")
	require.NotEqual(t, l.run, again.run)
}

// Nobody is there to renew the lease: the readers go back by themselves.
func TestExposureDoesNotOutliveItsGuardForLong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		gone func(s *stack, first *worker)
		back func(s *stack)
	}{
		{"all workers are gone", func(_ *stack, first *worker) { first.kill() }, func(s *stack) { s.work() }},
		{"Temporal is gone", func(s *stack, _ *worker) { s.temporal.Kill() }, func(s *stack) { s.temporal.Restart() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStackOn(t, temporaltest.Start(t))
			first := s.work()
			r := s.read("checkout-v2")
			plan := s.aPlan("checkout-v2")
			plan.Stages[0].Steps[0].Hold = rampart.Duration(time.Hour)
			plan.Lease = &rampart.Lease{End: seconds(8)}
			l := s.start(plan)
			l.awaitsThat("ten percent have been looked at", func(p rampart.Progress) bool { return p.Exposure == ten && p.Looks >= 1 })
			r.awaits("on", "checkout-v2", func(saw sight) bool { return saw.Lowest })

			c.gone(s, first)

			r.awaits("off, though nobody wrote that", "checkout-v2", func(saw sight) bool { return saw.Exposure == ten && !saw.Lowest })
			c.back(s)
			out := l.ends(rampart.TurnedBack)
			require.Equal(t, rampart.CauseLease, out.Cause)
			l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "turn-back 0 %")
		})
	}
}

func TestWorkerRefusesAStoreOfAnotherNamespaceOrEnvironment(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for _, c := range []struct {
		name string
		args []string
		says string
	}{
		{"another namespace", []string{"--namespace", "other"}, "belongs to another environment or Temporal namespace"},
		// By a user who may do everything; that of one environment is refused by Redis.
		{"another environment", []string{"--env", "elsewhere", "--redis", s.redis.URL()}, "is not set up"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, says := s.rampart(append([]string{"worker", "--listen", "127.0.0.1:0"}, c.args...)...)
			require.Equal(t, 4, code, says)
			require.Contains(t, says, c.says)
			require.Contains(t, says, "hint: ")
		})
	}
}
