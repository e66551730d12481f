package gates

import (
	"time"

	"github.com/rampart-dev/rampart"
)

// Judges returns an error where a gate cannot be judged: where this version does
// not know its kind, or where a selector cannot be read.
func Judges(g rampart.Gate) error {
	if g.Kind() == "" {
		return rampart.Errorf(rampart.Refused, "gate %s has no kind that this version judges", g.Name).
			WithHint("let a worker of the newest version watch this launch")
	}
	for _, s := range selectorsOf(g) {
		if _, err := parseSelector(s); err != nil {
			return err
		}
	}
	return nil
}

// selectorsOf returns the selectors of the raw counters of a gate: events, and the
// units that they are events of.
func selectorsOf(g rampart.Gate) []string {
	switch {
	case g.Ratio != nil:
		return []string{g.Ratio.Events, g.Ratio.Of}
	case g.Count != nil:
		return []string{g.Count.Events}
	case g.Latency != nil:
		return []string{bucketsOf(g.Latency.Histogram)}
	case g.Objective != nil:
		return []string{g.Objective.Events, g.Objective.Of}
	case g.Mean != nil:
		return []string{g.Mean.Value, g.Mean.Of}
	}
	return nil
}

// bucketsOf returns the selector of the buckets of a histogram.
func bucketsOf(histogram string) string {
	sel, err := parseSelector(histogram)
	if err != nil {
		return histogram // reported by Judges
	}
	sel.metric += "_bucket"
	return sel.String()
}

// asks reports whether a gate can be asked at the look's exposure.
func (l Look) asks(g rampart.Gate) bool {
	return !g.Compares() || l.Exposure > 0 && l.Exposure < rampart.Full
}

// counts reports whether the counters of a gate are asked for: to judge it, or to
// learn beforehand what they are like.
func (s *State) counts(look Look, g rampart.Gate) bool { return look.asks(g) || s.learns(look, g) }

// since returns the instant from which the counters of a gate are counted: where
// the last count of it ended, and for the first time a tick ago. A count without a
// denominator rests on the share of traffic that each arm has, and a mean on which
// units are in which arm, so that they never span two steps.
func (g *gate) since(look Look, spec rampart.Gate, lag time.Duration) time.Time {
	from := look.At.Add(-look.Every)
	if g.Counted > 0 {
		from = time.UnixMilli(g.Counted)
	}
	if (spec.Count != nil || spec.Mean != nil) && look.StepSince.After(from) && look.StepSince.Before(look.At) {
		from = look.StepSince
	}
	return from.Add(-lag)
}

// takesBack reports whether a breach of the gate takes exposure back, so that it
// spends the error budget of the launch.
func takesBack(g rampart.Gate) bool {
	a := actionOf(g)
	return a == rampart.ActTurnBack || a == rampart.ActStepBack
}
