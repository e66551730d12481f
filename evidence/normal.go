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

// BestRho is the Rho whose bound is about tightest at variance v and level
// alpha: v / (2 ln(1/alpha) + ln(1 + 2 ln(1/alpha))), the published approximation
// of the optimum. The one-sided mixture is tuned as a two-sided one of 2 alpha.
func BestRho(v, alpha float64, oneSided bool) float64 {
	if oneSided {
		alpha *= 2
	}
	two := -2 * math.Log(alpha)
	return v / (two + math.Log1p(two))
}

// LogE is ln E at sum s with variance v >= 0.
func (m NormalMixture) LogE(s, v float64) float64 {
	x := s / math.Sqrt(v+m.Rho)
	log := 0.5 * math.Log(m.Rho/(v+m.Rho))
	if m.OneSided {
		return log + math.Ln2 + logMills(x)
	}
	return log + x*x/2
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

// logMills is x^2/2 + ln Phi(x). Below -10, where the two terms all but cancel and
// Erfc soon underflows, it is the asymptotic series of ln Phi.
func logMills(x float64) float64 {
	if x > -10 {
		return x*x/2 + math.Log(math.Erfc(-x/math.Sqrt2)/2)
	}
	q := 1 / (x * x)
	series := 1 - q*(1-3*q*(1-5*q*(1-7*q*(1-9*q))))
	return -math.Log(-x) - 0.5*math.Log(2*math.Pi) + math.Log(series)
}
