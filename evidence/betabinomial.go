package evidence

import "math"

// BetaBinomialMixture is the mixture for sums of bounded steps: each step is at
// most H above and at least G below its mean, as G = p and H = 1 - p bound a
// Bernoulli draw of probability p. Rho tunes it as that of NormalMixture does.
// OneSided asks whether the sum is positive. Source: Howard et al.,
// "Time-uniform, nonparametric, nonasymptotic confidence sequences",
// propositions 7 and 8.
type BetaBinomialMixture struct {
	Rho, G, H float64
	OneSided  bool
}

// LogE is ln E at sum s with variance v, where -v/H < s < v/G.
func (m BetaBinomialMixture) LogE(s, v float64) float64 {
	g, h, gh := m.G, m.H, m.G+m.H
	// The variance of the mixture has that of one step taken out; a remainder
	// must stay for the prior to exist.
	r := max(m.Rho-g*h, 1e-3*g*h)
	x := 1.0
	if m.OneSided {
		x = h / gh
	}
	return v/(g*h)*math.Log(gh) -
		(v+h*s)/(h*gh)*math.Log(g) -
		(v-g*s)/(g*gh)*math.Log(h) +
		logIncompleteBeta((r+v-g*s)/(g*gh), (r+v+h*s)/(h*gh), x) -
		logIncompleteBeta(r/(g*gh), r/(h*gh), x)
}

// logIncompleteBeta is the logarithm of the integral of t^(a-1) (1-t)^(b-1) from
// 0 to x.
func logIncompleteBeta(a, b, x float64) float64 {
	if x >= 1 {
		return logBeta(a, b)
	}
	// The continued fraction converges fast below the mean of the beta
	// distribution; above it, what is left of the whole is taken.
	if x < (a+1)/(a+b+2) {
		return a*math.Log(x) + b*math.Log1p(-x) - math.Log(a) + math.Log(betaFraction(a, b, x))
	}
	upper := b*math.Log1p(-x) + a*math.Log(x) - math.Log(b) + math.Log(betaFraction(b, a, 1-x))
	whole := logBeta(a, b)
	return whole + math.Log1p(-math.Exp(upper-whole))
}

// betaFraction is the continued fraction of the incomplete beta function, by
// Lentz's method. Source: Abramowitz and Stegun, 26.5.8.
func betaFraction(a, b, x float64) float64 {
	const tiny = 1e-300
	c, d := 1.0, 1/away(1-(a+b)*x/(a+1), tiny)
	f := d
	for m := 1.0; m < 10_000; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/away(1+even*d, tiny), away(1+even/c, tiny)
		f *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/away(1+odd*d, tiny), away(1+odd/c, tiny)
		f *= d * c
		if math.Abs(d*c-1) < 1e-15 {
			break
		}
	}
	return f
}

// away keeps a divisor off zero.
func away(v, tiny float64) float64 {
	if math.Abs(v) < tiny {
		return tiny
	}
	return v
}

func logBeta(a, b float64) float64 {
	return logGamma(a) + logGamma(b) - logGamma(a+b)
}

func logGamma(v float64) float64 {
	l, _ := math.Lgamma(v)
	return l
}
