package gates

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// decision says what the maximum power ramp has come to: by evidence of harm, by its
// guardrails, and by its goals.
func (s *State) decision(look Look, all rampart.Verdict) *rampart.RampDecision {
	if !look.Decide {
		return nil
	}
	d := &rampart.RampDecision{At: look.tick(), Fraction: 1}
	f := evidence.Findings{
		Harmed:     s.harmed(all),
		Mismatch:   all.SampleRatio != nil && all.SampleRatio.Mismatch,
		Guardrails: s.guardrails(look), NonInferior: look.NonInferior,
	}
	var counted *goals
	if s.Tally != nil {
		counted = s.Tally.Goals
	}
	if counted != nil {
		d.Fraction = rounded(fractionAt(look, counted.Since))
	}
	for _, spec := range look.Goals {
		v := counted.verdict(spec)
		d.Goals = append(d.Goals, v)
		f.Goals = append(f.Goals, evidence.GoalResult{Word: evidence.Word(v.Word)})
	}
	d.Word = rampart.DecisionWord(evidence.Decide(f))
	if d.Reason = because(*d, f, all); all.Word == rampart.Breach && !f.Harmed { // by a gate that holds
		d.Word, d.Reason = rampart.Inconclusive, all.Reason
	}
	return d
}

// harmed reports whether evidence of harm reached its limit, at any time, or a bound was
// broken whose breach takes exposure back.
func (s *State) harmed(all rampart.Verdict) bool {
	if s.Evidence != nil && s.Evidence.Look(s.Tick).Reached {
		return true
	}
	return slices.ContainsFunc(all.Gates, func(g rampart.GateVerdict) bool {
		return g.Word == rampart.Breach && gravity(g.Action) >= gravity(rampart.ActStepBack)
	})
}

// guardrails returns the gates that compare the arms and take exposure back, each with
// how bad it may be at most.
func (s *State) guardrails(look Look) []evidence.Guardrail {
	var out []evidence.Guardrail
	for _, spec := range look.Gates {
		if upper, ok := s.upper(look, spec); ok {
			out = append(out, evidence.Guardrail{Name: spec.Name, Upper: upper, Margin: marginOf(spec)})
		}
	}
	return out
}

// upper returns the upper limit of a gate's harm ratio, +Inf where it is not known yet.
// A gate that is not judged by evidence from both arms has none.
func (s *State) upper(look Look, spec rampart.Gate) (ratio float64, ok bool) {
	if s.Evidence == nil || !spec.Compares() || !takesBack(spec) || !look.asks(spec) {
		return 0, false
	}
	known := s.Evidence.Gate(key(spec))
	if known == nil {
		return 0, false
	}
	low, high, ok := limits(look, known)
	switch {
	case ok && lowerIsWorse(spec):
		high = 1 / low
	case !ok:
		high = math.Inf(1)
	}
	if high = min(high, s.overLeast(look, spec, known)); high > mostTold {
		return math.Inf(1), true
	}
	return high, true
}

// mostTold is the harm ratio above which a limit is none that anybody goes by.
const mostTold = 50

// overLeast returns the upper limit of how much more often the on arm fails than one in a
// thousand, below which no harm is told from another ratio: of a service that never fails
// no ratio would ever be known.
func (s *State) overLeast(look Look, spec rampart.Gate, known *evidence.Gate) float64 {
	least, cb := leastRateOf(spec), known.CB()
	if least == 0 || cb == nil {
		return math.Inf(1)
	}
	n, phi := cb.Samples(), known.Phi()
	return evidence.UpperRate(n.X1/phi, n.N1/phi, look.alpha()/2, 1/least) / least
}

// limits returns the confidence sequence of on over off, and whether it is known.
func limits(look Look, known *evidence.Gate) (low, high float64, ok bool) {
	if m := known.Mean(); m != nil {
		d := m.Difference(look.alpha())
		return d.Low, d.High, d.Known
	}
	r := known.Ratio(look.alpha())
	return r.Low, r.High, r.Known
}

func lowerIsWorse(g rampart.Gate) bool {
	switch {
	case g.Ratio != nil:
		return g.Ratio.Worse == rampart.WorseLower
	case g.Count != nil:
		return g.Count.Worse == rampart.WorseLower
	}
	return g.Mean != nil && g.Mean.Worse == rampart.WorseLower
}

// marginOf returns the harm of a gate that its plan accepts, 0 where it says nothing.
func marginOf(g rampart.Gate) float64 {
	switch {
	case g.Ratio != nil:
		return g.Ratio.Margin.Share()
	case g.Count != nil:
		return g.Count.Margin.Share()
	case g.Mean != nil:
		return g.Mean.Margin.Share()
	}
	return 0
}

// because explains a decision in a sentence.
func because(d rampart.RampDecision, f evidence.Findings, all rampart.Verdict) string {
	reasons := func(words ...rampart.DecisionWord) string {
		var some []string
		for _, g := range d.Goals {
			if slices.Contains(words, g.Word) {
				some = append(some, g.Reason)
			}
		}
		return strings.Join(some, "; ")
	}
	weak := slices.IndexFunc(f.Guardrails, func(g evidence.Guardrail) bool { return !g.Holds() })
	switch {
	case f.Harmed:
		return all.Reason
	case f.Mismatch:
		return "no decision while a sample ratio mismatch stands: " + all.SampleRatio.Reason
	case d.Word == rampart.Regress:
		return "worse: " + reasons(rampart.Regress)
	case weak >= 0:
		return weakness(f.Guardrails[weak])
	case d.Word == rampart.Ship && len(d.Goals) == 0:
		return sound(f.Guardrails)
	case d.Word == rampart.Ship && reasons(rampart.Ship) == "":
		return sound(f.Guardrails) + ", which the plan declares enough; " + reasons(rampart.NoEffect, rampart.Inconclusive)
	case d.Word == rampart.Ship:
		return "better: " + reasons(rampart.Ship) + "; " + sound(f.Guardrails)
	case d.Word == rampart.NoEffect:
		return "no effect that was worth detecting: " + reasons(rampart.NoEffect)
	}
	return "more data may tell: " + reasons(rampart.Inconclusive, rampart.NoEffect)
}

func weakness(g evidence.Guardrail) string {
	if math.IsInf(g.Upper, 1) {
		return fmt.Sprintf("nothing is known yet of how much worse %s may be", g.Name)
	}
	return fmt.Sprintf("%s may be up to %.2fx, and at most %.2fx is accepted", g.Name, g.Upper, 1+margin(g))
}

func sound(all []evidence.Guardrail) string {
	if len(all) == 0 {
		return "no gate compares the arms"
	}
	var each []string
	for _, g := range all {
		each = append(each, fmt.Sprintf("%s at most %.2fx", g.Name, g.Upper))
	}
	return "no guardrail is worse than its margin: " + strings.Join(each, ", ")
}

func margin(g evidence.Guardrail) float64 { return or(g.Margin, evidence.DefaultMargin) }
