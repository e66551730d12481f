package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A LineConfig fixes the evidence against an absolute line before its first tick.
type LineConfig struct {
	// Bad is the line: the share of units, between 0 and 1, that may be bad. An
	// objective of 99.9 % has 0.001.
	Bad float64 `json:"bad"`
	// Grid has the multiples of the line that evidence is gathered for, in rising
	// order, each above 1, uniformly weighted. Empty means LineGrid.
	Grid []float64 `json:"grid,omitempty"`
	// Schedule and Masses spread the change-time mixture over the plan.
	Schedule Schedule `json:"schedule,omitzero"`
	Masses   Masses   `json:"masses,omitzero"`
}

// LineGrid has the multiples of an error budget that are looked for: from a fifth
// too much to the rate at which an hour spends two hundredths of a month's budget.
func LineGrid() []float64 { return []float64{1.2, 1.6, 2.5, 5, 14.4} }

// A Line is the one-sample e-process against an absolute line: for the null "the
// share of bad units is at most p", whatever it did before,
//
//	E = sum_j v_j (p_j/p)^x ((1-p_j)/(1-p))^(n-x)    p_j = p g_j, below 1
//
// with a change-time mixture as that of [CB], in which a restart is spread over the
// ticks up to the next. It is exact for units that turn out bad
// independently of each other given the past, and not boosted. Beside it a second
// mixture is kept, in which every increment is divided by the overdispersion that
// the telemetry buckets have shown by then. Once that exceeds 1.2 the process goes
// on as the lesser of the second and of ln E of the first divided by phi, from the
// lesser of the two values, and never switches back. Either alone would lie: the
// root of a mixture gives back what its weights cost, and increments were tempered
// by less than is known now where the noise of persistent users grows with time.
//
// All units are in it, whatever their arm, so it sees what on against off cannot:
// damage to what the arms share. Source: Wald, "Sequential Analysis", mixed over alternatives.
type Line struct {
	cfg LineConfig
	s   lineState

	logBad, logGood []float64 // of each alternative: what a bad and a good unit multiply it by
	logE, tempered  float64   // of the two mixtures
}

type lineState struct {
	At, Ticks, Step int64
	drip                    // plain alternatives, and then the tempered ones
	X1, N1, X0, N0  int64   // since the first tick, as of a Tick
	Information     float64 // of the present step
	Spread          *Dispersion
	Tempered        bool
	Offset          float64 // what the tempered form was above the plain one when it took over, at most 0
}

// NewLine returns a process that has counted nothing.
func NewLine(cfg LineConfig) (*Line, error) {
	cfg, err := cfg.settle()
	if err != nil {
		return nil, err
	}
	l := &Line{cfg: cfg}
	l.prepare()
	return l, nil
}

// Fold counts one tick, as [CB.Fold] does. Units that are in no arm are counted
// with those of the off arm.
func (l *Line) Fold(t Tick, m Moment) (bool, error) {
	if l.Seen(t.At) {
		return false, nil
	}
	if err := t.Check(); err != nil {
		return false, err
	}
	if err := m.check(); err != nil {
		return false, err
	}
	s := &l.s
	l.spread(t)
	s.begin(2*len(l.cfg.Grid), l.cfg.Schedule, l.cfg.Masses, t.At-s.At, m)
	x, n, phi := t.X1+t.X0, t.N1+t.N0, l.Phi()
	for j := range l.cfg.Grid {
		grown := x*l.logBad[j] + (n-x)*l.logGood[j]
		s.LogA[j] += grown
		s.LogA[j+len(s.LogA)/2] += grown / phi
	}
	l.sum()
	l.temper(phi)
	if s.Ticks > 0 && int64(m.Step) != s.Step {
		s.Information = 0
	}
	s.At, s.Step, s.Ticks = t.At, int64(m.Step), s.Ticks+1
	s.X1, s.N1, s.X0, s.N0 = s.X1+int64(t.X1), s.N1+int64(t.N1), s.X0+int64(t.X0), s.N0+int64(t.N0)
	s.Information += LineInformation(n, above(l.cfg.Bad, m.detect()), l.cfg.Bad) / phi
	return true, nil
}

// Seen reports whether a tick with this time, or a later one, was counted.
func (l *Line) Seen(at int64) bool { return l.s.Ticks > 0 && at <= l.s.At }

// LogE is ln E: the evidence, in nats, that the line is broken. A tempered
// process is multiplied by 0.7, because its level holds only asymptotically.
func (l *Line) LogE() float64 {
	if l.s.Tempered {
		return math.Log(asymptotic) + l.sober() + l.s.Offset
	}
	return l.logE
}

// Phi is the overdispersion of bad units over the buckets, at least 1.
func (l *Line) Phi() float64 {
	if l.s.Spread == nil {
		return 1
	}
	return l.s.Spread.Phi()
}

// Information is what the ticks of the present step could have seen, in nats: see
// [LineInformation].
func (l *Line) Information() float64 { return l.s.Information }

// Samples tells what was counted since the first tick.
func (l *Line) Samples() Samples {
	s := &l.s
	return Samples{Ticks: s.Ticks, X1: float64(s.X1), N1: float64(s.N1), X0: float64(s.X0), N0: float64(s.N0)}
}

// above is a multiple of the line, kept below 1: at least a tenth of what the
// line wants good is good under every alternative, or one good unit would
// refute it.
func above(line, ratio float64) float64 { return min(line*ratio, 1-(1-line)/10) }

