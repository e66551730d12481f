package evidence

import (
	"fmt"
	"math"
)

// A GateSpec says how a gate takes part in the evidence of a launch.
type GateSpec struct {
	Name string
	// Weight is the gate's share of the launch's error budget. Zero takes an
	// equal share of what the other gates and the reserve leave.
	Weight float64
	// Level is set for a gate that only holds or notifies: it has an error level
	// of its own and never enters the evidence of the launch.
	Level float64
	// Phi is the overdispersion learnt before first exposure; zero is unknown.
	// Gate.Learn finds it out.
	Phi float64
	// Ratio is the conditional binomial of the gate, and of each of its parts. Its
	// Limit is filled in.
	Ratio Config
	// Parts names what the gate is the mean of, such as the edges of a histogram.
	// Without them it is everything together, and no part has a name.
	Parts []string
	// Cohorts is how many further parts the gate makes room for as they appear, at
	// most MaxCohorts; what finds no room is pooled in OtherCohorts.
	Cohorts int
	// Line, where it is set, is the absolute line that the gate is judged by in place
	// of a ratio; Mean is the mean per unit.
	Line *LineConfig
	Mean *MeanConfig
}

// A Gate is the evidence of one gate of a launch.
//
// It is the boosted CB for as long as its counts are not overdispersed. Beside it
// the robust form over the telemetry buckets is folded from the start. Once phi
// first exceeds 1.2 the gate goes on as another form, from the lesser of the two
// values, and never switches back; the boosted form is never tempered. The other
// form is, multiplied by 0.7 because it holds asymptotically,
//
//   - where phi of before first exposure is known, the mean of the CB tempered by
//     phi and of the robust form;
//   - where it is not, the tempered CB until phi is so large that it is surely no
//     noise and the present phase has events enough, and from then on, again from
//     the lesser of the two values, the robust form alone: a phi that is only just
//     being learnt may be much too small;
//   - where ticks have no buckets, the tempered CB.
//
// A gate with parts is their mean, with weights that were fixed before the tick
// from which a part counts. Edges of a histogram and cohorts are tempered and have
// no robust form of their own.
type Gate struct {
	name    string
	weight  float64 // 0 where the gate has a level of its own
	level   float64 // of the gate alone: alpha times weight, or its own
	phi     float64
	ratio   Config
	cohorts int

	parts  []*part // none once the gate is frozen, or where it has a process of its own
	base   int     // parts that were there from the start
	late   int     // parts that came after the first tick
	robust *Robust // nil until a tick has buckets
	own    process // in place of a ratio
	s      gateState
}

// gateState is what a gate carries beside its parts.
type gateState struct {
	// Before is what is learnt before first exposure, Spread what is seen since.
	Before *Dispersion `json:"before,omitempty"`
	Spread *Dispersion `json:"spread,omitempty"`
	// Tempered is whether phi ever exceeded the threshold; Alone is whether the
	// robust form has taken over since.
	Tempered bool `json:"tempered,omitempty"`
	Alone    bool `json:"alone,omitempty"`
	// Offset, never above 0, is what the form of now was above the one before it
	// when it took over.
	Offset  float64 `json:"offset,omitempty"`
	Reached bool    `json:"reached,omitempty"`
	// Frozen is the value at which an amendment removed the gate.
	Frozen *float64 `json:"frozen,omitempty"`
}

const (
	// temperAbove is the phi from which counts are taken for overdispersed.
	temperAbove = 1.2
	// aloneAbove is three standard errors above 1: Poisson counts have a phi of
	// 1 +- sqrt(2/38) over the buckets of two arms.
	aloneAbove = 1.69
	// learnEvents is how many events must have been seen before first exposure for
	// phi to be known: of fewer, noise is most of it.
	learnEvents = 200
	// asymptotic is the factor of forms whose level holds only in the limit.
	asymptotic = 0.7
	// rounding absorbs the last bits where a value is compared with a limit
	// that it was made to equal.
	rounding = 1e-12
)

