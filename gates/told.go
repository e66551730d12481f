package gates

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// show fills in what is displayed of the evidence.
func (s *State) show(look Look, spec rampart.Gate, v *rampart.GateVerdict) {
	g, known := s.gate(spec), s.Evidence.Gate(key(spec))
	n := known.CB().Samples()
	v.OnN, v.OffN, v.OnBad, v.OffBad = n.N1, n.N0, g.OnBad, g.OffBad
	v.LogE, v.Share, v.Power = digits(known.LogE()), digits(known.ShareOfLimit()), digits(known.Informed())
	if phi := known.Phi(); phi > 1 {
		v.Phi = digits(phi)
	}
	if part, cb := known.Part(); part != "" && cb.LogE() > 0 {
		v.Part = g.partName(part)
	}
	if r := known.Ratio(look.alpha()); r.Known {
		value, low := digits(r.Estimate), digits(r.Low)
		v.Value, v.Low = &value, &low
		if !math.IsInf(r.High, 0) {
			high := digits(r.High)
			v.High = &high
		}
	}
}

// digits cuts a number off after its fifth digit: what is shown is carried along, and
// no share of a limit must look as if it were all of it.
func digits(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return v
	}
	scale := math.Pow(10, 4-math.Floor(math.Log10(math.Abs(v))))
	if math.IsInf(scale, 0) {
		return 0
	}
	return math.Trunc(v*scale+math.Copysign(1e-6, v)) / scale
}

// told says how the arms compare: "errors 1.04x on/off (0.91–1.19), evidence 3 % of limit".
func (g *gate) told(look Look, spec rampart.Gate, known *evidence.Gate) string {
	name := spec.Name
	if spec.Latency != nil {
		name += " over " + edgeText(g.Tail.Edges[len(slowParts)-1])
	}
	n, r := known.CB().Samples(), known.Ratio(look.alpha())
	how := fmt.Sprintf("%s %s of %s on, %s of %s off", name, count(n.X1), count(n.N1), count(n.X0), count(n.N0))
	switch {
	case r.Known:
		how = fmt.Sprintf("%s %.2fx on/off (%.2f–%s)", name, r.Estimate, r.Low, upper(r.High))
	case spec.Count != nil:
		how = fmt.Sprintf("%s %s on, %s off", name, count(n.X1), count(n.X0))
	}
	return fmt.Sprintf("%s, evidence %s of limit", how, percent(known.ShareOfLimit()))
}

func upper(v float64) string {
	if math.IsInf(v, 0) {
		return "∞"
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// accuse says how the arms compared since harm began: "errors 4.1 % on, 1 % off". A
// part that broke is named, and told of since first exposure.
func (s *State) accuse(spec rampart.Gate, v *rampart.GateVerdict) {
	known, g := s.Evidence.Gate(key(spec)), s.gate(spec)
	part, cb := known.Part()
	n := cb.Samples()
	x1, n1, x0, n0 := n.X1, n.N1, n.X0, n.N0
	if since := g.Onset.best(); since != nil && cb == known.CB() {
		x1, n1, x0, n0 = since.X1, since.N1, since.X0, since.N0
	}
	how := fmt.Sprintf("%s %s on, %s off", spec.Name, percent(x1/n1), percent(x0/n0))
	switch {
	case spec.Count != nil:
		how = fmt.Sprintf("%s %s on, %s off, at %s of the traffic", spec.Name, count(x1), count(x0), percent(n1/(n1+n0)))
	case spec.Latency != nil && slices.Contains(slowParts[:], part):
		how = fmt.Sprintf("%s %s on %s, %s off", spec.Name, percent(x1/n1), g.partName(part), percent(x0/n0))
	case spec.Latency != nil:
		how = fmt.Sprintf("%s %s on over %s, %s off", spec.Name, percent(x1/n1), edgeText(g.Tail.Edges[slowOfCohorts]), percent(x0/n0))
	}
	if part != "" && !slices.Contains(slowParts[:], part) {
		how += " for " + part
	}
	v.Word, v.Reason = rampart.Breach, how+": evidence reached its limit"
}

// partName is what people call a part of a gate: a cohort by its name, and an edge of
// a histogram by how long it is.
func (g *gate) partName(part string) string {
	for i, q := range slowParts {
		if part == q && g.Tail.fixed() {
			return "over " + edgeText(g.Tail.Edges[i])
		}
	}
	return part
}

// percent writes a share with as many digits as a person reads.
func percent(share float64) string {
	p := 100 * share
	switch {
	case math.IsNaN(p) || math.IsInf(p, 0):
		return "- %"
	case p == 0 || p >= 99.95:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	case p >= 10:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	case p >= 0.1:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(p, 'g', 1, 64) + " %"
}

func count(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
