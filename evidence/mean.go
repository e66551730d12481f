package evidence

import (
	"fmt"
	"math"
)

// A Mean is the evidence on a mean per unit, such as the value of orders a user.
//
// Units are counted once a launch, in the arm in force when they are first seen. A
// step moves a known share of those of the off arm to the on arm, whoever they are,
// and so are they moved here. With y the values and u the units in force of a tick,
// the ratio of the means is, as that of Mantel and Haenszel,
//
//	R/Q = sum(y1 u0/u) / sum(y0 u1/u)
//
// in which what a unit is worth at that tick cancels: days of the week, users that
// were last seen long ago, and changes of allocation say nothing.
//
// Counters carry no variance of units, so the error comes from the twenty telemetry
// buckets, groups of units that know nothing of each other: bucket b adds the sum of
// u0/u (y1b - p u1b) to R and of u1/u (y0b - p u0b) to Q, p = y/u. That is the error of
// a ratio estimator (Taylor). An error from so few is itself uncertain, so the
// difference over its error is taken for Student's t, and turned into the normal
// deviate that is as improbable.
//
// With D = R/Q - 1 and V = 1/SE^2, harm positive, S is that deviate times the root of
// V, of the harm beyond the margin, and a phase is a one-sided normal mixture of S,
// begun once both arms have a hundred units. Phases share units, so information is
// never summed over them: the process is their average, times 0.7 because it is
// asymptotic. Sources: Cochran, "Sampling Techniques", section 6; Waudby-Smith et al.
// (see the package).
type Mean struct {
	cfg MeanConfig
	s   meanState
}

// meanState is what a Mean carries; see its fields for how it is stored.
type meanState struct {
	At, Ticks, Step int64
	Phase, Started  int64   // index of the present phase, and how many there were
	Exposure        float64 // of the tick before
	Done            float64 // sum of E of the phases before
	Now             float64 // ln E of the present one
	Base            float64 // V of the present phase before the present step
	Want            float64 // change that the present step must be able to see, as a share
	Units           Buckets // in force
	R, Q            float64 // of the present phase
	Errors          Buckets // what each bucket adds to them
}

// NewMean returns a process that has counted nothing.
func NewMean(cfg MeanConfig) (*Mean, error) {
	cfg, err := cfg.settle()
	if err != nil {
		return nil, err
	}
	return &Mean{cfg: cfg}, nil
}

// Fold counts one tick, as [CB.Fold] does.
func (m *Mean) Fold(t MeanTick, at Moment) (bool, error) {
	if m.s.Ticks > 0 && t.At <= m.s.At {
		return false, nil
	}
	if err := t.check(); err != nil {
		return false, err
	}
	if err := at.check(); err != nil {
		return false, err
	}
	s := &m.s
	if !m.begin(at) && int64(at.Step) != s.Step {
		s.Base = m.compare().v()
	}
	if s.Want = at.detect() - 1; m.cfg.LowerIsWorse {
		s.Want = 1 - 1/at.detect()
	}
	s.move(t.Exposure)
	s.count(t)
	s.At, s.Step, s.Ticks = t.At, int64(at.Step), s.Ticks+1
	m.judge()
	return true, nil
}

// LogE is ln E as it enters the launch.
func (m *Mean) LogE() float64 {
	k := float64(m.cfg.Phases)
	e := math.Log(m.s.Done + k - float64(max(m.s.Started, 1)))
	return math.Log(asymptotic) + logAdd(e, m.s.Now) - math.Log(k)
}

// Phi is 1: the error comes from the buckets, however much they vary.
func (m *Mean) Phi() float64 { return 1 }

// Samples tells how many units are in force.
func (m *Mean) Samples() Samples {
	return Samples{Ticks: m.s.Ticks, N1: sumOf(&m.s.Units.On), N0: sumOf(&m.s.Units.Off)}
}

// Information is what the present step could have seen, in nats, of harm of the
// Detect of its last moment: half the square of the difference over its error.
func (m *Mean) Information() float64 {
	return max(0, m.compare().v()-m.s.Base) * square(max(0, m.s.Want-m.cfg.Margin)) / 2
}

// Missing tells why the arms cannot be compared yet, and is empty where they can:
// every bucket of both arms must have units.
func (m *Mean) Missing() string {
	if n := filled(&m.s.Units.On); n < bucketCount {
		return fmt.Sprintf("the on arm has units in %d of %d telemetry buckets", n, bucketCount)
	}
	if n := filled(&m.s.Units.Off); n < bucketCount {
		return fmt.Sprintf("the off arm has units in %d of %d telemetry buckets", n, bucketCount)
	}
	return ""
}

// A Difference is how the means of the arms compare in the present phase.
type Difference struct {
	// Ratio is the mean of the on arm over that of the off arm; Low and High bound
	// it at every tick together.
	Ratio, Low, High float64
	// Known is false while there is too little to say anything.
	Known bool
	// UnitsOn and UnitsOff are the units in force.
	UnitsOn, UnitsOff float64
}

