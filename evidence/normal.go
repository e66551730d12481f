package evidence

import "math"

// NormalMixture is the mixture of exp(l S - l^2 V / 2) over a normal prior of
// variance 1/Rho on l: the e-process of a sum S with accumulated variance V,
// both in any unit and its square. OneSided takes the half normal, which asks
// whether S is positive. Source: Howard et al., "Time-uniform, nonparametric,
// nonasymptotic confidence sequences", propositions 5 and 6.
type NormalMixture struct {
	Rho      float64
	OneSided bool
}

// BestRho is the Rho whose bound is tightest at variance v and level alpha.
// The one-sided mixture is best tuned as a two-sided one of level 2 alpha.
func BestRho(v, alpha float64, oneSided bool) float64 {
	if oneSided {
		alpha *= 2
	}
	// x - 1 - ln x = 2 ln(1/alpha) at x = 1 + v/rho: the derivative of the bound
	// vanishes there. Newton from above converges at once, f being convex.
	goal := -2 * math.Log(alpha)
	x := 2 + 2*goal
	for range 100 {
		next := x - (x-1-math.Log(x)-goal)/(1-1/x)
		if math.Abs(next-x) <= 1e-14*x {
			break
		}
		x = next
	}
	return v / (x - 1)
}

// LogE is ln E at sum s with variance v >= 0.
func (m NormalMixture) LogE(s, v float64) float64 {
	log := 0.5*math.Log(m.Rho/(v+m.Rho)) + s*s/(2*(v+m.Rho))
	if m.OneSided {
		log += math.Ln2 + logPhi(s/math.Sqrt(v+m.Rho))
	}
	return log
}

// Bound is the sum at which E reaches 1/alpha for variance v.
func (m NormalMixture) Bound(v, alpha float64) float64 {
	two := math.Sqrt((v + m.Rho) * (math.Log1p(v/m.Rho) - 2*math.Log(alpha)))
	if !m.OneSided {
		return two
	}
	// The half normal has at most twice the two-sided E, so its bound lies
	// below; E rises with s.
	lo, hi := 0.0, two
	for range 200 {
		if mid := (lo + hi) / 2; m.LogE(mid, v) < -math.Log(alpha) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// logPhi is the logarithm of the standard normal distribution function. Below
// -10 it is the asymptotic series, for which Erfc soon underflows.
func logPhi(x float64) float64 {
	if x > -10 {
		return math.Log(math.Erfc(-x/math.Sqrt2) / 2)
	}
	q := 1 / (x * x)
	series := 1 - q*(1-3*q*(1-5*q*(1-7*q*(1-9*q))))
	return -x*x/2 - math.Log(-x) - 0.5*math.Log(2*math.Pi) + math.Log(series)
}
