package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

const day = 24 * time.Hour

func startOptions(flag string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: rampart.LaunchID(env, flag), TaskQueue: rampart.LaunchQueue(env)}
}

func TestLaunchEndings(t *testing.T) {
	tests := map[string]struct {
		plan  func(*rampart.Plan)
		world func(*rig)
		state rampart.State
		cause rampart.Cause
		phase rampart.Phase
		why   string
		path  []float64
	}{
		"all phases pass and everybody is on": {
			world: func(r *rig) { r.whenAsked("ann") },
			state: rampart.Launched, phase: rampart.Learning, why: "every phase passed",
			path: []float64{0, 1, 5, 10, 50, 75, 95, 100},
		},
		"a breach at half of the traffic turns back": {
			world: func(r *rig) {
				r.whenAsked("ann")
				r.metric = func(string, time.Time) (float64, error) {
					if r.flag().Flag.Exposure == 5000 {
						return 4, nil
					}
					return 0, nil
				}
			},
			state: rampart.TurnedBack, cause: rampart.CauseBreach, phase: rampart.MaxPowerRamp, why: "errors",
			path: []float64{0, 1, 5, 10, 50, 0, 0},
		},
		"a breach while people are asked turns back: the guard never sleeps": {
			world: func(r *rig) {
				r.metric = func(_ string, at time.Time) (float64, error) {
					if at.After(r.began.Add(20 * day)) {
						return 4, nil
					}
					return 0, nil
				}
			},
			state: rampart.TurnedBack, cause: rampart.CauseBreach, phase: rampart.Debug, why: "errors",
			path: []float64{0, 1, 5, 10, 0, 0},
		},
		"a kill signal turns back at once": {
			world: func(r *rig) {
				r.whenAsked("ann")
				r.at(3*day, func() { r.SignalWorkflow(rampart.SignalKill, "looks wrong") })
			},
			state: rampart.Killed, cause: rampart.CausePerson, phase: rampart.Debug, why: "looks wrong",
			path: []float64{0, 1, 0},
		},
		"a kill without payload does as well": {
			world: func(r *rig) { r.at(3*day, func() { r.SignalWorkflow(rampart.SignalKill, nil) }) },
			state: rampart.Killed, cause: rampart.CausePerson, phase: rampart.Debug, why: "killed",
			path: []float64{0, 1, 0},
		},
		"a mistyped approval holds up no kill": {
			world: func(r *rig) {
				r.at(day, func() { r.SignalWorkflow(rampart.SignalApprove, []int{1, 2}) })
				r.at(3*day, func() { r.SignalWorkflow(rampart.SignalKill, map[string]int{"a": 1}) })
			},
			state: rampart.Killed, cause: rampart.CausePerson, phase: rampart.Debug, why: `{"a":1}`,
			path: []float64{0, 1, 0},
		},
		"the kill register alone ends the launch as killed": {
			world: func(r *rig) {
				r.at(3*day, func() {
					_, err := r.store.Kill(r.t.Context(), r.plan.Flag, "oncall", "queue on fire")
					require.NoError(r.t, err)
				})
			},
			state: rampart.Killed, cause: rampart.CausePerson, phase: rampart.Debug, why: "queue on fire",
			path: []float64{0, 1, 0, 0}, // the kill is an event of its own
		},
		"a person turns back": {
			world: func(r *rig) {
				r.at(3*day, func() { r.ask(rampart.UpdateTurnBack, rampart.Ask{By: "rita", Reason: "second thoughts"}) })
			},
			state: rampart.TurnedBack, cause: rampart.CausePerson, phase: rampart.Debug, why: "second thoughts",
			path: []float64{0, 1, 0},
		},
		"a rejected phase turns back": {
			world: func(r *rig) {
				r.at(10*day, func() {
					r.ask(rampart.UpdateReject, rampart.Ask{By: "ann", Phase: rampart.MaxPowerRamp, Reason: "too early"})
				})
			},
			state: rampart.TurnedBack, cause: rampart.CauseRejected, phase: rampart.Debug, why: "ann rejected max-power-ramp: too early",
			path: []float64{0, 1, 5, 10, 0},
		},
		"a flag taken over by another is left alone": {
			world: func(r *rig) {
				r.at(3*day, func() { r.takeOver() })
			},
			state: rampart.Superseded, phase: rampart.Debug, why: "somebody else took the flag over",
			path: []float64{0, 1},
		},
		"blind beyond the limit turns back where the plan says so": {
			plan: func(p *rampart.Plan) {
				p.OnBlind = &rampart.BlindPolicy{Action: rampart.ActTurnBack, After: rampart.Duration(3 * time.Hour)}
			},
			world: func(r *rig) {
				r.metric = func(_ string, at time.Time) (float64, error) {
					if at.After(r.began.Add(3 * day)) {
						return 0, errors.New("connection refused")
					}
					return 0, nil
				}
			},
			state: rampart.TurnedBack, cause: rampart.CauseBlind, phase: rampart.Debug, why: "blind for 3h",
			path: []float64{0, 1, 5, 0},
		},
		"an express launch has one step": {
			plan:  func(p *rampart.Plan) { p.Profile = rampart.Express },
			world: func(r *rig) { r.whenAsked("ann") },
			state: rampart.Launched, phase: rampart.MaxPowerRamp, why: "every phase passed",
			path: []float64{100},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			plan := fivePhases()
			if tt.plan != nil {
				tt.plan(&plan)
			}
			r := newRig(t, plan)
			tt.world(r)
			out, err := r.walk()
			require.NoError(t, err)
			require.Equal(t, tt.state, out.State, "%+v", r.story())
			require.Equal(t, tt.cause, out.Cause)
			require.Equal(t, tt.phase, out.Phase)
			require.Contains(t, out.Reason, tt.why)
			require.Equal(t, tt.path, r.path())
			requireEnd(t, r, out)
		})
	}
}

