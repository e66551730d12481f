package gates

import (
	"math"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// A watcher is one gate of a forecast.
type watcher struct {
	placedGate
	phase  rampart.Phase // where only one stage has it
	every  time.Duration
	rate   Rate
	users  float64 // new units a second; 0 is unknown
	level  float64 // 0 of a fixed bound
	phases int

	steps []planStep // in which it was asked so far
}

// asked reports whether the gate can be asked in a step.
func (w *watcher) asked(s planStep) bool {
	if s.Percent <= 0 {
		return false // who is in no arm is no evidence, and is not in the rates
	}
	return !w.Compares() || s.Percent < rampart.Full
}

// see tells what the gate can see in a step.
func (w *watcher) see(s planStep) SeenPower {
	q, ticks := s.Percent.Share(), w.ticks(s.Hold)
	seen := SeenPower{Gate: w.Name, Detect: w.detect(s.Percent)}
	w.steps = append(w.steps, s)
	needed, a := evidence.InformationNeeded(w.level, 1), w.shows(q)
	if rho := evidence.LeastRatio(1+w.margin(), evidence.MostRatio, needed, func(rho float64) float64 { return ticks * a(rho) }); !math.IsInf(rho, 1) {
		seen.Sees = rho
	}
	if w.Objective != nil {
		seen.Bad = w.line(ticks)
	}
	if after := needed / w.passes(q, seen.Detect); !math.IsInf(after, 1) {
		seen.Needs, seen.Passes = lastingTicks(min(after, mostTicks), w.every), after <= ticks
	}
	for _, rho := range Harms {
		h := HarmPower{Ratio: rho}
		if after := w.delay(a(rho)); after <= ticks {
			h.After = lastingTicks(after, w.every)
			h.Units, h.Harmed, h.Users = after*w.units(q), after*w.harmed(q, rho), w.reached(q, after)
		}
		seen.Harms = append(seen.Harms, h)
	}
	return seen
}

// mostTicks bounds what is told of how long a hold would have to be.
const mostTicks = 1e7

// delay is how many ticks pass until harm that begins with the last step is found, of
// which a tick tells so much.
func (w *watcher) delay(information float64) float64 {
	level := w.effective()
	if len(w.steps) == 1 {
		return max(1, -evidence.DelayAtStart*math.Log(level)/information)
	}
	var horizon float64
	for _, s := range w.steps {
		horizon += w.ticks(s.Hold)
	}
	return max(1, evidence.DelayInMid*math.Log(max(1, horizon)/level)/information)
}

// fromTheStart tells when harm is found that is there from the first exposure on. Its
// evidence is carried from step to step.
func (w *watcher) fromTheStart() GatePower {
	told := GatePower{Gate: w.Name, Kind: w.Kind(), Phase: w.phase, Rate: w.rate, Level: w.level}
	if len(w.steps) == 0 {
		return told
	}
	for _, rho := range Harms {
		told.Harms = append(told.Harms, w.walk(rho))
	}
	return told
}

func (w *watcher) walk(rho float64) HarmPower {
	h := HarmPower{Ratio: rho}
	left, passed := -evidence.DelayAtStart*math.Log(w.effective()), 0.0
	for _, s := range w.steps {
		q, ticks := s.Percent.Share(), w.ticks(s.Hold)
		each := w.shows(q)(rho)
		found := each*ticks >= left
		if found {
			ticks = max(1, left/each)
		}
		left, passed = left-each*ticks, passed+ticks
		h.Units, h.Harmed = h.Units+ticks*w.units(q), h.Harmed+ticks*w.harmed(q, rho)
		if found {
			h.After, h.Phase, h.Percent = lastingTicks(passed, w.every), s.phase, s.Percent
			h.Users = w.reached(q, passed)
			return h
		}
	}
	return h
}

func (w *watcher) ticks(hold rampart.Duration) float64 { return float64(hold.D() / w.every) }

// effective is the level of the part of the gate that finds harm first: its parts are
// averaged, so each has its share of the level.
func (w *watcher) effective() float64 {
	level := w.level
	if len(w.By) > 0 {
		level *= evidence.WholeShare
	}
	switch {
	case w.Latency != nil:
		level /= latencyEdges
	case w.Mean != nil:
		level *= asymptotic / float64(w.phases)
	}
	return level
}

// asymptotic is the factor of evidence whose level holds only in the limit.
const asymptotic = 0.7

// latencyEdges is how many edges of a histogram a latency gate compares.
const latencyEdges = 4

// detect is the rate ratio that a pass must have been able to see.
func (w *watcher) detect(at rampart.Percent) float64 {
	if w.Mean != nil {
		return 1 + or(w.Mean.Detect, usualChange).Share()
	}
	return w.DetectAt(at)
}

// usualChange is the change of a mean that is looked for where a gate does not say.
const usualChange = rampart.Percent(500)

// shows returns what a tick at an exposure tells of harm to the on arm, by its rate
// ratio.
func (w *watcher) shows(q float64) func(rho float64) float64 {
	switch {
	case w.Objective != nil:
		n, line := w.perTick(), w.bad()
		return func(rho float64) float64 {
			return evidence.LineInformation(n, w.rate.Base*(1+q*(rho-1)), line)
		}
	case w.Mean != nil:
		return func(rho float64) float64 {
			n, change := w.perTick(), max(0, shift(rho, w.lower())-w.margin())
			return evidence.MeanInformation(q*n, (1-q)*n, w.rate.Base*change, w.rate.Spread) / bucketsCost
		}
	}
	return w.flow(q).Information
}

// passes is what a tick tells of the harm that a pass must have been able to see: to the
// on arm or, of an objective, to all arms.
func (w *watcher) passes(q, detect float64) float64 {
	if w.Objective != nil {
		return evidence.LineInformation(w.perTick(), detect*w.bad(), w.bad())
	}
	return w.shows(q)(detect)
}

// flow is that of a gate that compares events.
func (w *watcher) flow(q float64) evidence.Flow {
	f := evidence.Flow{Margin: w.margin(), LowerIsWorse: w.lower(), Phi: w.rate.Phi, Base: w.base()}
	if w.Count != nil {
		f.N1, f.N0, f.Base, f.Rate = q, 1-q, w.rate.Base*w.every.Seconds(), true
		return f
	}
	f.N1, f.N0 = q*w.perTick(), (1-q)*w.perTick()
	return f
}

// base is the rate of the off arm that harm is told from.
func (w *watcher) base() float64 { return max(w.rate.Base, leastRateOf(w.Gate)) }

// perTick is how many units a tick has, in both arms.
func (w *watcher) perTick() float64 { return w.rate.Units * w.every.Seconds() }

// units is how many of them are on; of a count nobody knows.
func (w *watcher) units(q float64) float64 {
	if w.Count != nil {
		return 0
	}
	return q * w.perTick()
}

// reached is how many users are on after so many ticks: of all that have been seen, as
// many as the exposure says, because whoever is on stays on.
func (w *watcher) reached(q, ticks float64) float64 { return q * w.users * ticks * w.every.Seconds() }

// harmed is how many events more there are in a tick, or fewer where that is worse,
// than without harm.
func (w *watcher) harmed(q, rho float64) float64 {
	switch {
	case w.Mean != nil:
		return 0 // everybody a little
	case w.Count != nil:
		return q * w.rate.Base * w.every.Seconds() * shift(rho, w.lower())
	}
	return q * w.perTick() * w.base() * shift(rho, w.lower())
}

// shift is by how much of itself a rate changes.
func shift(rho float64, lower bool) float64 {
	if lower {
		return 1 - 1/rho
	}
	return rho - 1
}

// bad is the line of an objective.
func (w *watcher) bad() float64 { return 1 - w.Objective.Good.Share() }

// line is the least share of bad events of all arms that so many ticks could show.
func (w *watcher) line(ticks float64) float64 {
	p := evidence.LineDetectable(ticks*w.perTick(), w.bad(), w.level)
	if math.IsInf(p, 1) {
		return 0
	}
	return p
}

func (w *watcher) margin() float64 {
	switch {
	case w.Ratio != nil:
		return w.Ratio.Margin.Share()
	case w.Count != nil:
		return w.Count.Margin.Share()
	case w.Mean != nil:
		return w.Mean.Margin.Share()
	}
	return 0
}

func (w *watcher) lower() bool {
	switch {
	case w.Ratio != nil:
		return w.Ratio.Worse == rampart.WorseLower
	case w.Count != nil:
		return w.Count.Worse == rampart.WorseLower
	case w.Mean != nil:
		return w.Mean.Worse == rampart.WorseLower
	}
	return false
}

// bucketsCost is what it costs that the error of a mean is known from 20 buckets only:
// the square of the quantile of Student's t with 19 degrees of freedom over the normal
// one, 2.093 over 1.960.
const bucketsCost = 1.14
