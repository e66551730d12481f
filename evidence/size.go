package evidence

import "math"

// FixedSize is how many units a test of fixed length needs, both arms together:
// (z_a + z_b)^2 sigma^2 / (q (1-q) D^2) for error alpha on one side (half of it
// for two), power 1 - b, variance sigma^2 of a unit, share q of the units on,
// and effect D in the metric's own unit. The variance of a ratio p is p (1 - p).
// Source: Kohavi, Tang, Xu, "Trustworthy Online Controlled Experiments".
func FixedSize(alpha, power, variance, share, effect float64) float64 {
	z := quantile(power) - quantile(alpha)
	return z * z * variance / (share * (1 - share) * effect * effect)
}

// quantile is that of the standard normal distribution. It loses nothing in the
// lower tail; for the upper one, negate the quantile of 1 - p.
func quantile(p float64) float64 {
	return -math.Sqrt2 * math.Erfcinv(2*p)
}
