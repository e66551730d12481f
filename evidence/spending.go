package evidence

import (
	"fmt"
	"math"
)

// Spending is how the error of a group-sequential test is spent over the
// information fraction t, from 0 to 1: O'Brien-Fleming's
// 2 (1 - Phi(z_{alpha/2} / sqrt t)), or, where Power is above 0, Kim and DeMets'
// alpha t^Power. Source: Lan and DeMets (see the package).
type Spending struct {
	Power float64
	// Tolerance is the probability to which a bound is searched, and below which
	// a look spends nothing. Zero means 1e-12; R's ldbounds has 1e-7.
	Tolerance float64
}

// At is the error spent up to information fraction t, at most alpha.
func (s Spending) At(t, alpha float64) float64 {
	switch {
	case t <= 0:
		return 0
	case t >= 1:
		return alpha
	case s.Power > 0:
		return alpha * math.Pow(t, s.Power)
	}
	return math.Erfc(-quantile(alpha/2) / math.Sqrt(2*t))
}

// far is how many standard deviations stand for infinity.
const far = 8

// Bounds are the z-values that a look at each information fraction must exceed,
// so that any of them does so with probability alpha at most where there is no
// effect. The fractions rise from above 0 to at most 1. For two sides give half
// of alpha.
func (s Spending) Bounds(t []float64, alpha float64) ([]float64, error) {
	if err := checkLooks(t, alpha); err != nil {
		return nil, err
	}
	return s.bounds(0, t, t, alpha), nil
}

// BoundsOver are the bounds of looks that have spent error up to the fractions t, but
// whose statistics share other information than that: two of them correlate by the
// square root of the ratio of theirs. Error may be spent by time, say, while events
// come as they do. What was spent up to fraction from, by looks whose data is not
// shared, is gone. Source: Lan and DeMets, "Group sequential procedures: calendar
// versus information time".
func (s Spending) BoundsOver(from float64, t, information []float64, alpha float64) ([]float64, error) {
	if len(t) != len(information) {
		return nil, fmt.Errorf("%d fractions for %d looks", len(information), len(t))
	}
	if err := checkLooks(t, alpha); err != nil {
		return nil, err
	}
	for i, v := range information {
		if !(v > before(information, i)) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("information %g of look %d does not rise", v, i+1)
		}
	}
	if !(from >= 0) || len(t) > 0 && from > t[0] {
		return nil, fmt.Errorf("looks up to fraction %g have spent more than the next one may", from)
	}
	return s.bounds(from, t, information, alpha), nil
}

func (s Spending) bounds(from float64, t, information []float64, alpha float64) []float64 {
	bounds := make([]float64, len(t))
	whole := information[len(t)-1] // sums are on the scale of the last look
	width := gridWidth(information, whole)
	var d density
	var known float64 // information of the density
	spent := s.At(from, alpha)
	for i := range t {
		sd, step := math.Sqrt(information[i]/whole), math.Sqrt((information[i]-known)/whole)
		budget := max(0, s.At(t[i], alpha)-spent)
		switch {
		case i > 0 && step*step <= sameLook:
			bounds[i] = bounds[i-1]
			continue
		case i > 0 && step < width/2: // too little for the grid: spends nothing
			bounds[i] = far
			continue
		case i == 0:
			bounds[i] = min(far, -quantile(budget))
		default:
			bounds[i] = s.search(budget, d.hi, sd, func(y float64) float64 { return d.above(y, step) })
		}
		spent, known = s.At(t[i], alpha), information[i]
		d = d.slide(-far*sd, bounds[i]*sd, step, width)
	}
	return bounds
}

// FutilityBounds adds lower bounds, below which a look gives up: they spend beta
// where the effect is the one that the test just has power 1 - beta for. They are
// not binding: the upper bounds hold alpha even if nobody gives up. The last
// lower bound is the last upper one.
func (s Spending) FutilityBounds(t []float64, alpha, beta float64) (lower, upper []float64, err error) {
	if upper, err = s.Bounds(t, alpha); err != nil {
		return nil, nil, err
	}
	if !(beta > 0 && beta < 1-alpha) {
		return nil, nil, fmt.Errorf("beta %g is not between 0 and 1 - alpha", beta)
	}
	// The drift is at least that of a fixed test; sqrt 2 times as much lifts the
	// lower bounds over the upper ones. The tolerance widens while the search goes
	// on, as that of published bounds does: beta is a wish, not a promise.
	lo := -quantile(alpha) - quantile(beta)
	hi := math.Sqrt2 * lo
	tolerance := 1e-5
	for range 60 {
		drift := (lo + hi) / 2
		bounds, missed := s.futility(t, upper, beta, drift)
		if bounds == nil {
			hi = drift
			continue
		}
		if lower = bounds; math.Abs(missed-beta) < tolerance {
			break
		}
		if missed < beta {
			hi = drift
		} else {
			lo = drift
		}
		tolerance *= 2
	}
	if lower == nil {
		// Only a single look, or looks almost at once, leave no room in between.
		return upper, upper, nil
	}
	lower[len(lower)-1] = upper[len(upper)-1]
	return lower, upper, nil
}

