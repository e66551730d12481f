package evidence

import "math"

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
