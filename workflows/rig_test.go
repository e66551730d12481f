package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/workflows"
)

// A rig runs one launch in virtual time: the real workflow, the real activities and
// a real Redis. Only the metrics, the people and the clock are made up. Virtual time
// begins a year ago, because the store refuses versions from the future.
type rig struct {
	*testsuite.TestWorkflowEnvironment
	t      *testing.T
	redis  *redistest.Server
	store  *flagstore.Store
	plan   rampart.Plan
	by     string
	from   rampart.Phase
	metric func(query string, at time.Time) (float64, error)
	count  func(q gates.CountQuery) []gates.Counted

	wrote    func(in activities.ExposeInput)  // after a write, before the launch has its answer
	verified func(in activities.VerifyInput)  // after an author was established, likewise
	acquired func(in activities.AcquireInput) // after the pen was taken, likewise
	taken    func(at time.Time)               // after a look, likewise

	// evidence is what the gates say besides bounds, of which the plans of these tests
	// have no more: instead of what a watch found.
	evidence func(in activities.WatchInput, got activities.Watched, err error) (activities.Watched, error)

	away   string             // the activity whose every attempt fails
	intent rampart.FlagIntent // of the flag's workflow
	open   bool               // what Temporal says of the launch, where only the flag's workflow runs

	mu      sync.Mutex
	notices []activities.Notice
	watches []string // IDs of the watches, in the order in which they began
	began   time.Time
}

const env = "production"

func newRig(t *testing.T, plan rampart.Plan) *rig {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	r := &rig{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, redis: redistest.Start(t),
		plan: plan.WithDefaults(), by: "rita",
		metric: func(string, time.Time) (float64, error) { return 0, nil },
	}
	r.store = flagstore.New(r.redis.Client(), env)
	require.NoError(t, r.store.Setup(t.Context(), "namespace-id"))
	r.register()
	r.began = time.Now().Add(-365 * 24 * time.Hour).Truncate(24 * time.Hour)
	r.SetStartTime(r.began)
	r.SetTestTimeout(2 * time.Minute)
	r.SetWorkflowRunTimeout(5000 * time.Hour)
	r.SetStartWorkflowOptions(startOptions(plan.Flag))
	r.RegisterWorkflow(workflows.Launch)
	r.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
	r.registerActivities()
	return r
}

// register makes the flag, as its own workflow would have.
func (r *rig) register() {
	_, err := r.store.Put(r.t.Context(), flagstore.Write{
		Flag: r.plan.NewFlag(), Verb: "create", By: r.by,
		Pen: rampart.Pen{Owner: rampart.FlagID(env, r.plan.Flag), Fence: 1},
	})
	require.NoError(r.t, err)
}

func (r *rig) registerActivities() {
	a := &activities.Activities{
		Store: r.store, Judge: gates.New(gates.Options{Source: metrics{r}, ScrapeLag: time.Millisecond}),
		Notifier: r, Identity: activities.Payload{}, Workflows: r, Namespace: "namespace-id", Now: r.Now,
	}
	register(r, "Acquire", a.Acquire, func(in activities.AcquireInput) { call(r.acquired, in) })
	register(r, "Expose", a.Expose, func(in activities.ExposeInput) { call(r.wrote, in) })
	register(r, "VerifyApproval", a.VerifyApproval, func(in activities.VerifyInput) { call(r.verified, in) })
	r.RegisterActivity(a.Amend)
	r.RegisterActivity(a.Require)
	r.RegisterActivity(a.Retake)
	r.RegisterActivity(a.Confirm)
	r.RegisterActivity(a.Notify)
	r.RegisterActivity(a.Recall)
	r.RegisterActivityWithOptions(func(ctx context.Context, in activities.WatchInput) (activities.Watched, error) {
		if !r.current(activity.GetInfo(ctx).ActivityID) {
			return activities.Watched{}, temporal.NewNonRetryableApplicationError("cancelled", "Ghost", nil)
		}
		got, err := a.Watch(ctx, in)
		call(r.taken, r.Now())
		if r.evidence != nil {
			return r.evidence(in, got, err)
		}
		return got, err
	}, activity.RegisterOptions{Name: "Watch"})
}

// register registers an activity after which a test may interfere, when the world has
// changed but the workflow does not know it yet.
func register[In, Out any](r *rig, name string, do func(context.Context, In) (Out, error), then func(In)) {
	r.RegisterActivityWithOptions(func(ctx context.Context, in In) (Out, error) {
		if r.away == name {
			var none Out
			return none, errors.New("the store does not answer")
		}
		out, err := do(ctx, in)
		then(in)
		return out, err
	}, activity.RegisterOptions{Name: name})
}

func call[In any](do func(In), in In) {
	if do != nil {
		do(in)
	}
}

// current is false of a watch that was cancelled: the test environment, unlike the
// server, goes on retrying it.
func (r *rig) current(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.watches, id) {
		r.watches = append(r.watches, id)
	}
	return r.watches[len(r.watches)-1] == id
}

// Notify implements activities.Notifier.
func (r *rig) Notify(_ context.Context, _ string, n activities.Notice) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notices = append(r.notices, n)
	return nil
}

