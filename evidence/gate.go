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

// Learn counts events of before first exposure, by bucket: what they vary by is the
// phi of a gate whose specification has none. Once a tick was folded it is too late,
// and nothing is learnt any more.
func (g *Gate) Learn(b Buckets) error {
	if reason := b.impossible(); reason != "" {
		return &BadTick{Reason: reason}
	}
	if g.phi > 0 || g.parts == nil || g.CB().Samples().Ticks > 0 {
		return nil
	}
	if g.s.Before == nil {
		g.s.Before = new(Dispersion)
	}
	g.s.Before.Add(b)
	return nil
}

// learnt settles phi at the first tick.
func (g *Gate) learnt() {
	if d := g.s.Before; d != nil && d.events() >= learnEvents {
		g.phi = d.Phi()
	}
	g.s.Before = nil
}

// Learnt is the overdispersion that was known before the first tick; 0: none was.
func (g *Gate) Learnt() float64 { return g.phi }

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

// suspected is the overdispersion that a tick is folded under, from the ticks before
// it: 0 where nothing has ever told of any.
func (g *Gate) suspected(ticks []PartTick) float64 {
	for _, t := range ticks {
		if t.Buckets != nil || g.phi > 0 || g.s.Spread != nil {
			return g.Phi()
		}
	}
	return 0
}

// temper switches the gate over at the first tick that shows overdispersion, and
// once more when the robust form is to stand alone.
func (g *Gate) temper() {
	phi := g.overdispersed()
	if !g.s.Tempered {
		if phi <= temperAbove {
			return
		}
		g.s.Tempered = true
		for _, p := range g.parts {
			if p.name == "" {
				g.s.Offset = min(0, p.cb.LogBoosted()-g.sober())
			} else {
				p.offset = min(0, p.cb.LogBoosted()-p.tempered(g.Phi()))
			}
		}
	}
	if g.phi == 0 && !g.s.Alone && phi > aloneAbove && g.robust != nil && g.robust.started() {
		before := g.sober() + g.s.Offset
		g.s.Alone = true
		g.s.Offset = min(0, before-g.sober())
	}
}

// overdispersed is the greatest phi of the gate and its cohorts.
func (g *Gate) overdispersed() float64 {
	phi := g.Phi()
	for _, p := range g.parts {
		phi = max(phi, p.phi(phi))
	}
	return phi
}

// sober is the form that does not trust counts to be those of Poisson.
func (g *Gate) sober() float64 {
	tempered := g.part("").tempered(g.Phi())
	switch {
	case g.s.Alone:
		return g.robust.LogE()
	case g.robust != nil && g.phi > 0:
		return logAdd(tempered, g.robust.LogE()) - math.Ln2
	}
	return tempered
}

// LogE is the logarithm of the gate's e-process as it enters the launch.
func (g *Gate) LogE() float64 {
	switch {
	case g.s.Frozen != nil:
		return *g.s.Frozen
	case g.own != nil:
		return g.own.LogE()
	case len(g.parts) == 1 && g.cohorts == 0:
		return g.logE(g.parts[0])
	}
	e, left := math.Inf(-1), 1.0
	for _, p := range g.parts {
		e, left = logAdd(e, math.Log(p.weight)+g.logE(p)), left-p.weight
	}
	if left > rounding {
		e = logAdd(e, math.Log(left))
	}
	return e
}

// logE is that of one part.
func (g *Gate) logE(p *part) float64 {
	if p.name == "" && g.s.Tempered {
		return math.Log(asymptotic) + g.sober() + g.s.Offset
	}
	return p.logE(g.s.Tempered, g.Phi())
}

// Part names the part that most points to harm, by itself and whatever its weight,
// and returns its conditional binomial, to be read. The name is empty where that is
// everything together: harm to one cohort shows more clearly in it than in the whole,
// and harm to all of them less.
func (g *Gate) Part() (string, *CB) {
	var most *part
	var points float64
	for _, p := range g.parts {
		if e := p.tempered(g.Phi()); most == nil || e > points {
			most, points = p, e
		}
	}
	if most == nil {
		return "", nil
	}
	return most.name, most.cb
}

// Phi is the overdispersion of the gate's counts: the greatest of 1, what was
// learnt before first exposure, and what the buckets have shown since.
func (g *Gate) Phi() float64 {
	if g.own != nil {
		return g.own.Phi()
	}
	phi := max(1, g.phi)
	if g.s.Spread != nil {
		phi = max(phi, g.s.Spread.Phi())
	}
	return phi
}

// Limit is the LogE at which this gate alone reaches the limit: that of the
// launch, ln(1/(alpha w)), or that of its own level.
func (g *Gate) Limit() float64 { return -math.Log(g.level) }

// Reached reports whether the gate alone ever reached its limit. It stays true:
// evidence that later fades was evidence all the same.
func (g *Gate) Reached() bool { return g.s.Reached }

// ShareOfLimit is E over the E at which the gate alone would reach its limit,
// from 0 to 1: "evidence 3 % of limit".
func (g *Gate) ShareOfLimit() float64 { return min(1, math.Exp(g.LogE()-g.Limit())) }

// Information is what the ticks of the present step could have seen, in nats: less
// by phi where counts are overdispersed. Of a gate with parts it is that of the last
// one it had from the start.
func (g *Gate) Information() float64 {
	switch cb := g.CB(); {
	case g.own != nil:
		return g.own.Information()
	case cb == nil:
		return 0
	case g.s.Tempered:
		return cb.Information() / g.Phi()
	default:
		return cb.Information()
	}
}

// Informed is the share of the information that a pass needs, 0 to 1.
func (g *Gate) Informed() float64 { return min(1, g.Information()/(reach*g.Limit())) }

// CouldHaveSeen reports whether the information of the present step suffices
// for silence to mean something: only then may a gate pass.
func (g *Gate) CouldHaveSeen() bool { return !g.Frozen() && g.Informed() >= 1 }

// Ratio estimates the rate ratio of on to off with a confidence sequence of
// error alpha, widened by the overdispersion; see CB.Ratio.
func (g *Gate) Ratio(alpha float64) Ratio {
	cb := g.CB()
	if cb == nil {
		return Ratio{}
	}
	return cb.Ratio(alpha, g.Phi())
}

// CB is the conditional binomial of everything together or, of a gate with parts,
// of the last one it had from the start; nil once the gate was removed, and where it
// is no ratio. It is to be read: ticks are folded through the gate.
func (g *Gate) CB() *CB {
	if g.base == 0 {
		return nil
	}
	return g.parts[g.base-1].cb
}

// Name is the gate's name in the plan.
func (g *Gate) Name() string { return g.name }

// Weight is the gate's share of the error budget, 0 where it has its own level.
func (g *Gate) Weight() float64 { return g.weight }

// Frozen reports whether an amendment removed the gate.
func (g *Gate) Frozen() bool { return g.s.Frozen != nil }

// freeze keeps the value and lets go of what it was made from.
func (g *Gate) freeze() {
	value := g.LogE()
	g.s = gateState{Frozen: &value, Reached: g.s.Reached}
	*g = Gate{name: g.name, weight: g.weight, level: g.level, s: g.s}
}