// newGate makes the gate of a launch whose error level is alpha; the weight is
// settled, and 0 only where the gate has a level of its own.
func newGate(spec GateSpec, alpha float64) (*Gate, error) {
	level := spec.Level
	if level == 0 {
		level = alpha * spec.Weight
	}
	switch {
	case spec.Name == "":
		return nil, fmt.Errorf("a gate has no name")
	case !(level > 0 && level < 1):
		return nil, fmt.Errorf("gate %s: level %g is not between 0 and 1", spec.Name, level)
	case spec.Phi < 0 || math.IsNaN(spec.Phi) || math.IsInf(spec.Phi, 0):
		return nil, fmt.Errorf("gate %s: phi %g is not an overdispersion", spec.Name, spec.Phi)
	case spec.Cohorts < 0 || spec.Cohorts > MaxCohorts:
		return nil, fmt.Errorf("gate %s: %d cohorts are more than %d", spec.Name, spec.Cohorts, MaxCohorts)
	}
	g := &Gate{
		name: spec.Name, weight: spec.Weight, level: level, phi: spec.Phi,
		ratio: spec.Ratio, cohorts: spec.Cohorts,
	}
	var err error
	if g.own, err = spec.newProcess(); err == nil && g.own == nil {
		g.parts, err = spec.base(level)
		g.base = len(g.parts)
	}
	if err != nil {
		return nil, fmt.Errorf("gate %s: %w", spec.Name, err)
	}
	return g, nil
}

// Fold counts one tick of a gate without parts, as CB.Fold does.
func (g *Gate) Fold(t Tick, m Moment) (bool, error) {
	return g.FoldParts([]PartTick{{Tick: t}}, m)
}

// FoldParts counts one tick of a gate with parts: all of them must have its time.
// A part that has nothing to tell may be left out. A gate with cohorts wants
// everything together, too, as the part without a name. Where one part is
// impossible nothing is counted.
func (g *Gate) FoldParts(all []PartTick, m Moment) (bool, error) {
	if g.parts == nil {
		return false, fmt.Errorf("gate %s is no ratio, or was removed from the launch", g.name)
	}
	if len(all) == 0 || g.seen(all[0].At) {
		return false, nil
	}
	for _, t := range all {
		if t.At != all[0].At {
			return false, fmt.Errorf("gate %s: ticks %d and %d at once", g.name, t.At, all[0].At)
		}
		if err := t.check(g.ratio.Rate); err != nil {
			return false, err
		}
	}
	if err := m.check(); err != nil {
		return false, err
	}
	ticks, err := g.divide(all)
	if err != nil {
		return false, err
	}
	g.learnt()
	if err := g.admit(ticks); err != nil {
		return false, fmt.Errorf("gate %s: %w", g.name, err)
	}
	phi := g.suspected(ticks)
	for _, t := range ticks {
		if err := g.count(t, m, phi); err != nil {
			return false, err
		}
	}
	g.temper()
	return g.noted(true, nil)
}

// seen reports whether a tick with this time was counted by any part.
func (g *Gate) seen(at int64) bool {
	for _, p := range g.parts {
		if p.cb.Seen(at) {
			return true
		}
	}
	return false
}

// count folds the tick of one part into every form of it.
func (g *Gate) count(t PartTick, m Moment, phi float64) error {
	p := g.part(t.Part)
	if phi > 0 {
		phi = p.phi(phi)
	}
	if _, err := p.cb.fold(t.Tick, m, phi); err != nil {
		return err
	}
	switch {
	case t.Buckets == nil:
	case t.Part != "":
		if p.clump == nil {
			p.clump = new(Dispersion)
		}
		p.clump.pool(*t.Buckets)
	default:
		if g.s.Spread == nil {
			g.s.Spread = new(Dispersion)
			g.robust = newRobust(g.ratio)
		}
		g.s.Spread.Add(*t.Buckets)
		g.robust.fold(t.Tick, m, g.phi)
	}
	return nil
}

// freeze keeps the value and lets go of what it was made from.
func (g *Gate) freeze() {
	value := g.LogE()
	g.s = gateState{Frozen: &value, Reached: g.s.Reached}
	*g = Gate{name: g.name, weight: g.weight, level: g.level, s: g.s}
}
