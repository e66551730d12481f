package acceptance_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/starter"
)

// Exposures, in percent.
const (
	ten   = rampart.Percent(1000)
	fifty = rampart.Percent(5000)
)

// seconds writes a plan's durations.
func seconds(n float64) rampart.Duration { return rampart.Duration(n * float64(time.Second)) }

// aPlan is walked in seconds: ten percent, then half once somebody has approved, then
// all. Its one gate is calm.
func (s *stack) aPlan(flag string) rampart.Plan {
	most := 1.0
	return rampart.Plan{
		Flag: flag, Owner: "team-payments", Purpose: "See what breaks", Environment: s.env, RetireBy: "2099-12-31",
		Every: seconds(1),
		Gates: []rampart.Gate{{Name: "load", Threshold: &rampart.Threshold{Query: "vector(0)", Max: &most}}},
		Stages: []rampart.Stage{
			{Phase: rampart.Debug, Steps: []rampart.Step{{Percent: ten, Hold: seconds(3)}}},
			{Phase: rampart.MaxPowerRamp, Steps: []rampart.Step{{Percent: fifty, Hold: seconds(2)}}},
		},
		Finish: &rampart.Finish{Percent: rampart.Full, Bake: seconds(2)},
	}
}

// A launch is one that the test has started.
type launch struct {
	*stack
	plan rampart.Plan
	run  string
}

// start starts a launch, as rita, and from then on makes sure that no tick of it is
// judged twice, and in the end that its history can be replayed.
func (s *stack) start(plan rampart.Plan) *launch {
	s.t.Helper()
	plan = plan.WithDefaults()
	l := &launch{stack: s, plan: plan}
	s.allow(plan.Flag, l.reach(0))
	started, err := s.people.Start(s.t.Context(), starter.Launching{Plan: plan, By: "rita"})
	require.NoError(s.t, err)
	l.run = started.Run
	l.witnessTicks()
	s.t.Cleanup(l.requireReplayable)
	return l
}

// reach returns the highest exposure up to where the next approval is needed, from a
// stage on.
func (l *launch) reach(from int) rampart.Percent {
	most := rampart.Percent(0)
	for i, stage := range l.plan.Stages[from:] {
		if i > 0 && stage.Approvals.Needed() > 0 {
			return most
		}
		for _, step := range stage.Steps {
			most = max(most, step.Percent)
		}
	}
	return l.plan.Finish.Percent
}

// awaits waits until the launch is in a state at an exposure.
func (l *launch) awaits(state rampart.State, exposure rampart.Percent) rampart.Progress {
	l.t.Helper()
	return l.awaitsThat(fmt.Sprintf("the launch is %s at %s", state, exposure), func(p rampart.Progress) bool {
		return p.State == state && p.Exposure == exposure
	})
}

// awaitsThat waits until the launch stands as wanted.
func (l *launch) awaitsThat(what string, is func(rampart.Progress) bool) (p rampart.Progress) {
	l.t.Helper()
	within(l.t, max(patience, l.slow), what, func() (bool, any) {
		var err error
		if p, err = l.people.Progress(l.t.Context(), l.plan.Flag); err != nil {
			return false, err
		}
		return is(p), fmt.Sprintf("%s at %s: %s; verdict %+v; story %+v", p.State, p.Exposure, p.Note, p.Verdict, p.Story)
	})
	return p
}

// allowPhase lets readers see what consent to a phase leads to.
func (l *launch) allowPhase(phase rampart.Phase) {
	l.t.Helper()
	i := slices.IndexFunc(l.plan.Stages, func(s rampart.Stage) bool { return s.Phase == phase })
	require.GreaterOrEqual(l.t, i, 0)
	l.allow(l.plan.Flag, l.reach(i))
}

// approve has ann consent to a phase, once the launch asks for that.
func (l *launch) approve(phase rampart.Phase) {
	l.t.Helper()
	l.asks(phase)
	l.allowPhase(phase)
	_, err := l.people.Approve(l.t.Context(), l.plan.Flag, rampart.Approval{Phase: phase, By: "ann"})
	require.NoError(l.t, err)
}

// asks waits until the launch asks for consent to a phase.
func (l *launch) asks(phase rampart.Phase) rampart.Progress {
	l.t.Helper()
	return l.awaitsThat("the launch asks for consent to "+string(phase), func(p rampart.Progress) bool { return p.Asking == phase })
}

// ends waits until the launch has ended, and makes sure how. Whatever ended it short
// of its goal, nobody may be exposed any more.
func (l *launch) ends(state rampart.State) rampart.Outcome {
	l.t.Helper()
	p := l.awaitsThat("the launch ends "+string(state), func(p rampart.Progress) bool {
		if p.State.Ended() && p.State != state {
			l.t.Fatalf("the launch ended %s instead of %s: %s", p.State, state, p.Note)
		}
		return p.State == state && p.Outcome != nil
	})
	require.Equal(l.t, state, p.Outcome.State)
	if state != rampart.Launched && state != rampart.Superseded {
		require.Zero(l.t, l.entry(l.plan.Flag).Flag.Exposure)
	}
	return *p.Outcome
}

// requirePath makes sure of all writes of the flag, in their order, since the store
// has memory, but for the handing over of what a watch has turned back: a launch whose
// watch cannot turn back turns back by itself, and hands over with that.
func (l *launch) requirePath(want ...string) {
	l.t.Helper()
	path := l.history(l.plan.Flag)
	require.Equal(l.t, want, slices.DeleteFunc(path, func(w string) bool { return w == handedOver }))
}

const handedOver = "hand-over 0 %"

// memory returns what the launch has of evidence.
func (l *launch) memory() (m activities.Memory, err error) {
	_, blob, err := l.people.Store.Evidence(l.t.Context(), l.plan.Flag, l.run)
	if err != nil || len(blob) == 0 {
		return m, err
	}
	return m, json.Unmarshal(blob, &m)
}

// memoryNow is memory where there must be some.
func (l *launch) memoryNow() activities.Memory {
	l.t.Helper()
	m, err := l.memory()
	require.NoError(l.t, err)
	require.NotZero(l.t, m.Tick)
	return m
}
