package sim

import (
	"math"
	"math/rand/v2"
)

// buckets is how many telemetry buckets there are, as in [evidence.Buckets].
const buckets = 20

// draw is a source of random counts. The same two numbers give the same counts, on
// every machine.
type draw struct{ *rand.Rand }

func newDraw(seed, run uint64) draw {
	return draw{rand.New(rand.NewPCG(seed, run))} // #nosec G404 -- a simulation that must be repeatable
}

// poisson draws a Poisson count: by inversion where it is small, by rounding a normal
// deviate where it is so large that nobody could tell, and otherwise by transformed
// rejection. Source: Hörmann, "The transformed rejection method for generating Poisson
// random variables", algorithm PTRS.
func (d draw) poisson(mean float64) float64 {
	switch {
	case mean <= 0:
		return 0
	case mean < 12:
		return d.inverted(mean)
	case mean > 2000:
		return max(0, math.Round(mean+math.Sqrt(mean)*d.NormFloat64()))
	}
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	inverse := 1.1239 + 1.1328/(b-3.4)
	accept := 0.9277 - 3.6224/(b-2)
	for {
		u, v := d.Float64()-0.5, d.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + mean + 0.43)
		if us >= 0.07 && v <= accept {
			return k
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		factorial, _ := math.Lgamma(k + 1)
		if math.Log(v)+math.Log(inverse)-math.Log(a/(us*us)+b) <= k*math.Log(mean)-mean-factorial {
			return k
		}
	}
}

func (d draw) inverted(mean float64) float64 {
	u, p, k := d.Float64(), math.Exp(-mean), 0.0
	for u > p && k < 200 {
		u -= p
		k++
		p *= mean / k
	}
	return k
}

// gamma draws from the gamma distribution of unit scale. Source: Marsaglia and
// Tsang, "A simple method for generating gamma variables".
func (d draw) gamma(shape float64) float64 {
	if shape <= 0 {
		return 0
	}
	if shape < 1 {
		return d.gamma(shape+1) * math.Pow(d.Float64(), 1/shape)
	}
	s := shape - 1.0/3
	c := 1 / math.Sqrt(9*s)
	for {
		x := d.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		u := 1 - d.Float64()
		if u < 1-0.0331*x*x*x*x || math.Log(u) < 0.5*x*x+s-s*v+s*math.Log(v) {
			return s * v
		}
	}
}

// bursts draws the events of so many bursts, each of geometric length with the given
// mean of at least 1. What a burst has beyond its first event is geometric from 0,
// and the sum of those is a Poisson count whose mean is gamma distributed: exact, at
// the price of one burst.
func (d draw) bursts(n, mean float64) float64 {
	if n == 0 || mean <= 1 {
		return n
	}
	return n + d.poisson(d.gamma(n)*(mean-1))
}

// dealt draws a Poisson count and deals it out evenly over the buckets.
func (d draw) dealt(mean float64, into *[buckets]float64) float64 {
	*into = [buckets]float64{}
	if mean < 150 { // below, a draw an event costs less than one a bucket
		n := d.poisson(mean)
		d.deal(n, into)
		return n
	}
	var sum float64
	for i := range into {
		into[i] = d.poisson(mean / buckets)
		sum += into[i]
	}
	return sum
}

// deal puts each of n events into a bucket of its own choice.
func (d draw) deal(n float64, into *[buckets]float64) {
	for ; n > 0; n-- {
		into[d.IntN(buckets)]++
	}
}
