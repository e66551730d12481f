package rampart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// InWords says what a gate found, with what its evidence rests on: "errors 1.04x on/off
// (0.91–1.19), evidence 3 % of limit, e-value 0.6, of 61,234 on, 1,163,446 off". The word of the
// verdict is there where it is news.
func (v GateVerdict) InWords() string {
	s := v.Gate
	if v.Word != Holding && v.Word != Pass {
		s += " " + string(v.Word)
	}
	found := v.Found()
	if found == "" {
		return strings.TrimSpace(s + " " + v.Besides())
	}
	if s != v.Gate {
		s += ":"
	}
	s += " " + found
	if (v.Share != 0 || v.LogE != 0) && v.Word != Breach && !strings.Contains(v.Reason, "evidence") {
		s += fmt.Sprintf(", evidence %.0f %% of limit", 100*v.Share)
	}
	if besides := v.Besides(); besides != "" {
		s += ", " + besides
	}
	return s
}

// Found is the reason without the gate's name, which it begins with.
func (v GateVerdict) Found() string {
	found, named := strings.CutPrefix(v.Reason, v.Gate)
	if named && found != "" && found[0] != ' ' && found[0] != ':' {
		return v.Reason // a longer word
	}
	return strings.TrimSpace(strings.TrimPrefix(found, ":"))
}

// Besides tells what a gate's reason leaves out of its evidence: its e-value, how many
// units it rests on, by how much they vary more than chance, and which part accuses most.
// It is empty for a gate that has counted nothing.
func (v GateVerdict) Besides() string {
	var parts []string
	if v.LogE != 0 { // a gate that has seen nothing is at 1, and one without evidence has none
		parts = append(parts, "e-value "+eValue(v.LogE))
	}
	if v.OnN > 0 && v.OffN > 0 && v.Low != nil { // without a ratio the reason tells the counts
		if v.Kind != KindCount { // whose units are shares of time
			parts = append(parts, fmt.Sprintf("of %s on, %s off", Grouped(v.OnN), Grouped(v.OffN)))
		}
	}
	if v.Phi > 1.005 {
		parts = append(parts, fmt.Sprintf("phi %.2g", v.Phi))
	}
	switch {
	case strings.HasPrefix(v.Part, "over "): // an edge of a histogram
		parts = append(parts, "most "+v.Part)
	case v.Part != "":
		parts = append(parts, "most in "+v.Part)
	}
	return strings.Join(parts, ", ")
}

// eValue writes the e-value of which the natural logarithm is given: by so much would
// whoever bets on harm at fair odds have multiplied their stake. What is far from 1 is
// written in powers of ten, because its logarithm goes to places where numbers do not.
func eValue(logE float64) string {
	switch e := math.Exp(logE); {
	case math.IsNaN(logE) || math.IsInf(logE, 0):
		return "-"
	case e >= 99.5 && e < 1e6:
		return Grouped(e)
	case e >= 0.01 && e < 99.5:
		return strconv.FormatFloat(e, 'g', 2, 64)
	}
	return fmt.Sprintf("10^%.0f", logE/math.Ln10)
}

// InWords says how the arms are filled: "612 of 10,000 new units on, 500 expected".
func (r SampleRatio) InWords() string {
	told := r.Reason
	if told == "" {
		all := float64(r.On + r.Off)
		told = fmt.Sprintf("%s of %s new units on, %s expected", Grouped(float64(r.On)), Grouped(all), Grouped(r.Expected*all))
	}
	switch {
	case r.Mismatch:
		return "does not match: " + told
	case r.Acked > 0:
		return "acknowledged: " + told
	}
	return "matches: " + told
}

// InWords says what the maximum power ramp comes to: "ship: no guardrail is worse".
func (d RampDecision) InWords() string {
	s := string(d.Word)
	if d.Reason != "" {
		s += ": " + d.Reason
	}
	if d.Fraction > 0 && d.Fraction < 1 {
		s += fmt.Sprintf(", at %.0f %% of the information", 100*d.Fraction)
	}
	return s
}

// InWords says how far one goal has come. Its reason names it.
func (g GoalVerdict) InWords() string {
	if g.Reason == "" {
		return fmt.Sprintf("%s %+.2g %% (%+.2g to %+.2g)", g.Goal, 100*g.Effect, 100*g.Low, 100*g.High)
	}
	return g.Reason
}

// InWords says how far the ramp may go: "40 %: harm of errors is at most 1.12x".
func (r Recommendation) InWords() string {
	if r.Reason == "" {
		return r.Percent.String()
	}
	return r.Percent.String() + ": " + r.Reason
}

// Grouped writes a number of units as people read it: 1,163,446.
func Grouped(v float64) string {
	if math.IsNaN(v) || math.Abs(v) >= 1<<53 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	s := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
