package acceptance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"

	"github.com/rampart-dev/rampart"
)

// Prometheus is frozen, so that a look is under way when the worker dies.
func TestLaunchGoesOnWhereAWorkerWasKilledInMidWatch(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	first := s.work()
	s.read("checkout-v2")
	l := s.start(s.aPlan("checkout-v2"))
	before := l.awaitsThat("ten percent have been looked at", func(p rampart.Progress) bool {
		return p.Exposure == ten && p.Looks >= 1
	})
	s.prometheus.Freeze()
	s.awaitPending("Watch", "checkout-v2")

	first.kill()
	s.prometheus.Thaw()
	s.work()

	l.approve(rampart.MaxPowerRamp)
	out := l.ends(rampart.Launched)
	require.Greater(t, out.Receipt.Looks, before.Looks)
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "expose 50 %", "expose 100 %", "finish 100 %")
}

// Redis is frozen, so that the write of the next step is under way when the worker
// dies: what it sent arrives when nobody waits for the answer any more.
func TestLaunchGoesOnWhereAWorkerWasKilledInMidExpose(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	trap, direct := s.snared()
	first := s.work()
	s.read("checkout-v2")
	trap.set(t, "expose", rampart.Full)
	l := s.start(s.aPlan("checkout-v2"))
	l.approve(rampart.MaxPowerRamp)
	l.awaitsThat("half are exposed", func(p rampart.Progress) bool { return p.Exposure == fifty })
	l.allow("checkout-v2", rampart.Full)
	trap.springs(t)

	first.kill()
	s.redis.Thaw()
	direct()
	s.work()

	l.ends(rampart.Launched)
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "expose 50 %", "expose 100 %", "finish 100 %")
}

func TestLaunchIsTurnedBackWhereAWorkerWasKilledInMidTurnBack(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	first := s.work()
	r := s.read("checkout-v2")
	l := s.start(s.aPlan("checkout-v2"))
	l.awaits(rampart.Watching, ten)
	s.redis.Freeze()
	_, err := s.people.TurnBack(t.Context(), "checkout-v2", rampart.Ask{By: "bo", Reason: "the shop looks odd"})
	require.NoError(t, err)
	s.awaitPending("Expose", "checkout-v2")

	first.kill()
	s.redis.Thaw()
	s.work()

	out := l.ends(rampart.TurnedBack)
	require.Equal(t, rampart.CausePerson, out.Cause)
	require.Equal(t, "bo", out.By)
	r.awaits("off", "checkout-v2", func(saw sight) bool { return saw.Exposure == 0 && !saw.Lowest })
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "turn-back 0 %")
}

// The last write of a launch hands the pen on. Redis is frozen with that write under
// way, so nobody knows whether it is done when a person turns the launch back.
func TestTurningBackOvertakesAFinishThatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	trap, _ := s.snared()
	s.work()
	r := s.read("checkout-v2")
	plan := s.aPlan("checkout-v2")
	plan.Stages = plan.Stages[:1]
	trap.set(t, "finish", rampart.Full)
	l := s.start(plan)
	l.awaits(rampart.Baking, rampart.Full)
	trap.springs(t)

	_, err := s.people.TurnBack(t.Context(), "checkout-v2", rampart.Ask{By: "bo", Reason: "the shop looks odd"})
	require.NoError(t, err)
	s.redis.Thaw()

	l.ends(rampart.TurnedBack)
	r.awaits("off", "checkout-v2", func(saw sight) bool { return saw.Exposure == 0 && !saw.Lowest })
	require.Equal(t, rampart.FlagID(s.env, "checkout-v2"), s.entry("checkout-v2").Owner)
	intent, err := s.people.Intent(t.Context(), "checkout-v2")
	require.NoError(t, err)
	require.Empty(t, intent.Launch, "the flag's own workflow answers for it")
}

// A worker stops in mid-breath, as one on a machine that is being moved, and wakes up
// with a raise on its mind that others have long taken back.
func TestWorkerThatWakesUpLateChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.people.Patience = 20 * time.Second // a question may go to the worker that sleeps; then it is asked again
	s.slow = 3 * time.Minute             // its polls are open for more than one, and what Temporal hands to them is lost
	trap, direct := s.snared()
	first := s.work()
	r := s.read("checkout-v2")
	plan := s.aPlan("checkout-v2")
	plan.Stages = plan.Stages[:1]
	plan.Finish.Bake = rampart.Duration(time.Hour)
	trap.set(t, "expose", rampart.Full)
	l := s.start(plan)
	l.awaitsThat("ten percent are exposed", func(p rampart.Progress) bool { return p.Exposure == ten })
	trap.springs(t)
	first.freeze()
	s.redis.Thaw()
	direct()
	second := s.work()
	l.awaits(rampart.Baking, rampart.Full)
	l.send(rampart.SignalKill, payload("json/plain", `"the shop is on fire"`))
	l.ends(rampart.Killed)
	r.awaits("off", "checkout-v2", func(saw sight) bool { return saw.Exposure == 0 })
	s.allow("checkout-v2", 0)

	first.thaw()

	second.kill() // so that all that follows is done by the one that woke up
	first.awaitReady()
	again := s.standAtTen("checkout-v2")
	again.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "expose 100 %", "kill 0 %", "acquire 0 %", "expose 10 %")
}

// awaitPending waits until an activity of a flag's launch is being attempted.
func (s *stack) awaitPending(activity, flag string) {
	s.t.Helper()
	eventually(s.t, activity+" is under way", func() (bool, any) {
		d, err := s.people.Temporal.DescribeWorkflowExecution(s.t.Context(), rampart.LaunchID(s.env, flag), "")
		if err != nil {
			return false, err
		}
		for _, a := range d.GetPendingActivities() {
			if a.GetActivityType().GetName() == activity && a.GetState() == enums.PENDING_ACTIVITY_STATE_STARTED {
				return true, nil
			}
		}
		return false, d.GetPendingActivities()
	})
}
