package evidence

import (
	"math"
	"slices"
)

// CB is the conditional binomial with a change-time mixture: the e-process of a
// ratio of events, or of a count rate, between the two arms.
//
// One tick is one stratum. Given the m = x1 + x0 events of a tick, under rate
// ratio rho the on arm has Binomial(m, n1 rho / (n1 rho + n0)) of them, so that
// the base rate cancels: a daily pattern, an incident that hits both arms, or a
// change of allocation is no evidence. For the null "ratio at most rho0", and
// rho_j of the grid,
//
//	l_j += x1 ln(rho_j / rho0) - m ln((n1 rho_j + n0) / (n1 rho0 + n0))
//
// It is exact for Poisson counts and conservative for binomial ones
// (Hoeffding). Before a tick new components start with a mass that was fixed by
// the schedule, so that a long clean history does not dilute the evidence of
// harm that begins late; E is their weighted sum plus the mass not yet started.
//
// Without a margin, ratios of which more than half the units are events count
// the complement, because the binomial assumption is the looser the more common
// the event is. The choice is made before each tick from the ticks before it, so
// every tick still contributes a factor whose expectation is at most 1.
//
// A CB is made by NewCB or from JSON; it is not safe for concurrent use.
// Source: Lindon and Malek; Lindon, Sanden and Shirikian (see the package).
type CB struct {
	cfg Config
	s   state

	logRho []float64 // ln(rho_j / rho0)
	logV   float64   // ln of the uniform prior weight of a ratio
	logD   []float64 // ln((n1 rho_j + n0) / (n1 rho0 + n0)) of the tick being folded

	logE   float64
	weight []float64 // share of each ratio's started components in E
	idle   float64   // share of the mass not yet started
}

// state is what a CB carries from tick to tick; see fields for how it is stored.
type state struct {
	At    int64
	Ticks int64
	Step  int64

	starts // of the change-time mixture, by ratio

	LogT    []float64 // the tempered components by ratio, see CB.tempered
	LogM    float64   // the boosted wealth
	MaxLogE float64

	// Counts since first exposure, for the eye and for the choice of side.
	X1, N1, X0, N0 float64

	Information float64 // of the present step
	Ratio       strata
}

// NewCB returns a conditional binomial that has counted nothing. The error
// names what in the configuration would break the promise of the package.
func NewCB(cfg Config) (*CB, error) {
	cfg, err := cfg.settle()
	if err != nil {
		return nil, err
	}
	c := &CB{cfg: cfg}
	c.prepare()
	return c, nil
}

// Fold counts one tick. It reports whether the tick was counted: one that is
// not later than the last is ignored, whatever it says, so that retries are
// harmless. Impossible counts are a *BadTick and change nothing.
func (c *CB) Fold(t Tick, m Moment) (bool, error) { return c.fold(t, m, 0) }

// fold is Fold for counts whose overdispersion is known to be phi so far; 0: it never
// will be.
func (c *CB) fold(t Tick, m Moment, phi float64) (bool, error) {
	if c.Seen(t.At) {
		return false, nil
	}
	if err := t.check(c.cfg.Rate); err != nil {
		return false, err
	}
	if err := m.check(); err != nil {
		return false, err
	}
	var before []float64
	if phi > 0 && c.s.LogT == nil {
		before = slices.Clone(c.s.LogA)
	}
	remain := c.s.remain(c.cfg.Schedule, c.cfg.Masses)
	if c.s.begin(len(c.cfg.Grid), c.cfg.Schedule, c.cfg.Masses, t.At, m) {
		c.sum()
	}
	c.beginTempered(remain-c.s.remain(c.cfg.Schedule, c.cfg.Masses), phi, before)
	c.weigh(t)
	c.count(t, m)
	return true, nil
}

// Seen reports whether a tick with this time, or a later one, was counted.
func (c *CB) Seen(at int64) bool { return c.s.Ticks > 0 && at <= c.s.At }

// LogE is ln E: the evidence, in nats, that the ratio is above 1 + Margin.
func (c *CB) LogE() float64 { return c.logE }

// LogBoosted is the logarithm of the boosted e-process, which loses nothing to
// overshoot at the limit of the configuration and stays there once it gets
// there. Without a limit it is LogE. It is never tempered.
func (c *CB) LogBoosted() float64 {
	if c.cfg.Limit == 0 {
		return c.logE
	}
	return c.s.LogM
}

// MaxLogE is the greatest LogE after any tick so far, at least 0.
func (c *CB) MaxLogE() float64 { return c.s.MaxLogE }