// spread adds to the dispersion. What matters is by how much the sums of both arms
// vary.
func (l *Line) spread(t Tick) {
	if t.Buckets == nil {
		return
	}
	if l.s.Spread == nil {
		l.s.Spread = new(Dispersion)
	}
	var both Buckets
	for i := range bucketCount {
		both.On[i] = t.Buckets.On[i] + t.Buckets.Off[i]
	}
	l.s.Spread.Add(both)
}

// temper switches over at the first tick that shows too much dispersion.
func (l *Line) temper(phi float64) {
	if l.s.Tempered || phi <= temperAbove {
		return
	}
	l.s.Tempered = true
	l.s.Offset = min(0, l.logE-l.sober())
}

// sober is ln E of the form that does not trust units to be independent.
func (l *Line) sober() float64 { return min(l.tempered, l.logE/l.Phi()) }

func (l *Line) prepare() {
	p := l.cfg.Bad
	for _, g := range l.cfg.Grid {
		q := above(p, g)
		l.logBad = append(l.logBad, math.Log(q/p))
		l.logGood = append(l.logGood, math.Log((1-q)/(1-p)))
	}
	l.sum()
}

// sum works out ln E of both mixtures, over the alternatives and the mass not yet
// started.
func (l *Line) sum() {
	remain := math.Log(l.s.remain(l.cfg.Schedule, l.cfg.Masses))
	l.logE, l.tempered = remain, remain
	logV := -math.Log(float64(len(l.cfg.Grid)))
	for j, half := 0, len(l.s.LogA)/2; j < half; j++ {
		l.logE = logAdd(l.logE, l.s.LogA[j]+logV)
		l.tempered = logAdd(l.tempered, l.s.LogA[j+half]+logV)
	}
}

func (c LineConfig) settle() (LineConfig, error) {
	if !(c.Bad > 0 && c.Bad < 1) {
		return c, fmt.Errorf("line: a share of %g bad units is not between 0 and 1", c.Bad)
	}
	if len(c.Grid) == 0 {
		c.Grid = LineGrid()
	}
	c.Grid = slices.Clone(c.Grid)
	if len(c.Grid) > maxGrid {
		return c, fmt.Errorf("grid has %d multiples, more than %d", len(c.Grid), maxGrid)
	}
	for i, g := range c.Grid {
		if !(g > 1 && g <= 1e6) || i > 0 && g <= c.Grid[i-1] {
			return c, fmt.Errorf("grid: multiple %g is not above 1 and rising", g)
		}
	}
	if c.Schedule.Phases < 0 || c.Schedule.Restarts < 0 {
		return c, errSchedule
	}
	var err error
	c.Masses, err = c.Masses.settle(c.Schedule)
	return c, err
}

var (
	errSchedule  = errors.New("schedule has a negative number of starts")
	errCutShort  = errors.New("state is cut short")
	errNotFinite = errors.New("state has a number that is not finite")
)

type storedLine struct {
	Version  int         `json:"v"`
	Config   LineConfig  `json:"config"`
	State    []byte      `json:"state"`
	Spread   *Dispersion `json:"spread,omitempty"`
	Tempered bool        `json:"tempered,omitempty"`
}

func (s *lineState) fields() ([]*int64, []*float64) {
	return []*int64{&s.At, &s.Ticks, &s.Step, &s.Phase, &s.Phases, &s.X1, &s.N1, &s.X0, &s.N0},
		[]*float64{&s.Restarts, &s.Information, &s.Offset}
}

// MarshalJSON writes configuration and state, a few hundred bytes. What is read
// back goes on with exactly the same bits.
func (l *Line) MarshalJSON() ([]byte, error) {
	whole, real := l.s.fields()
	out := storedLine{Version: version, Config: l.cfg.brief(), Spread: l.s.Spread, Tempered: l.s.Tempered}
	out.State = pack(whole, append(real, pointers(l.s.LogA)...))
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote, and refuses other versions and what
// cannot be.
func (l *Line) UnmarshalJSON(data []byte) error {
	var in storedLine
	if err := decode(data, &in, &in.Version); err != nil {
		return fmt.Errorf("evidence of an objective: %w", err)
	}
	cfg, err := in.Config.settle()
	if err != nil {
		return fmt.Errorf("evidence of an objective: %w", err)
	}
	s := lineState{Spread: in.Spread, Tempered: in.Tempered}
	if err := s.unpack(in.State, cfg); err != nil {
		return fmt.Errorf("evidence of an objective: %w", err)
	}
	*l = Line{cfg: cfg, s: s}
	l.prepare()
	return nil
}

func (s *lineState) unpack(in []byte, cfg LineConfig) error {
	whole, real := s.fields()
	rest, err := unpack(in, whole, real)
	if err != nil {
		return err
	}
	if s.Ticks > 0 {
		s.LogA = make([]float64, 2*len(cfg.Grid))
	}
	if rest, err = unpack(rest, nil, pointers(s.LogA)); err != nil {
		return err
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("state is %d bytes too long", len(rest))
	case s.X1 < 0 || s.N1 < s.X1 || s.X0 < 0 || s.N0 < s.X0 || s.Information < 0 || s.Offset > 0:
		return errors.New("its counts cannot be")
	case min(s.Ticks, s.Phases) < 0 || s.Restarts < 0:
		return errors.New("a count is negative")
	}
	return nil
}

// brief leaves out what settle fills in. Changing a default is a new version.
func (c LineConfig) brief() LineConfig {
	plain, err := LineConfig{Bad: c.Bad, Schedule: c.Schedule}.settle()
	if err != nil {
		return c
	}
	c.Grid, c.Masses = unsaid(c.Grid, plain.Grid, c.Masses, plain.Masses)
	return c
}