// requireEnd checks what is true of every ending: the flag is where the outcome
// says, its lease is gone, and its own workflow holds the pen.
func requireEnd(t *testing.T, r *rig, out rampart.Outcome) {
	t.Helper()
	require.NotEmpty(t, out.Receipt.Text)
	if out.State == rampart.Superseded {
		return
	}
	e := r.flag()
	want := rampart.Percent(0)
	if out.State == rampart.Launched {
		want = rampart.Full
	}
	require.Equal(t, want, e.Flag.Exposure)
	require.Nil(t, e.Lease)
	require.Equal(t, rampart.FlagID(env, r.plan.Flag), e.Owner)
	require.Empty(t, e.Flag.Launch)
	if want == 0 {
		require.Empty(t, e.Flag.Include)
	}
}

func (r *rig) takeOver() {
	e := r.flag()
	_, err := r.store.Acquire(r.t.Context(), flagstore.AcquireInput{
		Flag: r.plan.Flag, Owner: "launch/" + env + "/other", At: e.Flag.Version + 10, Takes: []string{e.Owner},
	})
	require.NoError(r.t, err)
}

func TestCancellingTurnsBackAndShowsAsCanceled(t *testing.T) {
	r := newRig(t, fivePhases())
	r.at(3*day, r.CancelWorkflow)
	_, err := r.walk()
	require.True(t, temporal.IsCanceledError(err), "%v", err)
	require.Equal(t, []float64{0, 1, 0}, r.path())
	require.Zero(t, r.flag().Flag.Exposure)
}

func TestARefusedPlanFailsBeforeAnyExposure(t *testing.T) {
	tests := map[string]struct {
		plan  func(*rampart.Plan)
		world func(*rig)
		want  string
	}{
		"a plan with a mistake":            {plan: func(p *rampart.Plan) { p.Owner = "" }, want: "owner"},
		"a flag that is killed":            {world: func(r *rig) { _, _ = r.store.Kill(r.t.Context(), r.plan.Flag, "o", "x") }, want: "killed"},
		"a flag that another launch holds": {world: func(r *rig) { r.takeOver() }, want: "pen"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			plan := fivePhases()
			if tt.plan != nil {
				tt.plan(&plan)
			}
			r := newRig(t, plan)
			if tt.world != nil {
				tt.world(r)
			}
			_, err := r.walk()
			var app *temporal.ApplicationError
			require.ErrorAs(t, err, &app)
			require.True(t, app.NonRetryable())
			require.Contains(t, app.Error(), tt.want)
			require.Zero(t, r.flag().Flag.Exposure)
		})
	}
}
