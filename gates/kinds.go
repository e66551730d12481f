package gates

import (
	"time"

	"github.com/rampart-dev/rampart"
)

// Judges returns an error where a gate cannot be judged: where this version does
// not know its kind, or where a selector cannot be read.
func Judges(g rampart.Gate) error {
	switch g.Kind() {
	case rampart.KindThreshold, rampart.KindTrend, rampart.KindProbe,
		rampart.KindRatio, rampart.KindCount, rampart.KindLatency, rampart.KindObjective:
	default:
		return rampart.Errorf(rampart.Refused, "gate %s: gates of kind %q are not judged by this version", g.Name, g.Kind()).
			WithHint("use a ratio, count, latency, objective, threshold, trend or probe")
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

// since returns the instant from which the counters of a gate are counted: where
// the last count of it ended, and for the first time a tick ago. A count without a
// denominator rests on the share of traffic that each arm has, so it never spans
// two steps.
func (g *gate) since(look Look, spec rampart.Gate, lag time.Duration) time.Time {
	from := look.At.Add(-look.Every)
	if g.Counted > 0 {
		from = time.UnixMilli(g.Counted)
	}
	if spec.Count != nil && look.StepSince.After(from) && look.StepSince.Before(look.At) {
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
