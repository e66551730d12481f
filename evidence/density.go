package evidence

import (
	"math"
	"slices"
)

// density is that of a sum of normal steps that has stayed between its bounds,
// on an even grid from lo to hi: the recursion of Armitage, McPherson and Rowe,
// "Repeated significance tests on accumulating data". The zero value is a sum
// that has not begun.
type density struct {
	lo, hi float64
	f      []float64
}

const (
	// gridStep is the width of a grid cell in deviations of the step to come.
	gridStep = 0.05
	// maxCells bounds the work of one look; with more of them than that, looks
	// are so close together that nothing is gained.
	maxCells = 1000
)

// next is the density after a step of the given deviation and drift, of what then
// lies between lo and hi.
func (d density) next(lo, hi, sd, drift float64) density {
	cells := min(maxCells, max(2, int(math.Ceil((hi-lo)/(gridStep*sd)))))
	out := density{lo: lo, hi: hi, f: make([]float64, cells+1)}
	width := (hi - lo) / float64(cells)
	for i := range out.f {
		x := lo + width*float64(i) - drift
		if d.f == nil {
			out.f[i] = normal(x/sd) / sd
			continue
		}
		out.f[i] = d.integrate(x, sd, func(y float64) float64 { return normal((x-y)/sd) / sd })
	}
	return out
}

// gridWidth is that of a grid on which all looks at a sum are fine enough.
func gridWidth(information []float64, whole float64) float64 {
	least := math.Inf(1)
	for i, v := range information {
		if gain := (v - before(information, i)) / whole; gain > sameLook {
			least = min(least, math.Sqrt(gain))
		}
	}
	return max(gridStep*least, (far+3.0)/maxCells)
}

// slide is next without a drift, on a grid of the same width for all steps: whatever is
// between two points then depends on how many cells they are apart alone, so that the
// densities of the step are worked out once for all of them. Only the upper end is met
// exactly; the lower one is where nothing is left.
func (d density) slide(lo, hi, sd, width float64) density {
	cells := max(2, int(math.Ceil((hi-lo)/width)))
	out := density{lo: hi - width*float64(cells), hi: hi, f: make([]float64, cells+1)}
	if d.f == nil {
		for i := range out.f {
			out.f[i] = normal((out.lo+width*float64(i))/sd) / sd
		}
		return out
	}
	// Point i of the new grid is (i - j + apart) cells above point j of the old one.
	apart := (out.lo - d.lo) / width
	first := int(math.Floor(-(far+2)*sd/width - apart))
	last := int(math.Ceil((far+2)*sd/width - apart))
	kernel := make([]float64, last-first+1)
	for k := range kernel {
		kernel[k] = width * normal((float64(first+k)+apart)*width/sd) / sd
	}
	f := slices.Clone(d.f)
	f[0], f[len(f)-1] = f[0]/2, f[len(f)-1]/2
	for i := range out.f {
		var sum float64
		for j := max(0, i-last); j <= min(len(f)-1, i-first); j++ {
			sum += f[j] * kernel[i-j-first]
		}
		out.f[i] = sum
	}
	return out
}

// above is the probability that a step of deviation sd leads beyond x; below,
// that it leads short of it.
func (d density) above(x, sd float64) float64 {
	width := (d.hi - d.lo) / float64(len(d.f)-1)
	from := max(0, int((x-(far+2)*sd-d.lo)/width)) // nothing leads there from further below
	var sum float64
	for i := from; i < len(d.f); i++ {
		term := d.f[i] * cdf((d.lo+width*float64(i)-x)/sd)
		if i == 0 || i == len(d.f)-1 {
			term /= 2
		}
		sum += term
	}
	return sum * width
}

func (d density) below(x, sd float64) float64 {
	return d.integrate(math.Inf(1), sd, func(y float64) float64 { return cdf((x - y) / sd) })
}

// integrate is the trapezoidal rule. Where the kernel is a peak at a finite
// point, what is beyond its reach is left out.
func (d density) integrate(peak, sd float64, kernel func(float64) float64) float64 {
	width := (d.hi - d.lo) / float64(len(d.f)-1)
	from, to := 0, len(d.f)-1
	if !math.IsInf(peak, 0) {
		from = max(from, int((peak-(far+2)*sd-d.lo)/width))
		to = min(to, int((peak+(far+2)*sd-d.lo)/width)+1)
	}
	var sum float64
	for i := from; i <= to; i++ {
		term := d.f[i] * kernel(d.lo+width*float64(i))
		if i == 0 || i == len(d.f)-1 {
			term /= 2
		}
		sum += term
	}
	return sum * width
}

func normal(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

func cdf(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
