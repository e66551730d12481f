package gates

import (
	"fmt"
	"strconv"

	"github.com/rampart-dev/rampart"
)

// beyond reports whether a value is out of the bounds of a threshold.
func beyond(t rampart.Threshold, v float64) bool {
	return t.Min != nil && v < *t.Min || t.Max != nil && v > *t.Max
}

// threshold reads the verdict on a threshold off what is known of it.
func (g *gate) threshold(look Look, spec rampart.Gate, v *rampart.GateVerdict) {
	t := *spec.Threshold
	v.Value = &g.Value
	g.within(look, v, compared(spec.Name, t, g.Value), t.For.D().Milliseconds())
}

// within reads the verdict off a value that must not be out of bounds for longer
// than it is allowed to.
func (g *gate) within(look Look, v *rampart.GateVerdict, how string, allowed int64) {
	switch {
	case g.OutSince != 0 && g.Out >= allowed && allowed == 0:
		v.Word, v.Reason = rampart.Breach, how
	case g.OutSince != 0 && g.Out >= allowed:
		v.Word, v.Reason = rampart.Breach, how+" for "+span(g.Out)
	case g.OutSince != 0:
		v.Word, v.Reason = rampart.Holding, fmt.Sprintf("%s for %s of %s", how, span(g.Out), span(allowed))
	case !look.HoldOver:
		v.Word, v.Reason = rampart.Holding, how
	case g.Run < enough:
		v.Word, v.Reason = rampart.Holding, fmt.Sprintf("%s, seen at %d of %d ticks in a row", how, g.Run, enough)
	default:
		v.Word, v.Reason = rampart.Pass, how
	}
}

// compared writes a value beside its bound: "db-pool 61 > 50".
func compared(name string, t rampart.Threshold, v float64) string {
	switch {
	case t.Max != nil && v > *t.Max:
		return fmt.Sprintf("%s %s > %s", name, number(v), number(*t.Max))
	case t.Min != nil && v < *t.Min:
		return fmt.Sprintf("%s %s < %s", name, number(v), number(*t.Min))
	case t.Max != nil:
		return fmt.Sprintf("%s %s, at most %s", name, number(v), number(*t.Max))
	case t.Min != nil:
		return fmt.Sprintf("%s %s, at least %s", name, number(v), number(*t.Min))
	}
	return name + " " + number(v)
}

// number writes a value with as many digits as a person reads.
func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
