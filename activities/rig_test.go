package activities_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/redistest"
)

const (
	env    = "production"
	name   = "checkout-v2"
	launch = "launch/production/checkout-v2"
	own    = "flag/production/checkout-v2"
	every  = time.Minute
)

// A rig has the activities of one worker over a real Redis. Only the metrics, the
// clock and the workflows are made up.
type rig struct {
	*activities.Activities
	t     *testing.T
	redis *redistest.Server
	now   time.Time
	plan  rampart.Plan
	value map[string]float64 // of the queries, by gate
	blind bool

	judged func() // is called once, while the gates are judged

	open bool // what Temporal says of the launch

	last rampart.FlagIntent // what the workflow of the flag says

	version  int64 // that the launch saw acknowledged
	told     map[string]int64
	memory   activities.Memory // that the workflow has
	mode     activities.Mode
	since    time.Time
	resumed  time.Time
	hold     time.Duration
	step     string
	exposure rampart.Percent
	lease    time.Duration
	heart    any           // the last heartbeat of the watch
	digest   string        // of the document that the launch wrote
	warn     time.Duration // the lease's soft end
}

func newRig(t *testing.T, gate ...rampart.Gate) *rig {
	t.Helper()
	limit := 1.0
	gate = append([]rampart.Gate{{Name: "errors", Threshold: &rampart.Threshold{Query: "errors", Max: &limit}}}, gate...)
	r := &rig{
		t: t, redis: redistest.Start(t), now: time.Now().Add(-24 * time.Hour).Truncate(every), mode: activities.Hold,
		plan: rampart.Plan{
			Flag: name, Owner: "team-payments", Purpose: "One-page checkout", Every: rampart.Duration(every), Gates: gate,
		}.WithDefaults(),
		value: map[string]float64{}, told: map[string]int64{}, hold: 10 * every, step: "debug/0", exposure: 500, lease: time.Hour,
	}
	r.since = r.now
	store := flagstore.New(r.redis.Client(), env)
	require.NoError(t, store.Setup(t.Context(), "namespace-id"))
	r.Activities = &activities.Activities{
		Store: store, Judge: gates.New(gates.Options{Source: r, ScrapeLag: time.Millisecond}),
		Identity: activities.Payload{}, Workflows: others{r}, Namespace: "namespace-id", Now: func() time.Time { return r.now },
	}
	r.put(own, rampart.Pen{Owner: own, Fence: 1}, r.plan.NewFlag(), 0)
	return r
}

// ramping has the launch take the pen and expose somebody for that long.
func (r *rig) ramping(lease time.Duration) *rig {
	r.t.Helper()
	got, err := r.Store.Acquire(r.t.Context(), flagstore.AcquireInput{Flag: name, Owner: launch, At: r.now.UnixMilli(), By: "rita"})
	require.NoError(r.t, err)
	f := got.Flag
	f.Exposure, f.Launch, f.Phase = r.exposure, launch, rampart.Debug
	r.version = got.Version + 1
	r.put("rita", rampart.Pen{Owner: launch, Fence: r.version}, f, lease)
	return r
}

func (r *rig) put(by string, pen rampart.Pen, f rampart.Flag, lease time.Duration) {
	r.t.Helper()
	_, err := r.Store.Put(r.t.Context(), flagstore.Write{Flag: f, Pen: pen, Verb: "expose", By: by, Lease: lease})
	require.NoError(r.t, err)
}

func (r *rig) input() activities.WatchInput {
	return activities.WatchInput{
		Flag: name, Run: "run-1", Version: r.version, Mode: r.mode, Gates: r.plan.GatesOf(rampart.Stage{Phase: rampart.Debug}),
		Phase: rampart.Debug, PhaseIndex: 1, Phases: 5, Step: r.step, Exposure: r.exposure, Exposing: true,
		Since: r.since, Resumed: r.resumed, FirstExposed: r.since, Hold: rampart.Duration(r.hold), Every: r.plan.Every, Alpha: r.plan.Alpha,
		Lease: rampart.Duration(r.lease), LeaseWarn: rampart.Duration(r.warn), Digest: r.digest, Blind: *r.plan.OnBlind, Told: r.told, Memory: r.memory,
	}
}

// attempt runs one attempt of the watch. Without a finding it returns the failure.
func (r *rig) attempt() (activities.Watched, *temporal.ApplicationError) {
	r.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	e := suite.NewTestActivityEnvironment()
	e.RegisterActivity(r.Watch)
	if r.heart != nil {
		e.SetHeartbeatDetails(r.heart)
	}
	e.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var m activities.Memory
		if details.Get(&m) == nil {
			r.heart = m
		}
	})
	v, err := e.ExecuteActivity(r.Watch, r.input())
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return activities.Watched{}, app
	}
	require.NoError(r.t, err)
	var got activities.Watched
	require.NoError(r.t, v.Get(&got))
	return got, nil
}

// look waits a tick and looks; the workflow is told what is found.
func (r *rig) look() activities.Watched {
	r.t.Helper()
	r.now = r.now.Add(every)
	got, _ := r.attempt()
	if got.Cause != "" {
		r.told[got.Cause] = got.Memory.Lasting[got.Cause]
	}
	return got
}

// kept returns the evidence beside the store.
func (r *rig) kept() activities.Memory {
	r.t.Helper()
	got, err := r.Recall(r.t.Context(), activities.RecallInput{Flag: name, Run: "run-1"})
	require.NoError(r.t, err)
	return got.Memory
}

func (r *rig) flag() flagstore.Entry {
	r.t.Helper()
	e, err := r.Store.Get(r.t.Context(), name)
	require.NoError(r.t, err)
	return e
}

// Value implements gates.Source.
func (r *rig) Value(_ context.Context, query string, _ time.Time) (float64, error) {
	if r.judged != nil {
		r.judged()
		r.judged = nil
	}
	if r.blind {
		return 0, errors.New("connection refused")
	}
	if r.value[query] < 0 {
		return 0, &gates.NoData{Reason: "no series"}
	}
	return r.value[query], nil
}

// Count implements gates.Source.
func (r *rig) Count(context.Context, gates.CountQuery) []gates.Counted {
	panic("the gates of these tests do not count")
}

// others implements activities.Workflows.
type others struct{ r *rig }

func (others) Flags(context.Context) ([]string, error) { return []string{name}, nil }

func (others) Restore(context.Context, string, string) error { return nil }

func (others) Killed(context.Context, rampart.Kill) error { return nil }

func (o others) Intent(context.Context, string) (rampart.FlagIntent, error) { return o.r.last, nil }

func (o others) Open(context.Context, string) (bool, error) { return o.r.open, nil }
