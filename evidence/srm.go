package evidence

import (
	"fmt"
	"math"
	"time"
)

// SampleRatioLevel is the chance, at most, that arms which get the units that they
// should are ever called a mismatch. It is small because a mismatch puts everything
// else in doubt, and cheap because units are many.
const SampleRatioLevel = 0.001

// NewUnits are the units that were first seen in one interval. A unit is counted once
// a launch, in the arm in force when it is first seen: were it counted in each arm,
// every step of a ramp would look like a mismatch.
type NewUnits struct {
	At      int64   // the end of the interval in Unix milliseconds; its identity
	On, Off float64 // units
	Share   float64 // of the on arm by the allocation in force, between 0 and 1
	Step    int     // in which a rise is a new allocation, with which a mismatch may begin
	// Buckets has the same units by telemetry bucket, nil where they are not known.
	Buckets *Buckets
}

// SampleRatio is the e-process of a sample ratio mismatch: of units that get lost, or
// are counted twice, in one of the arms. Given m new units and a share q of the on
// arm, under odds ratio r the on arm has Binomial(m, q r / (q r + 1 - q)) of them, so
//
//	l_j += x1 ln r_j - m ln(q r_j + 1 - q)          E = mean_j exp(l_j)
//
// on a grid of odds ratios to either side of 1. As in [CB], components start anew
// with every allocation and every hour, so that a mismatch which begins late is found
// soon: half of the mass at the first units, and 1/(2 k (k + 1)) at the k-th restart.
//
// Each process sees for itself which units are new, so a unit that many processes
// serve comes several times, and always in the same arm. How often shows in the
// buckets, and where it does, the evidence is tempered by it.
//
// A mismatch stays until a person acknowledges it. The zero value is ready to use.
// Source: Lindon and Malek (see the package).
type SampleRatio struct {
	s      sampleState
	spread *Dispersion
}

// oddsGrid has a gross and a fine mismatch to either side. At half exposure, 0.97 is
// a share of 49.2 %.
var oddsGrid = [...]float64{0.9, 0.97, 1 / 0.97, 1 / 0.9}

// sampleRestart is how often a mismatch is looked for as if it had just begun.
const sampleRestart = time.Hour

// sampleState is what a SampleRatio carries; see fields for how it is stored.
type sampleState struct {
	At        int64
	Step      int64
	Started   int64 // 1 once the present process has begun
	StartedAt int64
	Restarts  int64
	Reached   int64 // 1 where the present process has reached its limit
	Acked     int64

	On, Off, Expected float64 // units, and how many of them the on arm was to have
	LogA              [len(oddsGrid)]float64
}

// Fold counts the new units of one interval. It reports whether they were counted: an
// interval that is not later than the last is ignored. Impossible counts are a
// *BadTick and change nothing.
func (r *SampleRatio) Fold(u NewUnits) (bool, error) {
	if u.At <= r.s.At {
		return false, nil
	}
	if err := u.check(); err != nil {
		return false, err
	}
	r.start(u)
	r.weigh(u)
	r.s.At, r.s.Step = u.At, max(r.s.Step, int64(u.Step))
	r.s.On, r.s.Off = r.s.On+u.On, r.s.Off+u.Off
	r.s.Expected += u.Share * (u.On + u.Off)
	if u.Buckets != nil {
		if r.spread == nil {
			r.spread = new(Dispersion)
		}
		r.spread.Add(*u.Buckets)
	}
	if r.LogE() >= r.Limit() {
		r.s.Reached = 1
	}
	return true, nil
}

// LogE is ln E: the evidence, in nats, of a mismatch.
func (r *SampleRatio) LogE() float64 {
	if r.s.Started == 0 {
		return 0
	}
	e := math.Log(0.5 / float64(r.s.Restarts+1)) // the mass not yet started
	for _, a := range r.s.LogA {
		e = logAdd(e, a-math.Log(float64(len(oddsGrid))))
	}
	return min(e, e/r.repeats())
}

// Limit is the LogE of a mismatch. Every acknowledgement leaves a tenth of the level to
// what comes after it, so that all of them together stay close to the first.
func (r *SampleRatio) Limit() float64 {
	return float64(r.s.Acked)*math.Ln10 - math.Log(SampleRatioLevel)
}

