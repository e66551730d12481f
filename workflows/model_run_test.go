package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/workflows"
)

// A telling is one story that is being told: the real workflow and the real activities
// in virtual time, on a real Redis with troubles before it, and the law beside them.
type telling struct {
	*testsuite.TestWorkflowEnvironment
	story  story
	law    *law
	redis  *redis.Client    // the world's own, which nothing befalls
	store  *flagstore.Store // of the product
	people *flagstore.Store // of the command line
	began  time.Time

	mu        sync.Mutex
	attempts  map[string]int  // so far, by activity
	cancelled map[string]bool // activities, by ID
	ghosts    map[string]int  // attempts of what was cancelled
	commands  int             // to the store, so far
	dump      map[string]string
	lost      bool        // the store has lost writes
	skewed    atomic.Bool // the arms do not have their units any more
	out       rampart.Outcome
	err       error
}

// endless is more attempts than any activity makes in an evening.
const endless = 3000

var errTrouble = errors.New("the worker died")

// tell walks one launch, and returns what the law has to say about it.
func tell(redis *redis.Client, s story) *telling {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	x := &telling{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), story: s, redis: redis,
		attempts: map[string]int{}, cancelled: map[string]bool{}, ghosts: map[string]int{},
	}
	x.began = time.Now().Add(-365 * 24 * time.Hour).Truncate(24 * time.Hour)
	x.law = newLaw(x, s)
	x.prepare()
	defer func() { _ = x.store.Close() }()
	x.ExecuteWorkflow(launchAndLinger, workflows.LaunchInput{Plan: s.plan, StartedBy: rita, From: s.from})
	x.err = x.GetWorkflowError()
	if x.err == nil {
		x.err = x.GetWorkflowResult(&x.out)
	}
	x.law.ended()
	return x
}

// launchAndLinger is the launch, after whose end the clock runs on for a while: what
// was taken for dead may yet come.
func launchAndLinger(ctx workflow.Context, in workflows.LaunchInput) (rampart.Outcome, error) {
	out, err := workflows.Launch(ctx, in)
	safe, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	_ = workflow.Sleep(safe, 15*tick)
	return out, err
}

func (x *telling) prepare() {
	ctx := context.Background()
	must(x.redis.FlushDB(ctx).Err())
	troubled := redis.NewClient(&redis.Options{
		Addr: x.redis.Options().Addr, DB: x.redis.Options().DB, PoolSize: 4, MaxRetries: -1,
		ContextTimeoutEnabled: true, DisableIdentity: true,
	})
	x.store, x.people = flagstore.New(troubled, env), flagstore.New(x.redis, env)
	must(x.people.Setup(ctx, "namespace-id"))
	must(x.store.Guard(ctx, "namespace-id"))
	_, err := x.people.Put(ctx, flagstore.Write{
		Flag: x.story.plan.NewFlag(), Verb: "create", By: rita,
		Pen: rampart.Pen{Owner: rampart.FlagID(env, x.story.plan.Flag), Fence: 1},
	})
	must(err)
	troubled.AddHook(troubles{x})
	x.law.begin()
	x.SetStartTime(x.began)
	x.SetTestTimeout(time.Minute)
	x.SetOnActivityCanceledListener(func(a *activity.Info) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.cancelled[a.ActivityID] = true
	})
	x.SetWorkflowRunTimeout(5000 * time.Hour)
	x.SetStartWorkflowOptions(startOptions(x.story.plan.Flag))
	x.RegisterWorkflow(launchAndLinger)
	x.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
	x.employ()
	x.schedule()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// employ registers the activities, each with what befalls it.
func (x *telling) employ() {
	a := &activities.Activities{
		Store: x.store, Judge: gates.New(gates.Options{Source: metricsOf{x}, ScrapeLag: time.Millisecond}),
		Notifier: x, Workflows: others{}, Identity: activities.Payload{}, Namespace: "namespace-id", Now: x.Now,
	}
	employ(x, "Acquire", a.Acquire, true)
	employ(x, "Expose", a.Expose, true)
	employ(x, "Retake", a.Retake, true)
	employ(x, "VerifyApproval", a.VerifyApproval, true)
	employ(x, "Confirm", a.Confirm, false)
	employ(x, "Recall", a.Recall, false)
	employ(x, "Require", a.Require, false)
	employ(x, "Amend", a.Amend, true)
	employ(x, "Notify", func(ctx context.Context, in activities.NotifyInput) (struct{}, error) {
		return struct{}{}, a.Notify(ctx, in)
	}, false)
	employ(x, "Watch", x.weighing(a.Watch), false)
}

