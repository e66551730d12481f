package acceptance_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/workflows"
)

// Termination and timeouts skip all that a workflow would do at its end.
func TestFlagOfALaunchThatWasEndedFromOutsideIsSwept(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		launch   func(*stack, rampart.Plan) *launch
		gone     func(*launch, *worker, func() *worker) *worker // who sweeps
		exposure rampart.Percent
		says     string
	}{
		{"terminated under a lease", (*stack).start, (*launch).terminate, ten, "is terminated"},
		{"terminated in the bake, which has no lease", func(s *stack, p rampart.Plan) *launch {
			p.Stages = p.Stages[:1]
			p.Stages[0].Steps[0].Hold = seconds(1)
			p.Finish.Bake = rampart.Duration(time.Hour)
			return s.start(p)
		}, (*launch).terminate, rampart.Full, "is terminated"},
		{"timed out", func(s *stack, p rampart.Plan) *launch { return s.startWithin(p, 25*time.Second) }, (*launch).timeOut, ten, "is timed out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			hook := s.listen()
			work := func() *worker { return s.work("--notify", "hook="+hook.channel) }
			w := work()
			r := s.read("checkout-v2")
			plan := s.aPlan("checkout-v2")
			plan.Notify = []string{"hook"}
			plan.Stages[0].Steps[0].Hold = rampart.Duration(time.Hour)
			l := c.launch(s, plan)
			l.awaitsThat("it is exposed", func(p rampart.Progress) bool { return p.Exposure == c.exposure && p.Looks >= 1 })
			left := s.entry("checkout-v2").Flag

			w = c.gone(l, w, work)

			out := l.ends(rampart.TurnedBack)
			require.Equal(t, rampart.CauseSwept, out.Cause)
			require.Contains(t, out.Reason, c.says)
			r.awaits("off", "checkout-v2", func(saw sight) bool { return saw.Exposure == 0 && !saw.Lowest })
			is := s.entry("checkout-v2")
			require.Equal(t, rampart.FlagID(s.env, "checkout-v2"), is.Owner)
			require.Nil(t, is.Lease)
			events, err := s.people.Store.History(t.Context(), "checkout-v2", 1)
			require.NoError(t, err)
			require.Equal(t, "sweep", events[0].Verb)
			require.Equal(t, rampart.SweepID(s.env), events[0].By)
			require.Contains(t, events[0].Reason, c.says)
			hook.awaits("launch.swept", func(n told) bool { return n.Data.Urgent && strings.Contains(n.Data.Text, c.says) })
			w.awaitsMetric(fmt.Sprintf(`rampart_swept_flags_total{environment=%q,why="closed"} 1`, s.env))
			code, says := s.rampart("status", "checkout-v2")
			require.Equal(t, 0, code, says)
			require.Contains(t, says, "swept")

			// A zombie of the launch is turned away: the write of its last exposure, sent
			// again now, and one under a fence of today.
			for _, fence := range []int64{left.Version, is.Flag.Version + 1} {
				_, err = s.people.Store.Put(t.Context(), flagstore.Write{
					Flag: left, Pen: rampart.Pen{Owner: rampart.LaunchID(s.env, "checkout-v2"), Fence: fence},
					Acknowledged: left.Version - 1, Verb: "expose", By: "rita", Lease: time.Hour,
				})
				require.ErrorIs(t, err, flagstore.ErrOwned)
			}
			require.Equal(t, is, s.entry("checkout-v2"))
			s.standAtTen("checkout-v2") // it can be launched again
		})
	}
}

// terminate ends the launch as somebody at Temporal UI does.
func (l *launch) terminate(w *worker, _ func() *worker) *worker {
	l.t.Helper()
	require.NoError(l.t, l.people.Temporal.TerminateWorkflow(l.t.Context(), rampart.LaunchID(l.env, l.plan.Flag), "", "a slip"))
	return w
}

// timeOut has the launch end while nobody is there: a watch that cannot be tried again
// before a deadline ends, and then the launch turns back while it still can.
func (l *launch) timeOut(w *worker, work func() *worker) *worker {
	l.t.Helper()
	w.kill()
	eventually(l.t, "the launch is timed out", func() (bool, any) {
		d, err := l.people.Temporal.DescribeWorkflowExecution(l.t.Context(), rampart.LaunchID(l.env, l.plan.Flag), "")
		return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, err
	})
	return work()
}

// startWithin starts a launch past the product's own starter, with a timeout that the
// product never sets.
func (s *stack) startWithin(plan rampart.Plan, timeout time.Duration) *launch {
	s.t.Helper()
	plan = plan.WithDefaults()
	_, err := s.people.Register(s.t.Context(), rampart.FlagChange{Flag: plan.NewFlag(), By: "rita"})
	require.NoError(s.t, err)
	l := &launch{stack: s, plan: plan}
	s.allow(plan.Flag, l.reach(0))
	run, err := s.people.Temporal.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{
		ID: rampart.LaunchID(s.env, plan.Flag), TaskQueue: rampart.LaunchQueue(s.env), WorkflowExecutionTimeout: timeout,
	}, workflows.Launch, workflows.LaunchInput{Plan: plan, StartedBy: "rita"})
	require.NoError(s.t, err)
	l.run = run.GetRunID()
	return l
}

