package evidence

import (
	"encoding/json"
	"fmt"
	"slices"
)

// version is that of the stored state. A reader refuses what it does not know:
// evidence that was misread would break the error budget in silence.
const version = 1

// ratioVersion is that of the state of a ratio, of which earlier ones are read.
const ratioVersion = 3

type storedCB struct {
	Version int    `json:"v"`
	Config  Config `json:"config"`
	State   []byte `json:"state"`
}

// MarshalJSON writes configuration and state, a few hundred bytes. What is read
// back goes on with exactly the same bits.
func (c *CB) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedCB{Version: ratioVersion, Config: c.cfg.brief(), State: c.s.pack()})
}

// UnmarshalJSON reads what MarshalJSON wrote. It refuses other versions and
// states that no sequence of ticks could have led to.
func (c *CB) UnmarshalJSON(data []byte) error {
	var in storedCB
	err := json.Unmarshal(data, &in)
	unpack := (*state).unpack
	switch in.Version {
	case ratioVersion:
	case 2:
		unpack = (*state).unpackSecond
	case 1:
		unpack = (*state).unpackFirst
	default:
		return fmt.Errorf("evidence of a ratio: version %d is not %d", in.Version, ratioVersion)
	}
	if err != nil {
		return fmt.Errorf("evidence of a ratio: %w", err)
	}
	cfg, err := in.Config.settle()
	if err != nil {
		return fmt.Errorf("evidence of a ratio: %w", err)
	}
	var s state
	if err := unpack(&s, reader{left: in.State}); err != nil {
		return fmt.Errorf("evidence of a ratio: %w", err)
	}
	if err := s.check(cfg); err != nil {
		return fmt.Errorf("evidence of a ratio: %w", err)
	}
	*c = CB{cfg: cfg, s: s}
	c.prepare()
	return nil
}

// brief leaves out what settle fills in. Changing a default is a new version.
func (c Config) brief() Config {
	plain, err := Config{Margin: c.Margin, Schedule: c.Schedule}.settle()
	if err != nil {
		return c
	}
	c.Grid, c.Masses = unsaid(c.Grid, plain.Grid, c.Masses, plain.Masses)
	return c
}

// unsaid leaves out a grid and masses where they are the plain ones.
func unsaid(grid, plainGrid []float64, masses, plainMasses Masses) ([]float64, Masses) {
	if slices.Equal(grid, plainGrid) {
		grid = nil
	}
	if masses == plainMasses {
		masses = Masses{}
	}
	return grid, masses
}

// wholes and briefs are the numbers of the state in the order in which they are
// stored. As text they would take three times the room.
func (s *state) wholes() []*int64 {
	return []*int64{&s.Ticks, &s.Phase, &s.Step, &s.Phases, &s.Restarts, &s.Overtime}
}

func (s *state) briefs() []*float64 {
	return []*float64{&s.MaxLogE, &s.Information, &s.Ratio.R, &s.Ratio.Q, &s.Ratio.A, &s.Ratio.B}
}

func (s *state) pack() []byte {
	var w writer
	w.whole(s.At)
	w.whole(s.At - s.StartedAt)
	for _, v := range s.wholes() {
		w.whole(*v)
	}
	for _, v := range [...]float64{s.X1, s.N1, s.X0, s.N0} {
		w.count(v)
	}
	w.exact(s.LogM)
	for _, v := range s.briefs() {
		w.brief(*v)
	}
	w.whole(int64(len(s.LogA)))
	for _, v := range s.LogA {
		w.exact(v)
	}
	for _, v := range s.LogT {
		w.brief(v)
	}
	return w
}

func (s *state) unpack(in reader) error {
	s.unpackCounts(&in)
	for range min(in.whole(), maxGrid) {
		s.LogA = append(s.LogA, in.exact())
	}
	for len(in.left) > 0 {
		s.LogT = append(s.LogT, in.brief())
	}
	return in.err
}

// unpackSecond reads a state of the second version, which had no tempered components.
func (s *state) unpackSecond(in reader) error {
	s.unpackCounts(&in)
	for len(in.left) > 0 {
		s.LogA = append(s.LogA, in.exact())
	}
	return in.err
}

func (s *state) unpackCounts(in *reader) {
	s.At = in.whole()
	s.StartedAt = s.At - in.whole()
	for _, v := range s.wholes() {
		*v = in.whole()
	}
	for _, v := range [...]*float64{&s.X1, &s.N1, &s.X0, &s.N0} {
		*v = in.count()
	}
	s.LogM = in.exact()
	for _, v := range s.briefs() {
		*v = in.brief()
	}
}

