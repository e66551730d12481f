package evidence

import "math"

// How many times the limit of information the engine takes to find harm, as measured
// by TestHarmIsFoundAsSoonAsPowerSays: 500 requests a second with 0.5 % errors, ticks
// of 15 s, levels of 5 % and of 1 %, restarts planned for a day. What is more than 1
// pays for what is not known beforehand: how large the harm is, and when it begins.
const (
	// DelayAtStart is for harm that is there from first exposure on, against
	// ln(1/level) / [Information]: 1.5 to 1.7 were measured.
	DelayAtStart = 1.7
	// DelayInMid is for harm that begins later, against ln(T/level) / Information
	// within a horizon of T ticks: 0.9 to 1 were measured. Looking for harm from every
	// tick on is what the limit pays for, and restarts are fewer than ticks.
	DelayInMid = 1.0
)

// WholeShare is the share of the level that a gate with cohorts keeps for all units
// together, by which harm that hits everybody is found.
const WholeShare = wholeMass

// A Flow is what every tick brings to a gate that compares the arms, as far as it can
// be told beforehand.
type Flow struct {
	N1, N0       float64 // units a tick, on and off
	Base         float64 // events a unit in the off arm
	Margin       float64 // harm that is tolerated, as of [Config]
	LowerIsWorse bool    // harm of ratio r divides the base rate by r
	Rate         bool    // units are shares of the traffic: there may be more events
	Phi          float64 // overdispersion, by which counts tell less; 0 is 1
}

// Information is what a tick tells about harm of rate ratio rho, in nats.
func (f Flow) Information(rho float64) float64 {
	c := Config{Margin: f.Margin, LowerIsWorse: f.LowerIsWorse}
	common := !f.Rate && f.Margin == 0 && 2*f.Base > 1
	return c.information(f.N1, f.N0, f.Base, min(rho, f.most()), common) / max(1, f.Phi)
}

// MostRatio bounds the search for what can be seen: nobody plans for more.
const MostRatio = 1000

// most is the greatest rate ratio that there can be: not more units can be bad than
// there are.
func (f Flow) most() float64 {
	if f.Rate || f.LowerIsWorse || f.Base <= 0 {
		return MostRatio
	}
	return max(1, min(MostRatio, 1/f.Base))
}

// Detectable is the least rate ratio of harm that so many ticks could have shown, by
// the rule that lets a gate pass: their Information is [InformationNeeded]. It is +Inf
// where they show nothing.
func (f Flow) Detectable(level, ticks float64) float64 {
	return LeastRatio(1+f.Margin, f.most(), InformationNeeded(level, 1), func(rho float64) float64 {
		return ticks * f.Information(rho)
	})
}

// Delay is how many ticks pass, on average, until harm of rate ratio rho is found that
// is there from first exposure on, by a gate of this level. It is at least 1, and +Inf
// where such harm is never found.
func (f Flow) Delay(rho, level float64) float64 {
	return max(1, -DelayAtStart*math.Log(level)/f.Information(rho))
}

// DelayWithin is Delay of harm that begins later, at any of horizon ticks.
func (f Flow) DelayWithin(rho, level, horizon float64) float64 {
	return max(1, DelayInMid*math.Log(max(1, horizon)/level)/f.Information(rho))
}

// LineInformation is what n units tell, in nats, about a rate of events p above a line:
// the distance to the line, n (p ln(p/line) + (1-p) ln((1-p)/(1-line))). It is 0 where
// the rate does not exceed the line.
func LineInformation(n, p, line float64) float64 {
	p = min(p, 1)
	if n <= 0 || p <= line || line <= 0 {
		return 0
	}
	kl := p * math.Log(p/line)
	if p < 1 {
		kl += (1 - p) * math.Log((1-p)/(1-line))
	}
	return n * kl
}

// LineDetectable is the least rate of events that n units could have shown to be above
// the line, by the rule that lets a gate pass. It is +Inf where there is none.
func LineDetectable(n, line, level float64) float64 {
	return line * LeastRatio(1, 1/line, InformationNeeded(level, 1), func(rho float64) float64 {
		return LineInformation(n, rho*line, line)
	})
}

// MeanInformation is what n1 users on and n0 off tell, in nats, about a difference of
// their means, where one user's value has that deviation: half the squared difference
// over the squared standard error.
func MeanInformation(n1, n0, difference, deviation float64) float64 {
	if n1 <= 0 || n0 <= 0 || deviation <= 0 {
		return 0
	}
	z := difference / deviation
	return z * z / 2 / (1/n1 + 1/n0)
}

// RatioUnits is how many new units it takes, both arms together, to find that one arm
// loses some of them: where the on arm should have the share, and its odds are those
// times odds instead. The level is the 1 in 1000 of a sample ratio mismatch.
func RatioUnits(share, odds, level float64) float64 {
	p := odds * share / (odds*share + 1 - share)
	kl := p*math.Log(p/share) + (1-p)*math.Log((1-p)/(1-share))
	return -DelayAtStart * math.Log(level) / kl
}

// A Ramp is a decision on goals that is looked at again and again up to a planned last
// look, as far as it can be told beforehand.
type Ramp struct {
	power  float64
	looks  int
	bounds []float64 // z-values, of mostLooks looks at most
}

// mostLooks is up to how many looks are counted singly; more of them move the bounds by
// less than anybody reads.
const mostLooks = 28

// PlanRamp plans a ramp of so many looks, evenly spread, for error alpha on one side and
// a goal that is met just so being found with that power.
func PlanRamp(alpha, power float64, looks int) (Ramp, error) {
	r := Ramp{power: power, looks: max(1, looks)}
	fractions := make([]float64, min(r.looks, mostLooks))
	for i := range fractions {
		fractions[i] = float64(i+1) / float64(len(fractions))
	}
	spending := KimDeMets()
	spending.Tolerance = 1e-7 // a plan is no decision
	var err error
	r.bounds, err = spending.Bounds(fractions, alpha)
	return r, err
}

// Units is how many units the ramp needs, both arms together, by its last look:
// [FixedSize] with the bound of that look instead of that of a single one, which is 1.05
// to 1.1 times as many. The arguments are those of FixedSize.
func (r Ramp) Units(variance, share, effect float64) float64 {
	z := r.z(r.looks)
	return z * z * variance / (share * (1 - share) * effect * effect)
}

// Effect is what can be shown at a look by which so many units have come. Before the
// last one it is larger than of a ramp that ends there, because error is kept for the
// looks to come.
func (r Ramp) Effect(variance, share, units float64, look int) float64 {
	return r.z(look) * math.Sqrt(variance/(share*(1-share)*units))
}

func (r Ramp) z(look int) float64 {
	i := min(max(1, look), r.looks) * len(r.bounds) / r.looks
	return r.bounds[max(1, i)-1] + quantile(r.power)
}

// HoldoutCost is how many times the units of half and half an allocation needs for the
// same effect: 5.3 at 95 to 5.
func HoldoutCost(share float64) float64 { return 1 / (4 * share * (1 - share)) }

// LeastRatio finds the ratio from which on a function that rises between lo and hi is
// what is needed: +Inf where it never is.
func LeastRatio(lo, hi, needed float64, of func(rho float64) float64) float64 {
	if hi <= lo || of(hi) < needed {
		return math.Inf(1)
	}
	for range 60 { // to a precision that nobody reads
		mid := math.Sqrt(lo * hi)
		if of(mid) < needed {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}
