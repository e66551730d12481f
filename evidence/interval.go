package evidence

import "math"

// A Ratio is the rate ratio of on to off as it is shown to people.
type Ratio struct {
	// Estimate is the rate ratio, stratified by tick.
	Estimate float64
	// Low and High bound it at every tick together; High may be +Inf.
	Low, High float64
	// Known is false while there are too few events to say anything.
	Known bool
}

// minEvents an arm before an interval is shown: below it the normal
// approximation that the interval rests on is not one.
const minEvents = 10

// Ratio estimates the rate ratio of on to off with a confidence sequence that
// covers it at all ticks together with probability 1 - alpha, asymptotically.
// phi, at least 1, is the overdispersion of the counts. It is for display: it
// never decides.
//
// The estimate is that of Mantel and Haenszel, sum(x1 n0/n) / sum(x0 n1/n) over
// ticks, in which the base rate of each tick cancels. The interval is the set of
// rho that the two-sided normal mixture does not reject for the score
// sum(x1 n0/n) - rho sum(x0 n1/n), whose variance for Poisson counts is
// sum(x1 (n0/n)^2) + rho^2 sum(x0 (n1/n)^2). Sources: Greenland and Robins,
// "Estimation of a common effect parameter from sparse follow-up data";
// Waudby-Smith et al. (see the package).
func (c *CB) Ratio(alpha, phi float64) Ratio {
	s := c.s.Ratio
	r := Ratio{Estimate: s.R / s.Q, High: math.Inf(1)}
	r.Known = c.s.X1 >= minEvents && c.s.X0 >= minEvents
	if !r.Known {
		return r
	}
	inside := func(rho float64) bool {
		d := s.R - rho*s.Q
		v := (s.A + rho*rho*s.B) * max(phi, 1)
		bound := NormalMixture{Rho: tuning}.Bound(v, alpha)
		return d*d <= bound*bound
	}
	r.Low = edge(r.Estimate, 0, inside)
	if !inside(r.Estimate * 1e6) {
		r.High = edge(r.Estimate, r.Estimate*1e6, inside)
	}
	return r
}

// tuning makes the interval tightest where the smaller arm has about a hundred
// events: a multiple of sum V would depend on the data. It is the best Rho of
// the two-sided normal mixture for V = 100 and alpha = 5 %.
const tuning = 12.60056

// strata are sums over ticks from which the ratio is estimated; n = n1 + n0.
type strata struct {
	R float64 // x1 n0/n
	Q float64 // x0 n1/n
	A float64 // x1 (n0/n)^2
	B float64 // x0 (n1/n)^2
}

func (s *strata) add(t Tick) {
	n := t.N1 + t.N0
	if n == 0 {
		return
	}
	on, off := t.N1/n, t.N0/n
	s.R += t.X1 * off
	s.Q += t.X0 * on
	s.A += t.X1 * off * off
	s.B += t.X0 * on * on
}

// edge finds where the interval ends between a point inside and one outside, by
// bisection.
func edge(in, out float64, inside func(float64) bool) float64 {
	for range 60 {
		if mid := (in + out) / 2; inside(mid) {
			in = mid
		} else {
			out = mid
		}
	}
	return in
}