// unpackFirst reads a state of the first version, in which every number that is not
// a whole one has its eight bytes.
func (s *state) unpackFirst(in reader) error {
	s.At = in.whole()
	for _, v := range append(s.wholes(), &s.StartedAt) {
		*v = in.whole()
	}
	for _, v := range [...]*float64{&s.LogM, &s.MaxLogE, &s.X1, &s.N1, &s.X0, &s.N0} {
		*v = in.exact()
	}
	for _, v := range s.briefs()[1:] {
		*v = in.exact()
	}
	for len(in.left) > 0 {
		s.LogA = append(s.LogA, in.exact())
	}
	return in.err
}

func (s state) check(cfg Config) error {
	started := s.Ticks > 0
	switch {
	case s.Ticks < 0 || s.Phases < 0 || s.Restarts < 0 || s.Overtime < 0:
		return fmt.Errorf("a count is negative")
	case s.Phases > int64(cfg.Schedule.Phases) || s.Restarts > int64(cfg.Schedule.Restarts):
		return fmt.Errorf("more starts than the schedule has")
	case len(s.LogT) != 0 && len(s.LogT) != len(s.LogA):
		return fmt.Errorf("%d tempered components of %d", len(s.LogT), len(s.LogA))
	case started && len(s.LogA) != len(cfg.Grid), !started && len(s.LogA) != 0:
		return fmt.Errorf("%d components for a grid of %d", len(s.LogA), len(cfg.Grid))
	case cfg.Limit > 0 && s.LogM > cfg.Limit+rounding:
		return fmt.Errorf("boosted evidence %g is above its limit %g", s.LogM, cfg.Limit)
	}
	for _, v := range [...]float64{s.X1, s.N1, s.X0, s.N0, s.Information, s.MaxLogE} {
		if v < 0 {
			return fmt.Errorf("%g is negative", v)
		}
	}
	return nil
}

type storedGate struct {
	Name   string  `json:"name"`
	Weight float64 `json:"weight,omitempty"`
	Level  float64 `json:"level"`
	Phi    float64 `json:"phi,omitempty"`
	// CB is that of a gate without parts, Parts are those of others.
	CB      *CB          `json:"cb,omitempty"`
	Parts   []storedPart `json:"parts,omitempty"`
	Base    int          `json:"base,omitempty"`
	Cohorts int          `json:"cohorts,omitempty"`
	Late    int          `json:"late,omitempty"`
	Robust  *Robust      `json:"robust,omitempty"`
	Line    *Line        `json:"line,omitempty"`
	Mean    *Mean        `json:"mean,omitempty"`
	State   gateState    `json:"state,omitzero"`
}

type storedPart struct {
	Name   string      `json:"n,omitempty"`
	Weight float64     `json:"w"`
	CB     *CB         `json:"cb"`
	Clump  *Dispersion `json:"clump,omitempty"`
	Offset float64     `json:"offset,omitempty"`
}

type storedLaunch struct {
	Version int          `json:"v"`
	Alpha   float64      `json:"alpha"`
	Reserve float64      `json:"reserve"`
	Gates   []storedGate `json:"gates"`
	Reached *Look        `json:"reached,omitempty"`
}

// MarshalJSON writes the launch with all its gates: at most 8 KiB for a dozen.
func (l *Launch) MarshalJSON() ([]byte, error) {
	out := storedLaunch{Version: version, Alpha: l.alpha, Reserve: l.reserve, Reached: l.reached}
	for _, g := range l.gates {
		out.Gates = append(out.Gates, g.stored())
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote and refuses other versions.
func (l *Launch) UnmarshalJSON(data []byte) error {
	var in storedLaunch
	if err := decode(data, &in, &in.Version); err != nil {
		return fmt.Errorf("evidence of a launch: %w", err)
	}
	if err := in.check(); err != nil {
		return fmt.Errorf("evidence of a launch: %w", err)
	}
	*l = Launch{alpha: in.Alpha, reserve: in.Reserve, reached: in.Reached}
	for _, stored := range in.Gates {
		l.gates = append(l.gates, stored.gate())
	}
	return nil
}

func (in storedLaunch) check() error {
	sum := in.Reserve
	for _, g := range in.Gates {
		sum += g.Weight
		switch {
		case (g.CB == nil && len(g.Parts) == 0 && g.process() == nil) != (g.State.Frozen != nil):
			return fmt.Errorf("gate %s is neither judged nor frozen", g.Name)
		case !(g.Level > 0 && g.Level < 1) || g.Weight < 0:
			return fmt.Errorf("gate %s: level %g, weight %g", g.Name, g.Level, g.Weight)
		}
		if err := g.check(); err != nil {
			return err
		}
	}
	if !(in.Alpha > 0 && in.Alpha < 1) || in.Reserve < 0 || sum > 1+1e-9 {
		return fmt.Errorf("alpha %g, weights and reserve together %g", in.Alpha, sum)
	}
	return nil
}

// decode tells an unknown version from a broken text: the version may be why it
// does not fit.
func decode(data []byte, into any, v *int) error {
	err := json.Unmarshal(data, into)
	if *v != version {
		return fmt.Errorf("version %d is not %d", *v, version)
	}
	return err
}
