package evidence

import (
	"fmt"
	"math"
)

// A MeanConfig fixes the evidence on a mean per unit before its first tick.
type MeanConfig struct {
	// Detect is the least change that matters, as a share of the mean of the off
	// arm: 0.02 for 2 %. The mixture is tuned to it. Zero means 5 %.
	Detect float64 `json:"detect,omitempty"`
	// Margin is the harm that is still tolerated, likewise as a share.
	Margin float64 `json:"margin,omitempty"`
	// LowerIsWorse says that harm is a mean that falls, as for the value of orders.
	LowerIsWorse bool `json:"lower,omitempty"`
	// Phases is how many phases with two arms the plan foresees. The last process
	// goes on through those beyond. Zero means 1.
	Phases int `json:"phases,omitempty"`
}

// A MeanTick is what one interval counted for a mean, by arm and telemetry bucket.
type MeanTick struct {
	At int64 // as of a Tick
	// Values are by how much the sums of values grew. They need not be whole.
	Values Buckets
	// Units are those that were seen for the first time, each in the arm in force
	// then.
	Units Buckets
	// Exposure is the share of units that is on, above 0 and below 1.
	Exposure float64
}

const (
	// meanUnits is how many units each arm must have before a phase is judged: the
	// mean of fewer is far from normal.
	meanUnits = 100
	// meanDetect is the change that a mixture is tuned to that is told no other.
	meanDetect = 0.05
)

// A Mean is the evidence on a mean per unit, such as the value of orders a user.
//
// Counters carry no variance of units, so both the mean and its error come from the
// twenty telemetry buckets: within a phase the mean of an arm is the ratio of its
// sums of value and of units, and its error that of a ratio estimator (Taylor) over
// buckets. An error of so few is itself uncertain, so the difference over its error
// is taken for Student's t, and turned into the normal deviate that is as improbable.
//
// Units are counted once a launch, in the arm in force when they are first seen. A
// step moves a known share of those of the off arm to the on arm, whoever they are,
// and so are the sums moved here; and since some have been on for longer than
// others, a mean is per unit and second.
//
// With D the difference of the means, V = 1/SE^2 and S = (D - margin) V of that
// deviate, harm positive, a phase is a one-sided normal mixture of S, begun once both arms have a
// hundred units. Phases share units, so information is never summed over them: the
// process is their average, times 0.7 because it is asymptotic. Sources: Cochran,
// "Sampling Techniques", section 6; Waudby-Smith et al. (see the package).
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
	Tau             float64 // what it looks for, in value a unit and second; 0: not begun
	Base            float64 // information of the present phase before the present step
	Units           Buckets // in force
	Time            Buckets // of units, in seconds, in the present phase
	Values          Buckets // in the present phase
}

// NewMean returns a process that has counted nothing.
func NewMean(cfg MeanConfig) (*Mean, error) {
	cfg, err := cfg.settle()
	if err != nil {
		return nil, err
	}
	return &Mean{cfg: cfg}, nil
}

// Fold counts one tick, as [CB.Fold] does. The first tick, and the first of a phase,
// only tell which units there are: nobody knows for how long they had been there.
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
	first := m.begin(at)
	if !first && int64(at.Step) != s.Step {
		s.Base = m.gathered()
	}
	s.move(t.Exposure)
	s.Units.add(&t.Units, 1)
	if !first {
		s.Values.add(&t.Values, 1)
		s.Time.add(&s.Units, max(1, math.Round(float64(t.At-s.At)/1000)))
	}
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

// Information is what the present step could have seen of a change by detect of
// the mean of the off arm, in nats; see [Mean.Could].
func (m *Mean) Information() float64 { return m.Could(m.cfg.Detect) }

// Could is what the present step could have seen, in nats, of a change of the mean
// of the off arm by this share: half the square of the change over its error.
func (m *Mean) Could(share float64) float64 {
	d := m.compare()
	if !d.known {
		return 0
	}
	return max(0, m.gathered()-m.s.Base) * square(share*d.off) / 2
}

// gathered is V of the present phase.
func (m *Mean) gathered() float64 {
	if d := m.compare(); d.known {
		return 1 / square(d.sd)
	}
	return 0
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
	// On and Off are the means, in value a unit and hour.
	On, Off float64
	// Ratio is On over Off; Low and High bound it at every tick together.
	Ratio, Low, High float64
	// Known is false while there is too little to say anything.
	Known bool
	// UnitsOn and UnitsOff are the units in force.
	UnitsOn, UnitsOff float64
}

