package figure

import (
	"math"
	"slices"
)

// Samples are measurements of one thing, in any unit and in any order.
type Samples []float64

// Quantile returns the smallest sample that at least the share q of all samples does
// not exceed (the nearest rank), and NaN where there are none.
func (s Samples) Quantile(q float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	// 0.07*100 is a little more than 7, which must not make it the eighth.
	rank := int(math.Ceil(q*float64(len(s)) - 1e-9))
	return sorted[min(max(rank, 1), len(s))-1]
}

// Median returns the middle sample; of an even number, the lower of the middle two.
func (s Samples) Median() float64 { return s.Quantile(0.5) }

// Over returns the ratio of each sample to the one of the yardstick that was taken
// beside it. It panics where their numbers differ.
func (s Samples) Over(yardstick Samples) Samples {
	return s.beside(yardstick, func(a, b float64) float64 { return a / b })
}

// Less returns what each sample is more than the one that was taken beside it. It panics
// where their numbers differ.
func (s Samples) Less(other Samples) Samples {
	return s.beside(other, func(a, b float64) float64 { return a - b })
}

// By returns each sample divided by n.
func (s Samples) By(n float64) Samples {
	shares := make(Samples, len(s))
	for i := range s {
		shares[i] = s[i] / n
	}
	return shares
}

func (s Samples) beside(other Samples, of func(a, b float64) float64) Samples {
	if len(s) != len(other) {
		panic("figure: samples that were not taken in pairs")
	}
	out := make(Samples, len(s))
	for i := range s {
		out[i] = of(s[i], other[i])
	}
	return out
}
