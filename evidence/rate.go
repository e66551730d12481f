package evidence

import "math"

// UpperRate is the upper limit, at all times together with probability 1 - alpha, of a
// rate of which x events were seen in n units: the greatest rate that the mixture of
// Poisson likelihood ratios over a gamma prior of shape 1/2 does not reject,
//
//	ln E = ln (b^a G(a+x) / (G(a) (b+n)^(a+x))) - x ln rate + rate n     a = 1/2
//
// tuned to about b units. It is +Inf without units. Source: Lindon and Malek (see the
// package).
func UpperRate(x, n, alpha, b float64) float64 {
	if !(n > 0) {
		return math.Inf(1)
	}
	const a = 0.5
	mixed := a*math.Log(b) + logGamma(a+x) - logGamma(a) - (a+x)*math.Log(b+n)
	inside := func(rate float64) bool {
		logE := mixed + rate*n
		if x > 0 {
			logE -= x * math.Log(rate)
		}
		return logE < -math.Log(alpha)
	}
	in := (a + x) / n
	out := in
	for inside(out) {
		out *= 2
	}
	return edge(in, out, inside)
}
