package evidence

import (
	"fmt"
	"math"
)

// robustEvents is how many events each arm of a phase must have before the
// logarithm of their ratio is about normal.
const robustEvents = 100

// A Robust is the form of a ratio that bursts and persistent heavy users cannot
// deceive: a one-sided normal mixture on the logarithm of the rate ratio, whose
// error is taken from what the telemetry buckets differ by and not from a model
// of how events come.
//
// The buckets are groups of units that know nothing of each other, so that the
// counts of a bucket, summed over a phase, may depend on each other in any way.
// Ticks are strata, as in CB: with w0 = n0/n and w1 = n1/n, the estimate is that
// of Mantel and Haenszel, R/Q = sum(x1 w0) / sum(x0 w1), in which the base rate
// of each tick cancels, and what bucket b adds to its error is the sum over ticks
// of w0 (x1b - p n1b), and of w1 (x0b - p n0b), where p is the rate of both arms
// at that tick. Its variance is never taken to be below phi_pre (1/X1 + 1/X0),
// which is what overdispersed counts have.
//
// There is one e-process a phase, because phases share units: information is
// never summed over them. The form is their average, in which phases that have
// not begun count 1. Source: Howard et al., "Time-uniform, nonparametric,
// nonasymptotic confidence sequences", proposition 6; section 4 of Waudby-Smith
// et al. (see the package). Its level holds asymptotically.
type Robust struct {
	phases int // that the plan foresees, at least 1
	lower  bool
	rho0   float64
	rate   bool
	s      robustState
}

// robustState is what a Robust carries from tick to tick.
type robustState struct {
	Started int64   // phases so far, the present one included
	Phase   int64   // index of the present one
	Done    float64 // what finished phases add to E, weighted
	Tau     float64 // the log rate ratio that the present phase looks for
	Now     float64 // ln E of the present phase

	X1, X0  float64 // events of the present phase
	Ratio   strata
	On, Off [bucketCount]float64 // by how much each bucket adds to the error
}

// newRobust makes the form for the ratio of a conditional binomial.
func newRobust(c Config) *Robust {
	return &Robust{phases: max(1, c.Schedule.Phases), lower: c.LowerIsWorse, rho0: c.rho0(), rate: c.Rate}
}

// fold counts one tick, which has buckets; phi is that of before first exposure.
func (r *Robust) fold(t Tick, m Moment, phi float64) {
	if r.s.Started == 0 || int64(m.Phase) > r.s.Phase {
		r.begin(m)
	}
	n := t.N1 + t.N0
	if t.N1 == 0 || t.N0 == 0 {
		return
	}
	w1, w0, p := t.N1/n, t.N0/n, (t.X1+t.X0)/n
	r.s.X1, r.s.X0 = r.s.X1+t.X1, r.s.X0+t.X0
	r.s.Ratio.add(t)
	for b := range bucketCount {
		n1, n0 := t.N1/bucketCount, t.N0/bucketCount
		if t.Units != nil {
			n1, n0 = t.Units.On[b], t.Units.Off[b]
		}
		r.s.On[b] = grain(r.s.On[b] + w0*(t.Buckets.On[b]-p*n1))
		r.s.Off[b] = grain(r.s.Off[b] + w1*(t.Buckets.Off[b]-p*n0))
	}
	if r.started() {
		r.s.Now = r.logE(max(1, phi))
	}
	briefly(r.s.briefs()...)
}

// briefs are the numbers of the state that are kept to eleven digits.
func (s *robustState) briefs() []*float64 {
	return []*float64{&s.Done, &s.Tau, &s.Now, &s.Ratio.R, &s.Ratio.Q, &s.Ratio.A, &s.Ratio.B}
}

// grain rounds the sum of a bucket, which only tells how large the error is, so that
// the state is small.
func grain(v float64) float64 { return math.Round(v*grains) / grains }

// grains is how many of them there are to an event.
const grains = 32

