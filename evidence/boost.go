package evidence

import "math"

const (
	// boostRate is the event rate up to which counts are Poisson enough for
	// boosting: cutting off is not convex, so the argument that makes binomial
	// counts conservative does not cover it.
	boostRate = 0.05
	// boostEvents bounds the work of one tick. With more events a tick there is
	// next to no overshoot to win back.
	boostEvents = 1 << 15
	// boostFloor is the chance of reaching the limit in one tick below which
	// boosting is not worth computing; leaving it out only loses evidence.
	boostFloor = 1e-3
)

// logBoost is ln b for a tick with m events, of which the null gives a share s0
// to the on arm. The boosted wealth M moves by the predictive ratio r of the
// mixture, with cap c = limit / M:
//
//	find b >= 1 with sum_x Bin(x; m, s0) min(b r(x), c) = 1; then M *= min(b r(x1), c)
//
// so that nothing is spent on going beyond the limit. It may depend on m and on
// earlier ticks only. Source: Fischer and Ramdas (see the package).
func (c *CB) logBoost(m, s0 float64) float64 {
	if c.cfg.Limit == 0 || c.s.LogM >= c.cfg.Limit || m > boostEvents || !c.rare() {
		return 0
	}
	p := prediction{CB: c, m: m, s0: s0}
	return p.logBoost(c.cfg.Limit - c.s.LogM)
}

// earn multiplies the boosted wealth. At the limit it stays: it has been there.
func (c *CB) earn(logR float64) {
	if c.s.LogM < c.cfg.Limit {
		c.s.LogM = min(c.s.LogM+logR, c.cfg.Limit)
	}
}

// rare reports whether the events counted are rare enough to boost.
func (c *CB) rare() bool {
	if c.cfg.Rate {
		return true
	}
	x, n := c.s.X1+c.s.X0, c.s.N1+c.s.N0
	if c.complement() {
		x = n - x
	}
	return n > 0 && x <= boostRate*n
}

// prediction is what the mixture expects of one tick with m events.
type prediction struct {
	*CB
	m, s0  float64
	ratios [maxGrid]float64 // likelihood ratio of each component at one outcome
}

// logBoost starts with every outcome whose ratio is above the cap cut off, and
// adds further ones while the boost carries them over it. b rises from below, so
// that stopping early is never too much.
func (p *prediction) logBoost(room float64) float64 {
	limit := math.Exp(room)
	x := p.far()
	p.at(x)
	if r := p.mix(); r <= limit || !(r <= math.MaxFloat64) {
		return 0
	}
	for x > 0 && p.mix() > limit {
		x--
		p.down()
	}
	null := p.null(x)
	cutNull, cutHarm := p.tails(x, null)
	b := (1 - limit*cutNull) / (1 - cutHarm)
	for r := p.mix(); x > 0 && b*r > limit; r = p.mix() {
		cutNull += null
		cutHarm += null * r
		if 1-limit*cutNull <= 0 || 1-cutHarm <= 1e-9 {
			break
		}
		b = (1 - limit*cutNull) / (1 - cutHarm)
		null *= x / (p.m - x + 1) * (1 - p.s0) / p.s0
		x--
		p.down()
	}
	if !(b > 1) {
		return 0
	}
	return math.Log(b)
}

// far is an outcome that is hardly ever exceeded, even where the greatest rate
// ratio with some weight is the true one.
func (p *prediction) far() float64 {
	j := len(p.weight) - 1
	for j > 0 && p.weight[j] < boostFloor {
		j--
	}
	odds := p.s0 / (1 - p.s0) * p.cfg.Grid[j] / p.cfg.rho0()
	s := odds / (1 + odds)
	return min(p.m, math.Ceil(p.m*s+4*math.Sqrt(p.m*s*(1-s))+4))
}

// at works out the ratios of outcome x; up and down move on to the next one.
func (p *prediction) at(x float64) {
	for j, logRho := range p.logRho {
		p.ratios[j] = math.Exp(x*logRho - p.m*p.logD[j])
	}
}

func (p *prediction) up() {
	for j, rho := range p.cfg.Grid {
		p.ratios[j] *= rho / p.cfg.rho0()
	}
}

func (p *prediction) down() {
	for j, rho := range p.cfg.Grid {
		p.ratios[j] *= p.cfg.rho0() / rho
	}
}

// mix is r(x), which rises with x because every ratio of the grid is harm.
func (p *prediction) mix() float64 {
	r := p.idle
	for j, w := range p.weight {
		r += w * p.ratios[j]
	}
	return r
}

// null is Bin(x; m, s0).
func (p *prediction) null(x float64) float64 {
	a, _ := math.Lgamma(p.m + 1)
	b, _ := math.Lgamma(x + 1)
	c, _ := math.Lgamma(p.m - x + 1)
	return math.Exp(a - b - c + x*math.Log(p.s0) + (p.m-x)*math.Log1p(-p.s0))
}

// tails sums what lies above x under the null and under the prediction. Leaving
// out the far end makes b smaller: what is left out under the null weighs, times
// the cap, less than what is left out under the prediction.
func (p *prediction) tails(x, null float64) (cutNull, cutHarm float64) {
	from := p.ratios
	for y := x + 1; y <= p.m; y++ {
		null *= (p.m - y + 1) / y * p.s0 / (1 - p.s0)
		p.up()
		harm := null * p.mix()
		cutNull += null
		cutHarm += harm
		if harm < 1e-9*cutHarm {
			break
		}
	}
	p.ratios = from
	return cutNull, cutHarm
}