// Config is the configuration with every default filled in.
func (c *CB) Config() Config {
	cfg := c.cfg
	cfg.Grid = slices.Clone(cfg.Grid)
	return cfg
}

// Samples are counts summed over all ticks: events and units of both arms.
type Samples struct {
	Ticks          int64
	X1, N1, X0, N0 float64
}

// Samples tells what was counted since first exposure.
func (c *CB) Samples() Samples {
	return Samples{Ticks: c.s.Ticks, X1: c.s.X1, N1: c.s.N1, X0: c.s.X0, N0: c.s.N0}
}

// At is the time of the last tick counted, in Unix milliseconds; zero before.
func (c *CB) At() int64 { return c.s.At }

// Information is what the ticks of the present step could have seen, in nats:
// the KL of [Information] for the Detect of each tick, at the rate of the off
// arm since first exposure. Compare it with [InformationNeeded].
func (c *CB) Information() float64 { return c.s.Information }

// prepare derives what is not stored.
func (c *CB) prepare() {
	n := len(c.cfg.Grid)
	c.logRho = make([]float64, n)
	for j, rho := range c.cfg.Grid {
		c.logRho[j] = math.Log(rho / c.cfg.rho0())
	}
	c.logV = -math.Log(float64(n))
	c.logD = make([]float64, n)
	c.weight = make([]float64, n)
	c.sum()
}

// weigh multiplies every component by the likelihood ratio of the tick.
func (c *CB) weigh(t Tick) {
	x1, n1, x0, n0 := c.side(t)
	m, rho0 := x1+x0, c.cfg.rho0()
	if m == 0 || n1 == 0 || n0 == 0 {
		return
	}
	logNull := math.Log(n1*rho0 + n0)
	for j, rho := range c.cfg.Grid {
		c.logD[j] = math.Log(n1*rho+n0) - logNull
	}
	logB, before := c.logBoost(m, n1*rho0/(n1*rho0+n0)), c.logE
	for j := range c.s.LogA {
		c.s.LogA[j] += x1*c.logRho[j] - m*c.logD[j]
	}
	c.weighTempered(x1, m)
	c.sum()
	c.earn(logB + c.logE - before)
}

// side turns a tick into the one whose rise is harm: arms swapped where lower
// is worse, events and their complement swapped where events are common.
func (c *CB) side(t Tick) (x1, n1, x0, n0 float64) {
	x1, n1, x0, n0 = t.X1, t.N1, t.X0, t.N0
	swap := c.cfg.LowerIsWorse
	if c.complement() {
		x1, x0 = n1-x1, n0-x0
		swap = !swap
	}
	if swap {
		return x0, n0, x1, n1
	}
	return x1, n1, x0, n0
}

// complement depends on the ticks before only. A margin is a ratio of the
// events, which is none of their complement, so there the side is fixed.
func (c *CB) complement() bool {
	if c.cfg.Rate || c.cfg.Margin > 0 {
		return false
	}
	return 2*(c.s.X1+c.s.X0) > c.s.N1+c.s.N0
}

// sum works out ln E, and what each part of the mixture has in it.
func (c *CB) sum() {
	logRemain := math.Log(c.s.remain(c.cfg.Schedule, c.cfg.Masses))
	top := logRemain
	for _, a := range c.s.LogA {
		top = max(top, a+c.logV)
	}
	c.idle = math.Exp(logRemain - top)
	e := c.idle
	for j, a := range c.s.LogA {
		c.weight[j] = math.Exp(a + c.logV - top)
		e += c.weight[j]
	}
	c.idle /= e
	for j := range c.weight {
		c.weight[j] /= e
	}
	c.logE = top + math.Log(e)
}

// count adds the tick to what is shown and to what decides a pass.
func (c *CB) count(t Tick, m Moment) {
	s := &c.s
	if s.Ticks > 0 && int64(m.Step) != s.Step {
		s.Information = 0
	}
	s.At, s.Step = t.At, int64(m.Step)
	s.Ticks++
	s.MaxLogE = max(s.MaxLogE, c.logE)
	s.X1, s.N1, s.X0, s.N0 = s.X1+t.X1, s.N1+t.N1, s.X0+t.X0, s.N0+t.N0
	s.Ratio.add(t)
	if s.N0 > 0 {
		s.Information += c.information(t, max(s.X0/s.N0, m.LeastRate), m.detect())
	}
	briefly(s.briefs()...)
}