// futility has the lower bounds for a drift, and the probability to give up or to
// end below the last upper bound. There are none where they cross the upper ones.
func (s Spending) futility(t, upper []float64, beta, drift float64) ([]float64, float64) {
	lower := make([]float64, len(t))
	var open, closed density // without and with the upper bounds
	var spent, missed float64
	for i := range t {
		sd, last := math.Sqrt(t[i]), before(t, i)
		step, move := math.Sqrt(t[i]-last), drift*(t[i]-last)
		budget := s.At(t[i], beta) - spent
		spent += budget
		if i == 0 {
			lower[i] = quantile(budget) + drift*sd
		} else {
			// By symmetry the lower bound is an upper one of what is mirrored.
			lower[i] = -s.search(budget, -open.lo, sd, func(y float64) float64 { return open.below(-y-move, step) })
		}
		if lower[i] > upper[i] {
			return nil, 0
		}
		end := lower[i]
		if i == len(t)-1 {
			end = upper[i]
		}
		if i == 0 {
			missed += cdf(end - drift*sd)
		} else {
			missed += closed.below(end*sd-move, step)
		}
		open = open.next(lower[i]*sd, drift*t[i]+far*sd, step, move)
		closed = closed.next(lower[i]*sd, upper[i]*sd, step, move)
	}
	return lower, missed
}

// sameLook is the information below which a look is the one before it again.
const sameLook = 1e-5

func checkLooks(t []float64, alpha float64) error {
	if !(alpha > 0 && alpha < 0.5) {
		return fmt.Errorf("alpha %g is not between 0 and 0.5", alpha)
	}
	for i := range t {
		if !(t[i] > before(t, i)) && !(i > 0 && t[i] == t[i-1]) || t[i] > 1 {
			return fmt.Errorf("information fraction %g of look %d does not rise from 0 to 1", t[i], i+1)
		}
	}
	return nil
}

func before(t []float64, i int) float64 {
	if i == 0 {
		return 0
	}
	return t[i-1]
}

// search finds the z-value whose tail is the budget, digit by digit from the last
// bound on, on the scale of the sum whose deviation is sd.
func (s Spending) search(budget, from, sd float64, tail func(y float64) float64) float64 {
	tolerance := s.Tolerance
	if tolerance == 0 {
		tolerance = max(1e-12, budget*1e-9)
	}
	if budget < tolerance {
		return far
	}
	y := s.near(budget, from, sd, tail)
	q := tail(y)
	for digit := 1.0; math.Abs(q-budget) > tolerance && digit > 1e-15; digit /= 10 {
		move := digit
		if q < budget {
			move = -digit
		}
		for n := 0; n < 50 && math.Abs(q-budget) > tolerance && (q > budget) == (move > 0); n++ {
			y += move
			q = tail(y)
		}
	}
	return min(far, y/sd)
}

// near comes close to the bound in a few steps of the secant method on the scale of
// normal deviates, on which a tail is almost a line. Published bounds of a wider
// tolerance depend on how they were searched, so for them it is left out.
func (s Spending) near(budget, from, sd float64, tail func(y float64) float64) float64 {
	if s.Tolerance != 0 {
		return from
	}
	want := quantile(budget)
	y, z := from, quantile(tail(from))
	slope := -1 / sd
	for range 12 {
		next := y + (want-z)/slope
		q := tail(next)
		reached := quantile(q)
		if math.IsInf(reached, 0) || math.IsNaN(reached) || next == y {
			break
		}
		if s := (reached - z) / (next - y); s < 0 {
			slope = s
		}
		if y, z = next, reached; math.Abs(q-budget) < budget*1e-9 {
			break
		}
	}
	return y
}
