package evidence

import "math"

// drip is a change-time mixture whose restarts come a little at every tick, and not
// all at once every so often. A line needs that: what lies well below it refutes every
// component that has started within minutes, so that harm would be found no sooner
// than at the next restart. A comparison of arms loses next to nothing between two.
type drip struct {
	Phase, Phases int64     // index of the present phase, and how many there were
	Restarts      float64   // how many there were, in parts of one
	LogA          []float64 // logarithm of the weight of the started components
}

// begin starts components before a tick that is so long after the one before. The
// first tick makes room for a grid of the given size.
func (d *drip) begin(grid int, plan Schedule, masses Masses, ms int64, m Moment) {
	was := 0.0
	if d.LogA == nil {
		d.LogA = make([]float64, grid)
		for j := range d.LogA {
			d.LogA[j] = math.Inf(-1)
		}
		d.Phases, d.Phase = 1, int64(m.Phase)
	} else {
		was = d.started(plan, masses)
		if int64(m.Phase) > d.Phase {
			d.Phases, d.Phase = d.Phases+1, int64(m.Phase)
		}
		if m.Restart > 0 {
			d.Restarts += min(1, float64(ms)/float64(m.Restart.Milliseconds()))
		}
	}
	logMass := math.Log(max(0, d.started(plan, masses)-was))
	for j := range d.LogA {
		d.LogA[j] = logAdd(d.LogA[j], logMass)
	}
}

// started is the mass of all that has started: the first exposure, what the plan has of
// phases and restarts, and of the overtime what is left of 1/(k + 1) after k of either
// beyond the plan. It is computed anew each time, so that no rounding adds up.
func (d *drip) started(plan Schedule, m Masses) float64 {
	if d.LogA == nil {
		return 0
	}
	part := func(done, planned float64) float64 {
		if planned == 0 {
			return 0
		}
		return min(done, planned) / planned
	}
	phases, restarts := float64(plan.Phases), float64(plan.Restarts)
	over := max(0, d.Restarts-restarts)
	if late := float64(d.Phases) - max(1, phases); late > 0 {
		over += late
	}
	return m.First + m.Phases*part(float64(d.Phases), phases) + m.Restarts*part(d.Restarts, restarts) + m.Overtime*(1-1/(over+1))
}

// remain is the mass not yet started.
func (d *drip) remain(plan Schedule, m Masses) float64 { return max(0, 1-d.started(plan, m)) }
