package evidence

import (
	"fmt"
	"math"
	"time"
)

// A Tick is what one interval counted: integer deltas of raw counters, both
// arms over the same interval.
//
// "Units" are whatever the events are events of: requests, users, or, for a
// count rate without a denominator, the share of the traffic each arm has.
type Tick struct {
	// At is the end of the interval in Unix milliseconds. It is the tick's
	// identity: no process counts the same At, or an earlier one, again.
	At int64 `json:"at"`
	// X1 and N1 are events and units in the on arm.
	X1 float64 `json:"x1"`
	N1 float64 `json:"n1"`
	// X0 and N0 are events and units in the off arm.
	X0 float64 `json:"x0"`
	N0 float64 `json:"n0"`
	// Buckets has the events of the same interval by telemetry bucket. It is
	// nil where the source does not label its counters with buckets.
	Buckets *Buckets `json:"buckets,omitempty"`
	// Units has the units of the same interval by telemetry bucket. Where it is nil
	// each bucket is taken to have an equal share of them.
	Units *Buckets `json:"units,omitempty"`
}

// A PartTick is what one interval counted of one part of a gate: of an edge of a
// histogram, or of a cohort. A part without a name is everything together.
type PartTick struct {
	Part string
	Tick
}

// A Moment says where in its launch a tick falls. Everything in it is known
// before the tick is counted, which is what lets the masses of a change-time
// mixture depend on it.
type Moment struct {
	// Phase is the index of the stage in the plan; a higher one than the tick
	// before had is a phase start.
	Phase int
	// Step is the index of the step in the plan, over all stages. Information
	// is counted from the first tick of a step.
	Step int
	// Restart is how long after the last start of a component the next one is
	// due: RestartEarly or RestartLate. Zero never restarts.
	Restart time.Duration
	// Detect is the rate ratio of harm, above 1, that the gate must be able to
	// see in this step before it may pass. Zero means 2.
	Detect float64
	// LeastRate is the base rate below which harm is not told from the ratio: a
	// service that never fails is judged as if it failed this often. Without it
	// such a service could never be seen to fail, and no gate of it would pass.
	// Zero is no such floor. It decides passes only, never evidence.
	LeastRate float64
}

// The restarts of the change-time mixture: harm is looked for from every ten
// minutes on while exposure is small, and from every hour on from the maximum
// power ramp onward, where a finer grid would only spread the mass thinner.
const (
	RestartEarly = 10 * time.Minute
	RestartLate  = time.Hour
)

// A BadTick is why counts cannot be evidence. The caller treats such a tick as
// no data.
type BadTick struct {
	At     int64
	Reason string
}

func (e *BadTick) Error() string {
	return fmt.Sprintf("tick %d: %s", e.At, e.Reason)
}

// Check tells why the counts of a ratio are impossible, as a *BadTick, or
// returns nil: they must be finite, not negative, whole, and no arm may have
// more events than units. An arm without units is possible and says nothing.
func (t Tick) Check() error { return t.check(false) }

func (t Tick) check(rate bool) error {
	reason := t.Buckets.impossible()
	if reason == "" {
		reason = t.Units.impossibleAs("units")
	}
	for _, arm := range [...]struct {
		name string
		x, n float64
	}{{"on", t.X1, t.N1}, {"off", t.X0, t.N0}} {
		if reason != "" {
			break
		}
		reason = impossibleArm(arm.name, arm.x, arm.n, rate)
	}
	if reason != "" {
		return &BadTick{At: t.At, Reason: reason}
	}
	return nil
}

func impossibleArm(arm string, x, n float64, rate bool) string {
	if reason := impossible(x, false); reason != "" {
		return fmt.Sprintf("events of the %s arm: %s", arm, reason)
	}
	if reason := impossible(n, rate); reason != "" {
		return fmt.Sprintf("units of the %s arm: %s", arm, reason)
	}
	switch {
	case !rate && x > n:
		return fmt.Sprintf("%s arm has more events (%g) than units (%g)", arm, x, n)
	case rate && n == 0 && x > 0:
		return fmt.Sprintf("%s arm has %g events but no share of the traffic", arm, x)
	}
	return ""
}

// maxCount keeps sums of counts exact: float64 has no gaps below 2^53, and no
// launch counts near 2^50 events in one tick.
const maxCount = 1 << 50

// impossible tells why v cannot be a count or, where it need not be whole, a share.
func impossible(v float64, share bool) string {
	switch {
	case v >= 0 && v <= maxCount && (share || v == math.Trunc(v)):
		return ""
	case math.IsNaN(v):
		return "not a number"
	case math.IsInf(v, 0):
		return "infinite"
	case v < 0:
		return fmt.Sprintf("negative (%g)", v)
	case v > maxCount:
		return fmt.Sprintf("too large to be a count (%g)", v)
	}
	return fmt.Sprintf("not whole (%g)", v)
}

func (m Moment) check() error {
	switch {
	case m.Restart < 0:
		return fmt.Errorf("moment: restart %s is negative", m.Restart)
	case math.IsNaN(m.Detect) || math.IsInf(m.Detect, 0) || (m.Detect != 0 && m.Detect <= 1):
		return fmt.Errorf("moment: detect %g is not a rate ratio above 1", m.Detect)
	}
	return nil
}

func (m Moment) detect() float64 {
	if m.Detect == 0 {
		return 2
	}
	return m.Detect
}