// begin closes the present phase and starts afresh.
func (r *Robust) begin(m Moment) {
	done := r.s.Done
	if r.s.Started > 0 {
		done += r.weight(r.s.Started) * math.Exp(min(r.s.Now, maxLog))
	}
	r.s = robustState{Started: r.s.Started + 1, Phase: int64(m.Phase), Done: done, Tau: math.Log(m.detect())}
}

// maxLog keeps exponentials finite; nobody asks for more evidence than this.
const maxLog = 700

// robustOvertime is the mass for phases that the plan did not foresee: the k-th
// takes robustOvertime / (k (k + 1)) of it.
const robustOvertime = 0.1

// weight is that of the k-th phase, from 1.
func (r *Robust) weight(k int64) float64 {
	if late := float64(k) - float64(r.phases); late > 0 {
		return robustOvertime / (late * (late + 1))
	}
	return (1 - robustOvertime) / float64(r.phases)
}

// remain is the weight of phases that have not begun.
func (r *Robust) remain() float64 {
	if late := r.s.Started - int64(r.phases); late > 0 {
		return robustOvertime / float64(late+1)
	}
	return robustOvertime + (1-robustOvertime)*float64(int64(r.phases)-r.s.Started)/float64(r.phases)
}

// LogE is ln E of the form, all phases together.
func (r *Robust) LogE() float64 {
	e := math.Log(r.remain() + r.s.Done)
	if r.s.Started > 0 {
		e = logAdd(e, math.Log(r.weight(r.s.Started))+r.s.Now)
	}
	return e
}

// started reports whether the present phase has enough events.
func (r *Robust) started() bool { return r.s.X1 >= robustEvents && r.s.X0 >= robustEvents }

// logE is ln E of the present phase.
func (r *Robust) logE(phi float64) float64 {
	s := r.s.Ratio
	on, off := spreadOf(&r.s.On)/(s.R*s.R), spreadOf(&r.s.Off)/(s.Q*s.Q)
	least := phi * (s.A/(s.R*s.R) + s.B/(s.Q*s.Q))
	harm := math.Log(s.R / s.Q)
	if r.lower {
		harm = -harm
	}
	harm -= math.Log(r.rho0)
	z := harm / math.Sqrt(least)
	if seen := on + off; seen > 0 {
		z = min(z, normalOf(harm/math.Sqrt(seen), freedom(on, off)))
	}
	v := 1 / max(least, on+off)
	return NormalMixture{Rho: 1 / (r.s.Tau * r.s.Tau), OneSided: true}.LogE(z*math.Sqrt(v), v)
}

// spreadOf is the variance of a sum over buckets, from by how much they differ.
func spreadOf(b *[bucketCount]float64) float64 {
	var mean, squares float64
	for _, v := range b {
		mean += v / bucketCount
	}
	for _, v := range b {
		squares += (v - mean) * (v - mean)
	}
	return squares * bucketCount / (bucketCount - 1)
}

// freedom is how many degrees of freedom the sum of the two variances has, each of
// which comes from the buckets of one arm. Source: Welch and Satterthwaite.
func freedom(on, off float64) float64 {
	return (bucketCount - 1) * (on + off) * (on + off) / (on*on + off*off)
}

// normalOf is the normal deviate that is as improbable as t is for Student's
// distribution: an error that comes from twenty buckets is itself uncertain.
// Source: Wallace, "Bounds on normal approximations to Student's and the
// chi-square distributions".
func normalOf(t, df float64) float64 {
	z := math.Sqrt(df*math.Log1p(t*t/df)) * (8*df + 1) / (8*df + 3)
	return math.Copysign(z, t)
}

func (r *Robust) check() error {
	s := &r.s
	for _, v := range [...]float64{s.X1, s.X0, s.Done, s.Tau, s.Ratio.R, s.Ratio.Q, s.Ratio.A, s.Ratio.B, float64(s.Started)} {
		if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("robust form: %g cannot be", v)
		}
	}
	if s.Started > 0 && s.Tau == 0 {
		return fmt.Errorf("robust form: it looks for no harm")
	}
	return nil
}
