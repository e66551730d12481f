package sim

import (
	"slices"
	"time"

	"github.com/rampart-dev/rampart/evidence"
)

// A Plan is what the simulator needs to know of the plan of a launch.
type Plan struct {
	Alpha  float64       // the error budget of the launch; 0 means 5 %
	Shadow time.Duration // before the first exposure: teaches the overdispersion of each gate; 0: nothing is learnt
	Steps  []Step        // in order
	Gates  []Gate
}

// A Step is one exposure that is held for a while.
type Step struct {
	Phase    int     // index of its stage
	Name     string  // of its phase
	Exposure float64 // share of units by bucket, from 0 to 1
	Hold     time.Duration
	Every    time.Duration // between two looks
	Restart  time.Duration // of the change-time mixture
	Detect   float64       // the rate ratio that a pass must have been able to see
}

// compares reports whether both arms have units.
func (s Step) compares() bool { return s.Exposure > 0 && s.Exposure < 1 }

// asks reports whether a gate is asked in a step.
func (s Step) asks(g Gate) bool {
	if g.Phases != nil && !slices.Contains(g.Phases, s.Phase) {
		return false
	}
	return g.Kind == Objective || s.compares()
}

// A Kind is what a gate of the simulation looks at.
type Kind string

// The kinds.
const (
	Ratio   Kind = "ratio"   // events per unit
	Latency Kind = "latency" // requests slower than four edges: the p50, p90, p95 and p99 before the launch
	Count   Kind = "count"   // events without units
	// Objective is events per unit of both arms together against an absolute line.
	Objective Kind = "objective"
)

// A Gate is one gate of the plan, and what its metric is like without harm.
type Gate struct {
	Name         string
	Kind         Kind
	Weight       float64 // share of the error budget; 0 shares what is left
	Traffic      float64 // units a second, both arms together
	Rate         float64 // events per unit; of a count, events a second; of latency it is ignored
	Bad          float64 // of an objective: the share of units that may have events
	Margin       float64
	LowerIsWorse bool
	Phases       []int // in which it is asked; nil: in all
}

// Standard is the launch of which the share of false reverts is promised: five
// phases in 45 days under a dozen gates, with a look a minute up to the end of the
// maximum power ramp and every 15 minutes after it.
//
// The first phase exposes people of the house only, who are in no arm, so nothing is
// compared in it; it is when dispersion is learnt.
func Standard() Plan {
	const day = 24 * time.Hour
	step := func(phase int, name string, exposure float64, hold time.Duration) Step {
		s := Step{Phase: phase, Name: name, Exposure: exposure, Hold: hold,
			Every: time.Minute, Restart: evidence.RestartEarly, Detect: 2}
		if phase >= 2 {
			s.Restart, s.Detect = evidence.RestartLate, 1.25
		}
		if phase >= 3 {
			s.Every = 15 * time.Minute
		}
		return s
	}
	return Plan{
		Shadow: day,
		Steps: []Step{
			step(0, "test-in-production", 0, 2*day),
			step(1, "debug", 0.01, day), step(1, "debug", 0.05, day), step(1, "debug", 0.10, day),
			step(2, "max-power-ramp", 0.50, 7*day),
			step(3, "scalability", 0.75, day),
			step(4, "learning", 0.95, 32*day),
		},
		Gates: dozen(),
	}
}

// dozen are gates as a plan of a large service has them: three that matter, and nine
// that share what those leave. A hundred requests a second is little enough for the
// counts of a tick to be small and lumpy, which is where tests go wrong first.
func dozen() []Gate {
	return []Gate{
		{Name: "errors", Kind: Ratio, Weight: 0.2, Traffic: 100, Rate: 0.005},
		{Name: "latency", Kind: Latency, Weight: 0.2, Traffic: 20},
		{Name: "checkouts", Kind: Ratio, Weight: 0.2, Traffic: 10, Rate: 0.03, LowerIsWorse: true},
		{Name: "timeouts", Kind: Ratio, Traffic: 100, Rate: 0.001},
		{Name: "payment-errors", Kind: Ratio, Traffic: 10, Rate: 0.01},
		{Name: "search-errors", Kind: Ratio, Traffic: 50, Rate: 0.002},
		{Name: "empty-results", Kind: Ratio, Traffic: 50, Rate: 0.02},
		{Name: "logins-refused", Kind: Ratio, Traffic: 5, Rate: 0.04},
		{Name: "crashes", Kind: Ratio, Traffic: 100, Rate: 0.0002},
		{Name: "retries", Kind: Ratio, Traffic: 100, Rate: 0.004},
		{Name: "carts-abandoned", Kind: Ratio, Traffic: 10, Rate: 0.05},
		{Name: "cache-misses", Kind: Ratio, Traffic: 20, Rate: 0.05},
	}
}

// schedule is what the plan foresees of phases and restarts with two arms.
func (p Plan) schedule() evidence.Schedule {
	var s evidence.Schedule
	var hold time.Duration
	for i, step := range p.Steps {
		if step.compares() {
			hold += step.Hold
		}
		last := i == len(p.Steps)-1 || p.Steps[i+1].Phase != step.Phase
		if last && hold > 0 {
			s = s.With(hold, step.Restart)
			hold = 0
		}
	}
	return s
}

// Length is how long the plan takes if nothing holds it up.
func (p Plan) Length() time.Duration {
	var d time.Duration
	for _, s := range p.Steps {
		d += s.Hold
	}
	return d
}

// Ticks is how many looks with two arms the plan has.
func (p Plan) Ticks() int {
	var n int
	for _, s := range p.Steps {
		if s.compares() {
			n += int(s.Hold / s.Every)
		}
	}
	return n
}
