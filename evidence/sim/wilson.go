package sim

import "math"

// Wilson is the interval for a share of which k in n were seen, that covers it with
// probability 95 %. Source: Wilson, "Probable inference, the law of succession, and
// statistical inference".
func Wilson(k, n int) (low, high float64) {
	const z = 1.959963984540054
	if n == 0 {
		return 0, 1
	}
	p, m := float64(k)/float64(n), float64(n)
	center := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, center-half), min(1, center+half)
}