// Difference estimates the ratio of the means with a confidence sequence of error
// alpha, whose half-width is sqrt((V + rho)(ln(1 + V/rho) + 2 ln(1/alpha)))/V, widened
// for how few buckets its error comes from. It is for display: it never decides.
func (m *Mean) Difference(alpha float64) Difference {
	c := m.compare()
	d := Difference{Known: c.sd > 0, UnitsOn: sumOf(&m.s.Units.On), UnitsOff: sumOf(&m.s.Units.Off)}
	if !d.Known {
		return d
	}
	half := m.mixture(false).Bound(c.v(), alpha) / c.v()
	half *= half / c.sd / normalOf(half/c.sd, c.freedom)
	d.Ratio, d.Low, d.High = 1+c.d, max(0, 1+c.d-half), 1+c.d+half
	return d
}

// mixture is that of a phase. It is tuned to the least change that matters.
func (m *Mean) mixture(oneSided bool) NormalMixture {
	return NormalMixture{Rho: 1 / square(m.cfg.Detect), OneSided: oneSided}
}

// begin starts a phase where the tick is the first of one, and reports whether it
// did.
func (m *Mean) begin(at Moment) bool {
	s := &m.s
	if s.Started > 0 && int64(at.Phase) <= s.Phase {
		return false
	}
	if s.Phase = int64(at.Phase); s.Started >= int64(m.cfg.Phases) {
		return false
	}
	if s.Started > 0 {
		s.Done += math.Exp(min(s.Now, maxLogE))
	}
	s.Started++
	s.Now, s.Base, s.R, s.Q, s.Errors = 0, 0, 0, 0, Buckets{}
	return true
}

// maxLogE keeps exponentials finite; nobody asks for more evidence than this.
const maxLogE = 600

// move takes the units to the arm that a change of exposure brought them to: with
// more exposure the on arm gets the same share of every bucket of the off arm.
func (s *meanState) move(exposure float64) {
	was := s.Exposure
	s.Exposure = exposure
	from, to, share := &s.Units.Off, &s.Units.On, (exposure-was)/(1-was)
	if exposure < was {
		from, to, share = to, from, (was-exposure)/was
	}
	if s.Ticks == 0 || exposure == was {
		return
	}
	for i := range bucketCount {
		moved := math.Round(share * from[i])
		from[i], to[i] = from[i]-moved, to[i]+moved
	}
}

// count adds the values of a tick, each arm weighted by the units of the other.
func (s *meanState) count(t MeanTick) {
	for i := range bucketCount {
		s.Units.On[i] += t.Units.On[i]
		s.Units.Off[i] += t.Units.Off[i]
	}
	y1, y0, u1, u0 := sumOf(&t.Values.On), sumOf(&t.Values.Off), sumOf(&s.Units.On), sumOf(&s.Units.Off)
	if u1 == 0 || u0 == 0 {
		return
	}
	w1, w0, p := u1/(u1+u0), u0/(u1+u0), (y1+y0)/(u1+u0)
	s.R, s.Q = s.R+w0*y1, s.Q+w1*y0
	for i := range bucketCount {
		s.Errors.On[i] = coarse(s.Errors.On[i] + w0*(t.Values.On[i]-p*s.Units.On[i]))
		s.Errors.Off[i] = coarse(s.Errors.Off[i] + w1*(t.Values.Off[i]-p*s.Units.Off[i]))
	}
}

// judge works out ln E of the present phase.
func (m *Mean) judge() {
	c := m.compare()
	if c.sd == 0 {
		return
	}
	harm := c.d
	if m.cfg.LowerIsWorse {
		harm = -harm
	}
	z := normalOf((harm-m.cfg.Margin)/c.sd, c.freedom)
	m.s.Now = m.mixture(true).LogE(z/c.sd, c.v())
}

// A comparison is the difference of the means as a share of that of the off arm, and
// its error, which is 0 where nothing is known.
type comparison struct {
	d, sd   float64
	freedom float64 // of the error
}

// v is the information of the comparison.
func (c comparison) v() float64 {
	if c.sd == 0 {
		return 0
	}
	return 1 / square(c.sd)
}

func (m *Mean) compare() comparison {
	s := &m.s
	enough := sumOf(&s.Units.On) >= meanUnits && sumOf(&s.Units.Off) >= meanUnits
	if !enough || m.Missing() != "" || !(s.Q > 0) {
		return comparison{}
	}
	on, off := s.Errors.On, s.Errors.Off
	for i := range bucketCount { // before they are squared, which values of any size stand
		on[i], off[i] = on[i]/s.Q, off[i]/s.Q
	}
	v1, v0 := spreadOf(&on), spreadOf(&off)
	if !(v1+v0 > 0) {
		return comparison{}
	}
	return comparison{s.R/s.Q - 1, math.Sqrt(v1 + v0), freedom(v1, v0)}
}

func sumOf(b *[bucketCount]float64) float64 {
	var sum float64
	for _, v := range b {
		sum += v
	}
	return sum
}

// filled is how many buckets are not empty.
func filled(b *[bucketCount]float64) int {
	n := 0
	for _, v := range b {
		if v > 0 {
			n++
		}
	}
	return n
}

func square(v float64) float64 { return v * v }
