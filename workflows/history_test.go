package workflows_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/internal/temporaltest"
	"github.com/rampart-dev/rampart/starter"
	"github.com/rampart-dev/rampart/workflows"
)

const histories = "testdata/histories"

var record = flag.Bool("record", false, "record the histories of the endings that have none yet; one that is there is never written again")

var quiet = log.NewStructuredLogger(slog.New(slog.DiscardHandler))

func TestMain(m *testing.M) { os.Exit(temporaltest.Run(m)) }

// Whatever was recorded once must replay for ever: launches last for months, and
// workers are deployed in between.
func TestGoldenHistoriesReplay(t *testing.T) {
	files, err := filepath.Glob(histories + "/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			replayer := worker.NewWorkflowReplayer()
			replayer.RegisterWorkflow(workflows.Launch)
			replayer.RegisterWorkflow(workflows.Flag)
			replayer.RegisterWorkflow(workflows.Sweep)
			replayer.RegisterWorkflow(workflows.Segment)
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(quiet, file))
		})
	}
}

// Each ending has a history, so that a new one is not forgotten.
func TestEveryEndingHasAGoldenHistory(t *testing.T) {
	endings := []string{"launched", "breach", "blind", "killed", "register", "person", "rejected", "superseded", "cancelled", "failed", "held", "flag"}
	detours := []string{"stepped-back", "amended", "relaunched", "awaited", "expired"}
	for edition, names := range map[string][]string{
		"1":     endings,
		"2":     slices.Concat(endings, detours, []string{"swept", "segment"}),
		"3":     slices.Concat(endings, detours),
		edition: slices.Concat(endings, detours, []string{"mismatched", "decided", "shadowed", "lease", "lapsed"}),
	} {
		for _, name := range names {
			_, err := os.Stat(filepath.Join(histories, name+"-"+edition+".json"))
			require.NoError(t, err, "run go test ./workflows -run 'TestRecorded|TestARefusedPlanIsRecorded|TestASegmentIsRecorded' -record")
		}
	}
}

// edition counts the times that the commands of a launch were changed; each has all
// histories of launches anew, besides those that are there.
const edition = "4"

// TestRecordedEndings walks one launch to each ending on a real Temporal and a real Redis, in
// seconds, and checks the ending. With -record it keeps the histories.
func TestRecordedEndings(t *testing.T) {
	tests := map[string]recorded{
		"launched": {
			steer: func(r *recorder) { r.approveAll() }, want: rampart.Launched,
		},
		"breach": {
			steer: func(r *recorder) { r.reach(500); r.value.Store(9) },
			want:  rampart.TurnedBack, cause: rampart.CauseBreach,
		},
		"blind": {
			plan: func(p *rampart.Plan) {
				p.OnBlind = &rampart.BlindPolicy{Action: rampart.ActTurnBack, After: seconds(2)}
			},
			steer: func(r *recorder) { r.reach(500); r.blind.Store(true) },
			want:  rampart.TurnedBack, cause: rampart.CauseBlind,
		},
		"killed": {
			steer: func(r *recorder) {
				r.reach(500)
				_, err := r.s.Kill(r.t.Context(), r.plan.Flag, "oncall", "support queue on fire", time.Second)
				require.NoError(r.t, err)
			},
			want: rampart.Killed, cause: rampart.CausePerson,
		},
		"register": {
			steer: func(r *recorder) {
				r.reach(500)
				_, err := r.s.Store.Kill(r.t.Context(), r.plan.Flag, "oncall", "while Temporal was away")
				require.NoError(r.t, err)
			},
			want: rampart.Killed, cause: rampart.CausePerson,
		},
		"person": {
			steer: func(r *recorder) {
				r.reach(500)
				r.ask(r.s.Pause, rampart.Ask{By: "bo", Reason: "lunch"})
				r.ask(r.s.Resume, rampart.Ask{By: "bo"})
				r.ask(r.s.TurnBack, rampart.Ask{By: "bo", Reason: "second thoughts"})
			},
			want: rampart.TurnedBack, cause: rampart.CausePerson,
		},
		"rejected": {
			steer: func(r *recorder) {
				r.await(func(p rampart.Progress) bool { return p.Asking == rampart.MaxPowerRamp })
				r.ask(r.s.Reject, rampart.Ask{By: "ann", Phase: rampart.MaxPowerRamp, Reason: "too early"})
			},
			want: rampart.TurnedBack, cause: rampart.CauseRejected,
		},
		"superseded": {
			steer: func(r *recorder) {
				r.reach(500)
				e, err := r.s.Store.Get(r.t.Context(), r.plan.Flag)
				require.NoError(r.t, err)
				_, err = r.s.Store.Acquire(r.t.Context(), flagstore.AcquireInput{
					Flag: r.plan.Flag, Owner: "launch/another/owner", At: e.Flag.Version + 1, Takes: []string{e.Owner}})
				require.NoError(r.t, err)
			},
			want: rampart.Superseded,
		},
		"cancelled": {
			steer: func(r *recorder) {
				r.reach(500)
				require.NoError(r.t, r.s.Temporal.CancelWorkflow(r.t.Context(), r.id(), ""))
			},
			want: rampart.Cancelled,
		},
		"lease": {
			steer: func(r *recorder) { r.reach(500); r.leaseEnds() },
			want:  rampart.TurnedBack, cause: rampart.CauseLease,
		},
		"held": {
			plan: func(p *rampart.Plan) { p.Gates[0].OnBreach = &rampart.Policy{Action: rampart.ActHold} },
			steer: func(r *recorder) {
				r.reach(500)
				r.value.Store(9)
				r.await(func(p rampart.Progress) bool { return p.State == rampart.Held })
				r.value.Store(0)
				r.ask(r.s.Resume, rampart.Ask{By: "bo", Reason: "pool grown"})
				r.approveAll()
			},
			want: rampart.Launched,
		},
	}
	maps.Copy(tests, detours)
	maps.Copy(tests, weighed)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder(t, "golden-"+name)
			if tt.plan != nil {
				tt.plan(&r.plan)
			}
			r.start()
			tt.steer(r)
			out, err := r.s.Wait(t.Context(), r.plan.Flag)
			require.NoError(t, err)
			require.Equal(t, tt.want, out.State, out.Reason)
			require.Equal(t, tt.cause, out.Cause)
			r.keep(name, r.id())
			if name == "launched" {
				r.keep("flag", rampart.FlagID(r.env, r.plan.Flag))
			}
		})
	}
}