// weighing adds to a watch what gates that count would say: the gates of the model do
// not. Once the arms do not have their units any more, each attempt that finds nothing
// worse finds that, until the launch has heard of it; and the ramp comes to a decision.
func (x *telling) weighing(watch func(context.Context, activities.WatchInput) (activities.Watched, error)) func(context.Context, activities.WatchInput) (activities.Watched, error) {
	return func(ctx context.Context, in activities.WatchInput) (activities.Watched, error) {
		got, err := watch(ctx, in)
		_, told := in.Told[activities.SampleRatio]
		switch {
		case x.skewed.Load() && !told && in.SampleRatio && (err != nil || got.Found == activities.FoundPass):
			return activities.Watched{Found: activities.FoundHold, Cause: activities.SampleRatio, Reason: "too few are on", Memory: in.Memory}, nil
		case err == nil && in.Decide && got.Found == activities.FoundPass:
			got.Memory.Verdict.Decision = &rampart.RampDecision{Word: x.story.decision, Reason: "as it was drawn"}
		}
		return got, err
	}
}

// An attempt of an activity.
type attempt struct {
	activity string
	id       string // the same for all attempts
	n        int    // of that activity in the launch
	began    int    // when, in the order of events
	first    int    // when the first attempt of the same activity began
	ghost    bool   // of what the launch waits for no longer
	dies     bool
	finished bool // it wrote the last document of a launch that went well
}

type attemptKey struct{}

func employ[In, Out any](x *telling, name string, do func(context.Context, In) (Out, error), revenant bool) {
	x.RegisterActivityWithOptions(func(ctx context.Context, in In) (out Out, err error) {
		a, how := x.attempt(ctx, name)
		if a.ghost && x.banish(a) {
			return out, temporal.NewNonRetryableApplicationError("cancelled", "Ghost", nil)
		}
		defer func() {
			x.midAir(name, a.n)
			x.law.answered(a, err)
		}()
		ctx = context.WithValue(ctx, attemptKey{}, a)
		switch how.how {
		case zombie:
			if revenant {
				x.RegisterDelayedCallback(func() {
					if x.lost && name == "Acquire" {
						return // the sweep takes back what a launch that is gone takes from a store that has forgotten it
					}
					_, _ = do(context.WithValue(context.WithoutCancel(ctx), attemptKey{}, a), in)
				}, how.after)
			}
			fallthrough
		case diesBefore:
			return out, errTrouble
		case diesAfter:
			a.dies = true
			_, _ = do(ctx, in)
			return out, errTrouble
		}
		return do(ctx, in)
	}, activity.RegisterOptions{Name: name})
}

// attempt notes that an attempt begins, and returns what befalls it.
func (x *telling) attempt(ctx context.Context, name string) (*attempt, mishap) {
	id := activity.GetInfo(ctx).ActivityID
	began, first := x.law.begins(id)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.attempts[name]++
	if x.attempts[name] > endless {
		panic(fmt.Sprintf("%s is tried for ever:\n%s", name, x))
	}
	a := &attempt{activity: name, id: id, n: x.attempts[name], began: began, first: first, ghost: x.cancelled[id]}
	for _, m := range x.story.mishaps {
		if m.activity == name && m.nth == a.n {
			return a, m
		}
	}
	return a, mishap{}
}

// banish reports whether an attempt of what was cancelled is to end now. The server,
// unlike the test environment, does not try it again; but one may be under way.
func (x *telling) banish(a *attempt) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ghosts[a.id]++
	return a.activity != "Watch" || x.ghosts[a.id] > 1 || a.n%3 != 0
}

// Notify implements activities.Notifier.
func (x *telling) Notify(context.Context, string, activities.Notice) error { return nil }

// others are the other workflows: there is only the one of the launch, and what the
// flag's own has kept of the launch before it.
type others struct{ activities.Workflows }

// Intent implements activities.Workflows.
func (others) Intent(context.Context, string) (rampart.FlagIntent, error) {
	return rampart.FlagIntent{Last: &rampart.Outcome{
		State: rampart.TurnedBack, Phase: rampart.Phases[len(rampart.Phases)-1], Receipt: rampart.Receipt{FirstExposed: 1},
	}}, nil
}

// metricsOf answers for the metrics as the story says.
type metricsOf struct{ x *telling }

func (m metricsOf) Value(ctx context.Context, query string, at time.Time) (float64, error) {
	now := at.Add(time.Millisecond)
	n := int(now.Sub(m.x.began) / tick)
	ill := m.x.story.ill(query, n)
	m.x.law.asked(ctx, query, now.UnixMilli(), ill)
	switch ill {
	case outOfBounds:
		return 4, nil
	case noData:
		return 0, &gates.NoData{Reason: "no series"}
	case blind:
		return 0, errors.New("connection refused")
	}
	return 0, nil
}

func (metricsOf) Count(_ context.Context, q gates.CountQuery) []gates.Counted {
	return make([]gates.Counted, len(q.Counters)) // of goals, which weighing answers for
}

// age is how old the launch is.
func (x *telling) age() time.Duration { return x.Now().Sub(x.began) }

func (x *telling) String() string {
	return fmt.Sprintf("the story:\n%swhat happened:\n%s  it ended: %s %s (%v)\n", x.story, x.law.diary(), x.out.State, x.out.Reason, x.err)
}

// requireLawful fails a test where the law was broken, with the story in words.
func requireLawful(t require.TestingT, x *telling) {
	if broken := x.law.broken(); broken != "" {
		t.Errorf("%s\n%s", broken, x)
		t.FailNow()
	}
}
