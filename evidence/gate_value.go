package evidence

import "math"

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