// A recorded launch is steered to an ending.
type recorded struct {
	plan  func(*rampart.Plan)
	steer func(*recorder)
	want  rampart.State
	cause rampart.Cause
}

// detours do not take the shortest way.
var detours = map[string]recorded{
	"stepped-back": {
		plan: func(p *rampart.Plan) {
			p.Gates[0].OnBreach = &rampart.Policy{Action: rampart.ActStepBack, CoolDown: seconds(1), Attempts: 2}
		},
		steer: func(r *recorder) {
			r.reach(500)
			r.value.Store(9)
			r.await(func(p rampart.Progress) bool { return p.State == rampart.Cooling })
			r.value.Store(0)
			r.approveAll()
		},
		want: rampart.Launched,
	},
	"lapsed": {
		plan: func(p *rampart.Plan) {
			p.Lease = &rampart.Lease{End: rampart.Duration(time.Hour), OnEnd: rampart.ActExpose}
			p.Stages[1].Steps[1].Hold = seconds(4)
		},
		steer: func(r *recorder) { r.reach(500); r.leaseEnds(); r.approveAll() },
		want:  rampart.Launched,
	},
	"amended": {
		plan: func(p *rampart.Plan) { p.Stages[2].Steps[0].Hold = seconds(4) },
		steer: func(r *recorder) {
			r.reach(500)
			r.amend(func(p *rampart.Plan) { p.Stages[3].Steps[0].Percent = 8000 })
			r.approve(rampart.MaxPowerRamp, "ann@example.com")
			r.reach(5000)
			r.amend(func(p *rampart.Plan) { p.Stages[2].Approvals = &rampart.Approvals{Count: 2} })
			r.approve(rampart.MaxPowerRamp, "ann@example.com")
			r.approve(rampart.MaxPowerRamp, "eve@example.com")
			r.approve(rampart.Scalability, "ann@example.com")
		},
		want: rampart.Launched,
	},
	"relaunched": {
		steer: func(r *recorder) {
			r.reach(500)
			r.ask(r.s.TurnBack, rampart.Ask{By: "bo", Reason: "a fix is on its way"})
			_, err := r.s.Wait(r.t.Context(), r.plan.Flag)
			require.NoError(r.t, err)
			require.Eventually(r.t, func() bool {
				_, err := r.s.Start(r.t.Context(), starter.Launching{Plan: r.plan, By: "rita", From: rampart.Debug})
				return err == nil
			}, time.Minute, 50*time.Millisecond, "the flag's own workflow hears of the end")
			r.approve(rampart.Debug, "ann@example.com")
			r.approveAll()
		},
		want: rampart.Launched,
	},
	"awaited": {
		plan: func(p *rampart.Plan) {
			most := 1.0
			p.Calendar = &rampart.Calendar{Zone: "Europe/Berlin", Promote: "mon-sun 00:00-24:00"}
			p.Requires = []rampart.Requirement{{Query: "incidents", Max: &most}}
		},
		steer: func(r *recorder) {
			r.value.Store(9)
			r.await(func(p rampart.Progress) bool { return p.WaitingFor == rampart.ForRequirement })
			r.value.Store(0)
			r.approveAll()
		},
		want: rampart.Launched,
	},
	"expired": {
		plan: func(p *rampart.Plan) { p.Stages[2].Approvals = &rampart.Approvals{Count: 1, Expire: seconds(2)} },
		steer: func(r *recorder) {
			r.await(func(p rampart.Progress) bool { return p.State == rampart.Held })
			r.await(func(p rampart.Progress) bool { // on a slow machine it may expire again
				switch {
				case p.State == rampart.Held:
					_, _ = r.s.Resume(r.t.Context(), r.plan.Flag, rampart.Ask{By: "bo", Reason: "they are back"})
				case p.Asking == rampart.MaxPowerRamp:
					_, _ = r.s.Approve(r.t.Context(), r.plan.Flag, rampart.Approval{Phase: p.Asking, By: "ann@example.com"})
				}
				return p.Exposure >= 5000
			})
			r.approve(rampart.Scalability, "ann@example.com")
		},
		want: rampart.Launched,
	},
}

