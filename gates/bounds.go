package gates

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/rampart-dev/rampart"
)

// bounds tell for how long a value has been out of its bounds.
type bounds struct {
	For   int64 `json:"for,omitempty"`   // ms of answered time without a break
	Since int64 `json:"since,omitempty"` // the tick at which it left them
}

// take notes whether the value is out of bounds at a tick; before is the last tick
// with an answer. Time without an answer is not counted, nor is more than twice the
// time that was to pass between the two looks.
func (b *bounds) take(look Look, before int64, out bool) {
	switch {
	case !out:
		*b = bounds{}
	case b.Since == 0:
		b.Since = look.tick()
	default:
		b.For += min(look.tick()-before, 2*look.pace.Milliseconds())
	}
}

// within reads the verdict off a value that must not be out of bounds for as long as
// is allowed.
func (g *gate) within(look Look, v *rampart.GateVerdict, how string, allowed time.Duration) {
	switch limit := allowed.Milliseconds(); {
	case g.Out.Since != 0 && g.Out.For >= limit && limit == 0:
		v.Word, v.Reason = rampart.Breach, how
	case g.Out.Since != 0 && g.Out.For >= limit:
		v.Word, v.Reason = rampart.Breach, how+" for "+span(g.Out.For)
	case g.Out.Since != 0:
		v.Word, v.Reason = rampart.Holding, fmt.Sprintf("%s for %s of %s", how, span(g.Out.For), span(limit))
	case !look.HoldOver:
		v.Word, v.Reason = rampart.Holding, how
	case g.Run < enough:
		v.Word, v.Reason = rampart.Holding, fmt.Sprintf("%s, at %d of %d ticks in a row", how, g.Run, enough)
	default:
		v.Word, v.Reason = rampart.Pass, how
	}
}

// beyond reports whether a value is out of the bounds of a threshold.
func beyond(t rampart.Threshold, v float64) bool {
	return t.Min != nil && v < *t.Min || t.Max != nil && v > *t.Max
}

// threshold reads the verdict on a threshold off what is known of it.
func (g *gate) threshold(look Look, name string, t rampart.Threshold, v *rampart.GateVerdict) {
	v.Value = &g.Value
	how := name + " " + number(g.Value)
	switch {
	case t.Max != nil && g.Value > *t.Max:
		how += " > " + number(*t.Max)
	case t.Min != nil && g.Value < *t.Min:
		how += " < " + number(*t.Min)
	case t.Max != nil:
		how += ", at most " + number(*t.Max)
	case t.Min != nil:
		how += ", at least " + number(*t.Min)
	}
	g.within(look, v, how, t.For.D())
}

// trend asks for the value now and at the beginning of the span.
func (s *sight) trend(ctx context.Context, source Source, t rampart.Trend, at time.Time) {
	if s.value, s.err = source.Value(ctx, t.Query, at); s.err == nil {
		s.before, s.err = source.Value(ctx, t.Query, at.Add(-t.Over.D()))
	}
}

// rise takes in by how much a value grew, as a share of what it was.
func (g *gate) rise(look Look, t rampart.Trend, saw sight) error {
	if saw.before == 0 {
		return &NoData{"the query was 0 at the beginning, of which nothing is a share"}
	}
	g.Value = (saw.value - saw.before) / math.Abs(saw.before)
	g.Out.take(look, g.At, g.Value > t.MaxRise.Share())
	return nil
}

// risen reads the verdict on a trend off what is known of it.
func (g *gate) risen(look Look, name string, t rampart.Trend, v *rampart.GateVerdict) {
	v.Value = &g.Value
	how := fmt.Sprintf("%s %+.4g %% in %s, at most %s", name, 100*g.Value, t.Over, t.MaxRise)
	g.within(look, v, how, t.For.D())
}

// number writes a value with as many digits as a person reads.
func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
