package main

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
	"github.com/rampart-dev/rampart/evidence/sim"
	"github.com/rampart-dev/rampart/gates"
)

// modelOf is what the simulator needs to know of a plan, and which gates it leaves out,
// each with why.
func modelOf(p rampart.Plan, rates gates.Rates) (sim.Plan, []string) {
	out := sim.Plan{Alpha: p.Alpha.Share() / float64(1+p.Retries()), Shadow: p.Shadow.D()}
	every, exposed := gates.Slowest(p.Every.D()), false
	for i, s := range p.Stages {
		for _, step := range s.Steps {
			m := sim.Step{
				Phase: i, Name: string(s.Phase), Exposure: step.Percent.Share(), Hold: step.Hold.D(), Every: every,
				Restart: evidence.RestartEarly, Detect: rampart.Gate{}.DetectAt(step.Percent),
			}
			if s.Phase.Index() >= rampart.MaxPowerRamp.Index() {
				m.Restart = evidence.RestartLate
			}
			if exposed = exposed || m.Exposure > 0; !exposed { // so gates learn
				out.Shadow += m.Hold
			}
			out.Steps = append(out.Steps, m)
		}
	}
	var left []string
	for _, g := range gatesIn(p) {
		m, why := gateOf(g, rates)
		if why != "" {
			left = append(left, g.Name+": "+why)
			continue
		}
		m.Phases = g.stages
		out.Gates = append(out.Gates, m)
	}
	return out, left
}

// A plannedGate is a gate of a plan, and the stages that it is asked in.
type plannedGate struct {
	rampart.Gate
	path   string
	stages []int
}

// gatesIn returns the gates of a plan with the stages in which they are asked and their
// breach takes exposure back. A gate of a stage overrides one of the plan by name; it
// has a name of its own then, because it is evidence of its own.
func gatesIn(p rampart.Plan) []plannedGate {
	var all []plannedGate
	for i, g := range p.Gates {
		planned := plannedGate{Gate: g, path: "gates[" + strconv.Itoa(i) + "]"}
		for j, s := range p.Stages {
			own := slices.ContainsFunc(s.Gates, func(o rampart.Gate) bool { return o.Name == g.Name })
			if !own && takesBackIn(g, s) {
				planned.stages = append(planned.stages, j)
			}
		}
		all = append(all, planned)
	}
	for j, s := range p.Stages {
		for i, g := range s.Gates {
			planned := plannedGate{Gate: g, path: "stages[" + strconv.Itoa(j) + "].gates[" + strconv.Itoa(i) + "]"}
			if slices.ContainsFunc(all, func(o plannedGate) bool { return o.Name == g.Name }) {
				planned.Name += "/" + string(s.Phase)
			}
			if takesBackIn(g, s) {
				planned.stages = []int{j}
			}
			all = append(all, planned)
		}
	}
	return all
}

// takesBackIn reports whether a breach of the gate takes exposure back in a stage.
func takesBackIn(g rampart.Gate, s rampart.Stage) bool {
	switch p := cmp.Or(g.OnBreach, s.OnBreach); {
	case p == nil:
		return true
	default:
		return p.Action == rampart.ActTurnBack || p.Action == rampart.ActStepBack
	}
}

// gateOf is a gate as the simulator knows it, or why it knows it not.
func gateOf(g plannedGate, rates gates.Rates) (m sim.Gate, why string) {
	rate := rates.Of[g.path]
	m = sim.Gate{Name: g.Name, Weight: g.Weight, Traffic: rate.Units, Rate: rate.Base}
	switch {
	case g.Ratio != nil:
		m.Kind, m.Margin, m.LowerIsWorse = sim.Ratio, g.Ratio.Margin.Share(), g.Ratio.Worse == rampart.WorseLower
	case g.Count != nil:
		m.Kind, m.Margin, m.LowerIsWorse = sim.Count, g.Count.Margin.Share(), g.Count.Worse == rampart.WorseLower
	case g.Latency != nil:
		m.Kind = sim.Latency
	case g.Objective != nil:
		m.Kind, m.Bad = sim.Objective, 1-g.Objective.Good.Share()
	default:
		return m, "a " + string(g.Kind()) + " is not simulated"
	}
	switch {
	case len(g.stages) == 0:
		return m, "its breach takes nothing back"
	case rate.Missing != "":
		return m, rate.Missing
	case m.Kind != sim.Latency && m.Rate <= 0, m.Kind != sim.Count && m.Traffic <= 0:
		return m, "nobody says how often it happens"
	}
	return m, ""
}