func TestARefusedPlanIsRecordedAsFailed(t *testing.T) {
	r := newRecorder(t, "golden-failed")
	bad := r.plan
	bad.Owner = ""
	run, err := r.s.Temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: r.id(), TaskQueue: rampart.LaunchQueue(r.env)}, workflows.Launch, workflows.LaunchInput{Plan: bad, StartedBy: "rita"})
	require.NoError(t, err)
	require.ErrorContains(t, run.Get(t.Context(), nil), "owner")
	r.keep("failed", r.id())
}

func seconds(n int) rampart.Duration { return rampart.Duration(time.Duration(n) * time.Second) }

// A recorder walks a launch of seconds on a real Temporal and a real Redis.
type recorder struct {
	t     *testing.T
	s     *starter.Starter
	redis *redistest.Server
	env   string // of its own, and so task queues of its own
	plan  rampart.Plan
	value atomic.Int64
	blind atomic.Bool
	skew  atomic.Int64 // by how many percent the on arm has less than its share
}

func newRecorder(t *testing.T, name string) *recorder {
	t.Helper()
	server := temporaltest.Shared(t)
	temporal, err := client.Dial(client.Options{HostPort: server.Address(), Identity: "recorder", Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	r := &recorder{t: t, env: name, redis: redistest.Start(t), plan: fivePhases()}
	r.plan.Flag, r.plan.Environment, r.plan.Every = "checkout-v2", name, seconds(1)
	r.s = &starter.Starter{Temporal: temporal, Address: server.Address(), Space: "default", Patience: time.Minute, Store: flagstore.New(r.redis.Client(), r.env)}
	_, err = r.s.Setup(t.Context())
	require.NoError(t, err)
	r.work(temporal)
	r.plan.Stages = rampart.StandardStages()
	for i := range r.plan.Stages {
		for j := range r.plan.Stages[i].Steps {
			r.plan.Stages[i].Steps[j].Hold = seconds(1)
		}
	}
	r.plan.Finish = &rampart.Finish{Percent: rampart.Full, Bake: seconds(2)}
	return r
}

func (r *recorder) work(temporal client.Client) {
	a := &activities.Activities{
		Store: r.s.Store, Judge: gates.New(gates.Options{Source: r, ScrapeLag: time.Millisecond}),
		Identity: activities.Payload{}, Now: time.Now, Notifier: nobody{}, Workflows: sweeping{r.s},
	}
	for _, queue := range []string{rampart.LaunchQueue(r.env), rampart.GateQueue(r.env)} {
		w := worker.New(temporal, queue, worker.Options{Identity: "recorder"})
		w.RegisterWorkflow(workflows.Launch)
		w.RegisterWorkflow(workflows.Flag)
		w.RegisterWorkflow(workflows.Segment)
		w.RegisterActivity(a)
		require.NoError(r.t, w.Start())
		r.t.Cleanup(w.Stop)
	}
}

type nobody struct{}

func (nobody) Notify(context.Context, string, activities.Notice) error { return nil }

// sweeping implements activities.Workflows, as a worker does.
type sweeping struct{ *starter.Starter }

func (s sweeping) Restore(ctx context.Context, flag, why string) error {
	return s.RestoreFlag(ctx, flag, why)
}

func (s sweeping) Killed(ctx context.Context, k rampart.Kill) error { return s.TellKill(ctx, k) }

// Value implements gates.Source.
func (r *recorder) Value(context.Context, string, time.Time) (float64, error) {
	if r.blind.Load() {
		return 0, errors.New("connection refused")
	}
	return float64(r.value.Load()), nil
}

func (r *recorder) id() string { return rampart.LaunchID(r.env, r.plan.Flag) }

func (r *recorder) start() {
	r.t.Helper()
	_, err := r.s.Start(r.t.Context(), starter.Launching{Plan: r.plan, By: "rita"})
	require.NoError(r.t, err)
}

func (r *recorder) await(ok func(rampart.Progress) bool) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		p, err := r.s.Progress(r.t.Context(), r.plan.Flag)
		return err == nil && ok(p)
	}, time.Minute, 50*time.Millisecond)
}

