package workflows_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/rampart-dev/rampart"
)

// ladder has the exposures that the steps of a plan are drawn from.
// Three stages of two steps, each of which may leave a rung out, reach its end.
var ladder = []rampart.Percent{100, 200, 300, 500, 1000, 2000, 2500, 4000, 5000, 7500, 9000, 9500}

// coolDown is how long a launch that has stepped back waits before it tries again.
const coolDown = 2 * tick

// lateness is how long after the calendar has closed a raise may yet land that began
// before.
const lateness = time.Minute

// promotes says whether the calendar that a plan may have lets exposure be raised.
func promotes(age time.Duration) bool {
	return age+lateness >= 3*tick && age < 20*tick
}

// drawPlan draws a plan that is short enough to be walked in an hour of virtual time.
// Every step exposes more than the one before, so that exposure and phase tell which
// step a document is of.
func drawPlan(t *rapid.T) rampart.Plan {
	p := rampart.Plan{
		Flag: "checkout-v2", Owner: "team-payments", Purpose: "One-page checkout", Every: rampart.Duration(tick),
		Gates:  drawGates(t),
		Finish: &rampart.Finish{Percent: rampart.Full, Bake: minutes(rapid.SampledFrom([]int{3, 0}).Draw(t, "bake"))},
		OnBlind: &rampart.BlindPolicy{
			Action: rapid.SampledFrom([]rampart.Action{rampart.ActHold, rampart.ActTurnBack}).Draw(t, "onBlind"),
			After:  minutes(rapid.IntRange(2, 4).Draw(t, "blindAfter")),
		},
	}
	if rapid.IntRange(0, 4).Draw(t, "notify") == 4 {
		p.Notify = []string{"releases"}
	}
	if rapid.IntRange(0, 7).Draw(t, "calendar") == 7 {
		p.Calendar = &rampart.Calendar{Promote: "mon-sun 00:03-00:20"}
	}
	if rapid.IntRange(0, 5).Draw(t, "requires") == 5 {
		limit := 1.0
		p.Requires = []rampart.Requirement{{Query: requirement, Max: &limit}}
	}
	p.Stages = drawStages(t)
	if slices.ContainsFunc(p.Stages, func(s rampart.Stage) bool { return s.Phase == rampart.MaxPowerRamp }) && rapid.Bool().Draw(t, "goals") {
		aims(&p)
	}
	if rapid.Bool().Draw(t, "anew") {
		p.Lease = &rampart.Lease{End: rampart.Duration(time.Hour), OnEnd: rampart.ActExpose}
	}
	if rapid.IntRange(0, 5).Draw(t, "shadow") == 5 {
		p.Shadow = rampart.Duration(2 * tick)
	}
	return p.WithDefaults()
}

func drawGates(t *rapid.T) []rampart.Gate {
	limit := 1.0
	gate := func(name string, action rampart.Action) rampart.Gate {
		return rampart.Gate{Name: name, Threshold: &rampart.Threshold{Query: name, Max: &limit}, OnBreach: &rampart.Policy{Action: action}}
	}
	gates := []rampart.Gate{gate("errors", rampart.ActTurnBack)}
	if rapid.IntRange(0, 2).Draw(t, "stepBack") == 2 {
		gates[0].OnBreach = &rampart.Policy{Action: rampart.ActStepBack, CoolDown: rampart.Duration(coolDown), Attempts: rapid.IntRange(1, 2).Draw(t, "attempts")}
	}
	if rapid.Bool().Draw(t, "pool") {
		gates = append(gates, gate("pool", rampart.ActHold))
	}
	if rapid.IntRange(0, 3).Draw(t, "chatter") == 3 {
		gates = append(gates, gate("chatter", rampart.ActNotify))
	}
	return gates
}

func drawStages(t *rapid.T) []rampart.Stage {
	phases := rapid.SliceOfNDistinct(rapid.IntRange(0, len(rampart.Phases)-1), 1, 3, rapid.ID[int]).Draw(t, "phases")
	slices.Sort(phases)
	var stages []rampart.Stage
	next := 0
	for i, phase := range phases {
		s := rampart.Stage{Phase: rampart.Phases[phase], Approvals: drawApprovals(t, i)}
		if s.Phase == rampart.TestInProduction {
			s.Include = []rampart.Rule{{Segment: "internal"}}
			s.Steps = []rampart.Step{{Percent: 0, Hold: drawHold(t)}}
		} else {
			for range rapid.IntRange(1, 2).Draw(t, "steps") {
				next += rapid.IntRange(0, 1).Draw(t, "rung")
				s.Steps = append(s.Steps, rampart.Step{Percent: ladder[next], Hold: drawHold(t)})
				next++
			}
			if rapid.IntRange(0, 4).Draw(t, "include") == 4 {
				s.Include = []rampart.Rule{{Attribute: "plan", In: []string{string(s.Phase)}}}
			}
		}
		if i == 0 && rapid.IntRange(0, 3).Draw(t, "where") == 3 {
			s.Where = []rampart.Rule{{Attribute: "region", In: []string{"eu-west-1"}}}
		}
		stages = append(stages, s)
	}
	return stages
}

// drawApprovals draws what a stage needs. The first is mostly entered without, so that
// most launches get somewhere.
func drawApprovals(t *rapid.T, stage int) *rampart.Approvals {
	if stage == 0 && rapid.IntRange(0, 3).Draw(t, "freely") < 3 {
		return &rampart.Approvals{}
	}
	return rapid.SampledFrom([]*rampart.Approvals{
		{}, {Count: 1}, {Count: 2}, {Groups: []string{"product"}}, {Groups: []string{"product", "engineering"}},
	}).Draw(t, "approvals")
}

func drawHold(t *rapid.T) rampart.Duration {
	return minutes(rapid.SampledFrom([]int{3, 2, 4}).Draw(t, "hold"))
}

func minutes(n int) rampart.Duration { return rampart.Duration(time.Duration(n) * time.Minute) }