// Mismatch reports whether the arms do not have the units that they should, and nobody
// has acknowledged it.
func (r *SampleRatio) Mismatch() bool { return r.s.Reached == 1 }

// Acknowledge lets go of a mismatch that a person has looked into: its process is
// frozen, and another begins at a tenth of the level. It reports whether there was one.
func (r *SampleRatio) Acknowledge() bool {
	if !r.Mismatch() {
		return false
	}
	r.s.Reached, r.s.Started, r.s.Restarts = 0, 0, 0
	r.s.Acked++
	return true
}

// Afresh returns the process of another attempt, which begins with nothing but the level
// that the acknowledgements so far have left.
func (r *SampleRatio) Afresh() *SampleRatio {
	return &SampleRatio{s: sampleState{Acked: r.s.Acked}}
}

// Acknowledged is how many mismatches have been acknowledged.
func (r *SampleRatio) Acknowledged() int { return int(r.s.Acked) }

// Units tells how many units were counted in each arm, and how many of them the
// allocations let expect in the on arm.
func (r *SampleRatio) Units() (on, off, expected float64) {
	return r.s.On, r.s.Off, r.s.Expected
}

// InForce are all units that were counted, as the present allocation deals them out to the
// arms, by bucket: an arm that has got more units than it should keeps that surplus. Where
// each unit is now is not known, because it was counted in the arm in which it was first
// seen; but chance has dealt them out.
func (r *SampleRatio) InForce(share float64) *Sums {
	s, all := &r.s, r.s.On+r.s.Off
	if all == 0 {
		return new(Sums)
	}
	on := share * s.On / s.Expected
	off := (1 - share) * s.Off / (all - s.Expected)
	sums := &Sums{on: on * all, off: off * all, plain: r.spread == nil}
	if r.spread != nil {
		for i := range bucketCount {
			n := r.spread.sum.On[i] + r.spread.sum.Off[i]
			sums.by.On[i], sums.by.Off[i] = on*n, off*n
		}
	}
	return sums
}

// At is the end of the last interval counted, in Unix milliseconds; zero before.
func (r *SampleRatio) At() int64 { return r.s.At }

// start begins new components where they are due.
func (r *SampleRatio) start(u NewUnits) {
	s := &r.s
	mass := 0.5
	switch {
	case s.Started == 0:
		for j := range s.LogA {
			s.LogA[j] = math.Inf(-1)
		}
		s.Started = 1
	case int64(u.Step) > s.Step || u.At-s.StartedAt >= sampleRestart.Milliseconds():
		s.Restarts++
		k := float64(s.Restarts)
		mass = 0.5 / (k * (k + 1))
	default:
		return
	}
	s.StartedAt = u.At
	for j := range s.LogA {
		s.LogA[j] = logAdd(s.LogA[j], math.Log(mass))
	}
}

// weigh multiplies every component by the likelihood ratio of the interval.
func (r *SampleRatio) weigh(u NewUnits) {
	for j, odds := range oddsGrid {
		r.s.LogA[j] += u.On*math.Log(odds) - (u.On+u.Off)*math.Log1p(u.Share*(odds-1))
	}
}

// surely widens a dispersion over twenty buckets of two arms to the upper end of its
// interval: 38 over the fifth percentile of chi-squared with 38 degrees of freedom. A
// level of one in a thousand does not bear a phi that is too low by chance.
const surely = 1.53

// repeats is how often each unit may have been counted.
func (r *SampleRatio) repeats() float64 {
	if r.spread == nil {
		return 1
	}
	if phi := r.spread.Phi(); phi > temperAbove {
		return surely * phi
	}
	return 1
}

func (u NewUnits) check() error {
	reason := u.Buckets.impossible()
	if reason == "" && !(u.Share > 0 && u.Share < 1) {
		reason = fmt.Sprintf("a share of %g leaves an arm empty by plan", u.Share)
	}
	for _, arm := range [...]struct {
		name string
		n    float64
	}{{"on", u.On}, {"off", u.Off}} {
		if why := impossible(arm.n, false); reason == "" && why != "" {
			reason = fmt.Sprintf("units of the %s arm: %s", arm.name, why)
		}
	}
	if reason != "" {
		return &BadTick{At: u.At, Reason: reason}
	}
	return nil
}