// reach waits until that share is exposed, in basis points.
func (r *recorder) reach(exposure rampart.Percent) {
	r.t.Helper()
	r.await(func(p rampart.Progress) bool { return p.Exposure == exposure && p.Looks > 0 })
}

// leaseEnds makes the lease of what is exposed one that ended long ago.
func (r *recorder) leaseEnds() {
	r.t.Helper()
	e, err := r.s.Store.Get(r.t.Context(), r.plan.Flag)
	require.NoError(r.t, err)
	require.NoError(r.t, r.redis.Client().HSet(r.t.Context(), "rampart:{"+r.env+"}:leases", r.plan.Flag, fmt.Sprintf("%d 1", e.Flag.Version)).Err())
}

func (r *recorder) ask(do func(context.Context, string, rampart.Ask) (string, error), a rampart.Ask) {
	r.t.Helper()
	_, err := do(r.t.Context(), r.plan.Flag, a)
	require.NoError(r.t, err)
}

func (r *recorder) approveAll() {
	r.t.Helper()
	for _, phase := range []rampart.Phase{rampart.MaxPowerRamp, rampart.Scalability} {
		r.approve(phase, "ann@example.com")
	}
}

func (r *recorder) approve(phase rampart.Phase, by string) {
	r.t.Helper()
	r.await(func(p rampart.Progress) bool { return p.Asking == phase })
	_, err := r.s.Approve(r.t.Context(), r.plan.Flag, rampart.Approval{Phase: phase, By: by})
	require.NoError(r.t, err)
}

func (r *recorder) amend(change func(*rampart.Plan)) {
	r.t.Helper()
	r.plan.Stages = slices.Clone(r.plan.Stages)
	for i := range r.plan.Stages {
		r.plan.Stages[i].Steps = slices.Clone(r.plan.Stages[i].Steps)
	}
	change(&r.plan)
	_, err := r.s.Amend(r.t.Context(), starter.Amendment{Plan: r.plan, By: "bo", Reason: "second thoughts"})
	require.NoError(r.t, err)
}

// keep records a history, unless the ending has one.
func (r *recorder) keep(name, workflowID string) {
	file := filepath.Join(histories, name+"-"+edition+".json")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) || !*record {
		return
	}
	var all historypb.History
	iter := r.s.Temporal.GetWorkflowHistory(r.t.Context(), workflowID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iter.HasNext() {
		e, err := iter.Next()
		require.NoError(r.t, err)
		all.Events = append(all.Events, e)
	}
	text, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(&all)
	require.NoError(r.t, err)
	if host, err := os.Hostname(); err == nil { // in the names of sticky queues
		text = bytes.ReplaceAll(text, []byte(`"`+host+`:`), []byte(`"recorder:`))
	}
	require.NoError(r.t, os.MkdirAll(histories, 0o755))
	require.NoError(r.t, os.WriteFile(file, text, 0o644))
}