// Open implements activities.Workflows; the sweep's methods are nobody's.
func (r *rig) Open(context.Context, string) (bool, error) { return r.open, nil }

// Intent implements activities.Workflows.
func (r *rig) Intent(context.Context, string) (rampart.FlagIntent, error) { return r.intent, nil }

// Flags implements activities.Workflows.
func (r *rig) Flags(context.Context) ([]string, error) { panic("the sweep does not run") }

// Restore implements activities.Workflows.
func (r *rig) Restore(context.Context, string, string) error { panic("the sweep does not run") }

// Killed implements activities.Workflows.
func (r *rig) Killed(context.Context, rampart.Kill) error { panic("the sweep does not run") }

// metrics answers every query with what the test says.
type metrics struct{ r *rig }

func (m metrics) Value(_ context.Context, query string, at time.Time) (float64, error) {
	return m.r.metric(query, at)
}

func (m metrics) Count(_ context.Context, q gates.CountQuery) []gates.Counted {
	if m.r.count == nil {
		panic("the plan of this test has no gates that count")
	}
	return m.r.count(q)
}

// walk runs the launch to its end.
func (r *rig) walk() (rampart.Outcome, error) {
	r.t.Helper()
	r.ExecuteWorkflow(workflows.Launch, workflows.LaunchInput{Plan: r.plan, StartedBy: r.by, From: r.from})
	require.True(r.t, r.IsWorkflowCompleted(), "the launch has not ended")
	var out rampart.Outcome
	if err := r.GetWorkflowError(); err != nil {
		return out, err
	}
	require.NoError(r.t, r.GetWorkflowResult(&out))
	return out, nil
}

// path returns the exposures that the store has seen, in order, percent.
func (r *rig) path() []float64 {
	events, err := r.store.History(r.t.Context(), r.plan.Flag, 1000)
	require.NoError(r.t, err)
	slices.Reverse(events)
	var path []float64
	for _, e := range events {
		if !slices.Contains([]string{"create", "acquire", "finish"}, e.Verb) {
			path = append(path, e.Exposure.Float())
		}
	}
	return path
}

func (r *rig) progress() rampart.Progress {
	v, err := r.QueryWorkflow(rampart.QueryProgress)
	require.NoError(r.t, err)
	var p rampart.Progress
	require.NoError(r.t, v.Get(&p))
	return p
}

func (r *rig) story() []string {
	var lines []string
	for _, c := range r.progress().Story {
		lines = append(lines, c.Text)
	}
	return lines
}

func (r *rig) flag() flagstore.Entry {
	e, err := r.store.Get(r.t.Context(), r.plan.Flag)
	require.NoError(r.t, err)
	return e
}

// at does something when the launch is that old.
func (r *rig) at(age time.Duration, do func()) { r.RegisterDelayedCallback(do, age) }

func (r *rig) approve(phase rampart.Phase, by string) {
	r.SignalWorkflow(rampart.SignalApprove, rampart.Approval{Phase: phase, By: by})
}

// whenAsked approves every phase an hour after the launch has asked for it.
func (r *rig) whenAsked(by ...string) {
	var look func()
	look = func() {
		if p := r.progress(); p.Asking != "" {
			for _, who := range by {
				r.approve(p.Asking, who)
			}
		}
		r.RegisterDelayedCallback(look, time.Hour)
	}
	r.RegisterDelayedCallback(look, time.Hour)
}

// ask sends an update, and returns where its answer will be.
func (r *rig) ask(name string, a rampart.Ask) *reply {
	got := &reply{}
	r.UpdateWorkflow(name, "", got, a)
	return got
}

type reply struct {
	refused  error
	err      error
	answer   any
	accepted bool
}

func (p *reply) Accept()          { p.accepted = true }
func (p *reply) Reject(err error) { p.refused = err }
func (p *reply) Complete(answer any, err error) {
	p.answer, p.err = answer, err
}

// fivePhases is the standard plan with one gate, which the test's metric decides.
func fivePhases() rampart.Plan {
	limit := 1.0
	return rampart.Plan{
		Flag: "checkout-v2", Owner: "team-payments", Purpose: "One-page checkout", Every: rampart.Duration(time.Hour),
		Gates:  []rampart.Gate{{Name: "errors", Threshold: &rampart.Threshold{Query: "errors", Max: &limit}}},
		Values: []json.RawMessage{json.RawMessage("false"), json.RawMessage("true")},
	}
}

// edit puts another document under the version that is stored, as a hand in Redis would.
func (r *rig) edit(f rampart.Flag) {
	doc, err := json.Marshal(f)
	require.NoError(r.t, err)
	key := "rampart:{" + env + "}:state"
	require.NoError(r.t, r.redis.Client().HSet(r.t.Context(), key, "f:"+f.Name, fmt.Sprintf("%d %s", f.Version, doc)).Err())
}

// continued returns the input with which a flag's workflow is continued as new.
func continued(t *testing.T, err error) workflows.FlagInput {
	t.Helper()
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, err, &again)
	var in workflows.FlagInput
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
	return in
}