// Difference estimates the means and their ratio with a confidence sequence of
// error alpha, whose half-width is sqrt((V + rho)(ln(1 + V/rho) + 2 ln(1/alpha)))/V
// for the difference. It is for display: it never decides.
func (m *Mean) Difference(alpha float64) Difference {
	d := m.compare()
	out := Difference{On: d.on * 3600, Off: d.off * 3600, UnitsOn: d.unitsOn, UnitsOff: d.unitsOff}
	if out.Known = d.known && m.s.Tau > 0; !out.Known {
		return out
	}
	v := 1 / square(d.sd)
	half := NormalMixture{Rho: 1 / square(m.s.Tau)}.Bound(v, alpha) / v
	half *= half / d.sd / normalOf(half/d.sd, d.freedom)
	out.Ratio = d.on / d.off
	out.Low, out.High = max(0, (d.on-half)/d.off), (d.on+half)/d.off
	return out
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
	s.Now, s.Tau, s.Base, s.Time, s.Values = 0, 0, 0, Buckets{}, Buckets{}
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

// judge works out ln E of the present phase.
func (m *Mean) judge() {
	d := m.compare()
	if !d.known {
		return
	}
	if m.s.Tau == 0 {
		m.s.Tau = m.cfg.Detect * d.off
	}
	harm := d.on - d.off
	if m.cfg.LowerIsWorse {
		harm = -harm
	}
	z := normalOf((harm-m.cfg.Margin*d.off)/d.sd, d.freedom)
	m.s.Now = NormalMixture{Rho: 1 / square(m.s.Tau), OneSided: true}.LogE(z/d.sd, 1/square(d.sd))
}

// A comparison is the means of both arms and the error of their difference, in
// value a unit and second.
type comparison struct {
	on, off, sd       float64
	freedom           float64 // of sd, which comes from so few buckets
	unitsOn, unitsOff float64
	known             bool
}

func (m *Mean) compare() comparison {
	s := &m.s
	c := comparison{unitsOn: sumOf(&s.Units.On), unitsOff: sumOf(&s.Units.Off)}
	if m.Missing() != "" || c.unitsOn < meanUnits || c.unitsOff < meanUnits {
		return c
	}
	var v1, v0 float64
	c.on, v1 = ratioMean(&s.Values.On, &s.Time.On)
	c.off, v0 = ratioMean(&s.Values.Off, &s.Time.Off)
	if !(v1+v0 > 0) || !(c.off > 0) {
		return c
	}
	c.sd, c.freedom, c.known = math.Sqrt(v1+v0), freedom(v1, v0), true
	return c
}

// ratioMean is the ratio of two sums over buckets, and its variance by the formula
// of Taylor: the mean square of y - R x over buckets, over the square of the mean x.
func ratioMean(y, x *[bucketCount]float64) (mean, variance float64) {
	all := sumOf(x)
	if all == 0 {
		return 0, 0
	}
	mean = sumOf(y) / all
	for i := range bucketCount {
		variance += square(y[i] - mean*x[i])
	}
	return mean, variance * bucketCount / (bucketCount - 1) / square(all)
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

// add adds so many times what other buckets have.
func (b *Buckets) add(c *Buckets, times float64) {
	for i := range bucketCount {
		b.On[i] += times * c.On[i]
		b.Off[i] += times * c.Off[i]
	}
}

func square(v float64) float64 { return v * v }

func (t MeanTick) check() error {
	if !(t.Exposure > 0 && t.Exposure < 1) {
		return &BadTick{t.At, fmt.Sprintf("an exposure of %g has one arm only", t.Exposure)}
	}
	for _, arm := range [...]struct {
		name          string
		values, units *[bucketCount]float64
	}{{"on", &t.Values.On, &t.Units.On}, {"off", &t.Values.Off, &t.Units.Off}} {
		for i := range bucketCount {
			if why := impossible(arm.values[i], true); why != "" {
				return &BadTick{t.At, fmt.Sprintf("value of bucket %d of the %s arm: %s", i, arm.name, why)}
			}
			if why := impossible(arm.units[i], false); why != "" {
				return &BadTick{t.At, fmt.Sprintf("units of bucket %d of the %s arm: %s", i, arm.name, why)}
			}
		}
	}
	return nil
}

func (c MeanConfig) settle() (MeanConfig, error) {
	if c.Detect == 0 {
		c.Detect = meanDetect
	}
	c.Phases = max(c.Phases, 1)
	switch {
	case !(c.Detect > 0 && c.Detect <= 10):
		return c, fmt.Errorf("mean: a change of %g cannot be looked for", c.Detect)
	case !(c.Margin >= 0 && c.Margin <= 10):
		return c, fmt.Errorf("mean: margin %g is not between 0 and 10", c.Margin)
	}
	return c, nil
}