// awaitsMetric waits until the worker exports a line.
func (w *worker) awaitsMetric(line string) {
	w.t.Helper()
	eventually(w.t, "the worker exports "+line, func() (bool, any) {
		_, body, err := get("http://" + w.address + "/metrics")
		return strings.Contains(body, line+"\n"), err
	})
}

// All launches seem to be gone at once: that is more likely to be a mistake about them.
func TestMoreThanAFewAtOnceAreLeftToAPerson(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	hook := s.listen()
	first := s.work()
	var flags []string
	var launches []*launch
	for i := range 6 {
		flags = append(flags, fmt.Sprintf("checkout-%d", i))
		launches = append(launches, s.standAtTen(flags[i]))
	}
	first.kill() // so that all of them are found in one pass
	for _, l := range launches {
		l.terminate(nil, nil)
	}

	w := s.work("--notify", "hook="+hook.channel, "--notify", "log=log://", "--page", "hook")

	hook.awaits("launch.held-back", func(n told) bool { return n.Data.Urgent && strings.Contains(n.Data.Text, "rampart sweep --allow 6") })
	held := fmt.Sprintf("rampart_sweep_held_back{environment=%q} ", s.env)
	w.awaitsMetric(held + "6")
	s.awaitsPasses(3)
	for _, flag := range flags {
		require.Equal(t, ten, s.entry(flag).Flag.Exposure)
		require.NotContains(t, s.history(flag), "sweep 0 %")
	}
	require.Equal(t, 1, hook.count("launch.held-back"), "it is told once")
	code, says := s.rampart("sweep", "--allow", "5", "--reason", "too few")
	require.Zero(t, code, says)
	s.awaitsPasses(2)
	require.Equal(t, ten, s.entry(flags[0]).Flag.Exposure)

	code, says = s.rampart("sweep", "--allow", "6", "--reason", "ended by a script", "--as", "oncall")

	require.Zero(t, code, says)
	for i, l := range launches {
		out := l.ends(rampart.TurnedBack)
		require.Equal(t, rampart.CauseSwept, out.Cause)
		require.Contains(t, out.Reason, "allowed by oncall: ended by a script")
		require.Zero(t, s.entry(flags[i]).Flag.Exposure)
	}
	w.awaitsMetric(held + "0")
}

// The guard of a launch was away past the soft end of its lease, and not past the hard
// one: people are warned, and the launch goes on.
func TestGuardThatWasAwayIsTold(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	hook := s.listen()
	first := s.work()
	r := s.read("checkout-v2")
	plan := s.aPlan("checkout-v2")
	plan.Notify = []string{"hook"}
	plan.Lease = &rampart.Lease{Warn: seconds(2), End: rampart.Duration(time.Hour)}
	plan.Stages[0].Steps[0].Hold = rampart.Duration(time.Hour)
	l := s.start(plan)
	l.awaitsThat("ten percent have been looked at", func(p rampart.Progress) bool { return p.Exposure == ten && p.Looks >= 2 })

	first.kill()
	eventually(t, "nobody has renewed the lease for longer than two looks may take", func() (bool, any) {
		now, err := s.people.Store.Now(t.Context())
		left := time.UnixMilli(s.entry("checkout-v2").Lease.End).Sub(now)
		return err == nil && time.Hour-left > 2*gates.Slowest(time.Second), left
	})
	s.work("--notify", "hook="+hook.channel)

	hook.awaits("launch.unguarded", func(n told) bool { return strings.Contains(n.Data.Text, "nobody had guarded checkout-v2") })
	p := l.awaits(rampart.Watching, ten)
	require.Contains(t, storyOf(p), "nobody had guarded checkout-v2")
	r.awaits("on all the while", "checkout-v2", func(saw sight) bool { return saw.Lowest })
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %")
}

// The sweep sleeps for an hour when a worker of another pace comes.
func TestSweepTakesUpThePaceOfItsWorker(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	first := s.work("--sweep-every", "1h")
	s.awaitsPasses(0)
	first.kill()

	s.work()

	s.awaitsPasses(3)
}

// count returns how many notices of a kind were taken in.
func (h *hook) count(kind string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, notice := range h.notices {
		if notice.Type == kind {
			n++
		}
	}
	return n
}

// awaitsPasses waits until the sweep has made so many passes more, and one altogether.
func (s *stack) awaitsPasses(n int32) {
	s.t.Helper()
	first := int32(-1)
	eventually(s.t, fmt.Sprintf("%d passes of the sweep", n), func() (bool, any) {
		d, err := s.people.Temporal.DescribeWorkflowExecution(s.t.Context(), rampart.SweepID(s.env), "")
		if err != nil || len(d.GetPendingActivities()) == 0 {
			return false, err
		}
		now := d.GetPendingActivities()[0].GetAttempt()
		if first < 0 {
			first = now
		}
		if n == 0 {
			return now > 1, d.GetPendingActivities() // the first may be over before anybody looks
		}
		return now > first+n, d.GetPendingActivities()
	})
}
