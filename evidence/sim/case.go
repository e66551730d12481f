package sim

import (
	"math"

	"github.com/rampart-dev/rampart/evidence"
)

// A Case is one gate on a stream of counts, tick by tick: what delays are measured on.
type Case struct {
	Units    float64 // a tick, both arms together
	Seconds  float64 // a tick
	Base     float64 // events per unit
	Exposure float64
	Rho      float64 // how many times as frequent events are in the on arm, from Onset on; 1 is no harm
	Onset    int     // ticks without harm
	Ticks    int     // of the whole stream
	Alpha    float64 // the level of the gate
}

// Reference is the case that is referred to everywhere: 500 requests a second of which
// 0.5 % fail, 5 % exposure, a tick every 15 s, a day, and 5 % error for the one gate.
func Reference(rho float64, onset int) Case {
	return Case{Units: 7500, Seconds: 15, Base: 0.005, Exposure: 0.05, Rho: rho, Onset: onset, Ticks: 5760, Alpha: 0.05}
}

// Mid is the onset of harm that begins after twelve hours of the reference case.
const Mid = 2880

// Limit is how many ticks any test needs on average, whose share of false reverts is
// at most Alpha: ln(1/alpha) over the information of a tick; of harm that begins late,
// ln(T/alpha) over it, T being the ticks in which it could have begun. It is at least
// one tick, before which nobody looks.
func (c Case) Limit() float64 {
	n1, n0 := c.Units*c.Exposure, c.Units*(1-c.Exposure)
	alpha := c.Alpha
	if c.Onset > 0 {
		alpha /= float64(c.Ticks)
	}
	return max(1, evidence.DetectionLimit(n1, n0, c.Base, c.Rho, alpha))
}

// stream draws the ticks of one run of a case.
type stream struct {
	Case
	d       draw
	crowd   draw // of buckets, so that counts are the same without them
	buckets evidence.Buckets
	i       int
}

func (c Case) stream(seed, run uint64) *stream {
	return &stream{Case: c, d: newDraw(seed, run), crowd: newDraw(^seed, run)}
}

// shadow draws the events of a day before the first exposure, by bucket.
func (s *stream) shadow() (b evidence.Buckets) {
	each := s.Units * s.Base * 86_400 / s.Seconds / (2 * buckets)
	for i := range buckets {
		b.On[i], b.Off[i] = s.crowd.poisson(each), s.crowd.poisson(each)
	}
	return b
}

// deal spreads the events of a tick over the buckets of users who are all alike.
func (s *stream) deal(t *evidence.Tick) {
	s.buckets = evidence.Buckets{}
	s.crowd.deal(t.X1, &s.buckets.On)
	s.crowd.deal(t.X0, &s.buckets.Off)
	t.Buckets = &s.buckets
}

// next draws the next tick. Units are what the allocation gives; events are Poisson.
func (s *stream) next() evidence.Tick {
	t := s.frame()
	rate := s.Base
	if s.i > s.Onset {
		rate *= s.Rho
	}
	t.X1 = min(t.N1, s.d.poisson(t.N1*rate))
	t.X0 = min(t.N0, s.d.poisson(t.N0*s.Base))
	return t
}

// slow draws the next tick of a histogram: for each edge the requests slower than it.
// Harm is that those slower than the p99 are Rho times as frequent.
func (s *stream) slow() []evidence.PartTick {
	frame := s.frame()
	on := between
	if s.i > s.Onset {
		on[edges] *= s.Rho
		on[edges-1] -= on[edges] - between[edges]
	}
	slower := make([]evidence.PartTick, edges)
	var x1, x0 float64
	for bin := edges; bin > 0; bin-- {
		x1 += s.d.poisson(frame.N1 * on[bin])
		x0 += s.d.poisson(frame.N0 * between[bin])
		slower[bin-1] = evidence.PartTick{Part: edgeNames[bin-1], Tick: frame}
		slower[bin-1].X1, slower[bin-1].X0 = min(x1, frame.N1), min(x0, frame.N0)
	}
	return slower
}

func (s *stream) frame() evidence.Tick {
	s.i++
	n1 := math.Round(s.Units * s.Exposure)
	return evidence.Tick{At: int64(float64(s.i) * s.Seconds * 1000), N1: n1, N0: s.Units - n1}
}
