package sim

import (
	"math"

	"github.com/rampart-dev/rampart/evidence"
)

// Methods are the ones that are compared, Rampart's first.
func Methods() []Method {
	return []Method{
		Rampart(), RampartBuckets(), RampartFromStart(), Oracle(), FixedHorizon(), Peeking(), AsymptoticSequence(), MSPRT(), Flagger(), Argo(), BurnRate(),
	}
}

// Oracle is Wald's sequential probability ratio test, told beforehand what no test
// knows: how large the harm is and when it begins. Nothing can be faster at its level.
// Source: Wald, "Sequential Analysis".
func Oracle() Method {
	return Method{Name: "oracle", Title: "oracle SPRT", New: func(c Case) Judge {
		var log, tick float64
		rho := c.Rho
		if rho <= 1 {
			rho = 2 // it must look for something where there is nothing
		}
		return judge(func(t evidence.Tick) bool {
			if tick++; tick > float64(c.Onset) {
				log += t.X1*math.Log(rho) - (t.X1+t.X0)*math.Log((t.N1*rho+t.N0)/(t.N1+t.N0))
			}
			return log >= -math.Log(c.Alpha)
		})
	}}
}

// FixedHorizon is one test at the end of the stream, of whether more of the units have
// events: the pooled test of two proportions, one-sided.
func FixedHorizon() Method {
	return Method{Name: "fixed", Title: "fixed horizon", New: func(c Case) Judge {
		var sum totals
		z := upperQuantile(c.Alpha)
		return judge(func(t evidence.Tick) bool {
			sum.add(t)
			return sum.ticks == c.Ticks && sum.z() >= z
		})
	}}
}

// Peeking is the same test, asked at every tick as if it were the only time. Nobody
// publishes it as a method, and every dashboard invites to it.
func Peeking() Method {
	return Method{Name: "peeking", Title: "fixed test at every look", New: func(c Case) Judge {
		var sum totals
		z := upperQuantile(c.Alpha)
		return judge(func(t evidence.Tick) bool {
			sum.add(t)
			return sum.z() >= z
		})
	}}
}

// AsymptoticSequence is the asymptotic confidence sequence in the form that GrowthBook
// documents, with its tuning parameter of 5,000 units: turn back once it lies above 0.
// Its level is that of both sides together, as published, so one side has half of it.
// Sources: Waudby-Smith et al., "Time-uniform central limit theory and asymptotic
// confidence sequences"; GrowthBook, "Sequential testing".
func AsymptoticSequence() Method {
	const tuned = 5000
	return Method{Name: "asymptotic", Title: "asymptotic sequence (GrowthBook)", New: func(c Case) Judge {
		var sum totals
		two := -2 * math.Log(c.Alpha)
		rho2 := (two + math.Log1p(two)) / tuned
		return judge(func(t evidence.Tick) bool {
			sum.add(t)
			n := sum.n1 + sum.n0
			// The error of the difference is that of n units of variance n se^2.
			half := sum.se() * math.Sqrt(2*(n*rho2+1)/(n*rho2)*math.Log(math.Sqrt(n*rho2+1)/c.Alpha))
			return sum.enough() && sum.difference() > half
		})
	}}
}

// MSPRT is the mixture sequential probability ratio test: a normal prior on the
// difference of the rates whose deviation is half of the base rate, for which one must
// decide beforehand what sizes to look for. Source: Johari, Koomen, Pekelis, Walsh,
// "Always valid inference: continuous monitoring of A/B tests".
func MSPRT() Method {
	return Method{Name: "msprt", Title: "mSPRT (Johari et al.)", New: func(c Case) Judge {
		var sum totals
		tau2 := math.Pow(c.Base/2, 2)
		return judge(func(t evidence.Tick) bool {
			sum.add(t)
			v, d := sum.se()*sum.se(), sum.difference()
			if !sum.enough() || d <= 0 {
				return false
			}
			log := 0.5*math.Log(v/(v+tau2)) + tau2*d*d/(2*v*(v+tau2))
			return log >= -math.Log(c.Alpha)
		})
	}}
}

// bound is the rate, as a multiple of the base rate, above which the checks of
// threshold gates fail. Whoever sets one knows the base rate, and wants to see it
// doubled.
const bound = 2

// Flagger is a threshold gate with the defaults of Flagger: the rate of the on arm over
// one minute, checked every minute, and turned back when the fifth check has failed.
// Failed checks are not forgotten. Source: Flagger, "How it works: analysis".
func Flagger() Method {
	return Method{Name: "flagger", Title: "threshold x2, 5 fails (Flagger)", New: func(c Case) Judge {
		return checks(c, 60, 5)
	}}
}

// Argo is a threshold gate as in the manual of Argo Rollouts: the rate of the on arm
// over five minutes, measured every five minutes, and failed once more than three
// measurements have failed. Source: Argo Rollouts, "Analysis and progressive delivery".
func Argo() Method {
	return Method{Name: "argo", Title: "threshold x2, failureLimit 3 (Argo)", New: func(c Case) Judge {
		return checks(c, 300, 4)
	}}
}

// checks measures the rate of the on arm over windows of some seconds, one after the
// other, and turns back at so many that are out of bounds.
func checks(c Case, seconds float64, fails int) Judge {
	var x, n, since float64
	return judge(func(t evidence.Tick) bool {
		x, n, since = x+t.X1, n+t.N1, since+c.Seconds
		if since < seconds {
			return false
		}
		if n > 0 && x/n > bound*c.Base {
			fails--
		}
		x, n, since = 0, 0, 0
		return fails <= 0
	})
}

// totals are counts since first exposure, as every cumulative test has them.
type totals struct {
	ticks          int
	x1, n1, x0, n0 float64
}

func (s *totals) add(t evidence.Tick) {
	s.ticks++
	s.x1, s.n1, s.x0, s.n0 = s.x1+t.X1, s.n1+t.N1, s.x0+t.X0, s.n0+t.N0
}

// enough is what normal approximations are said to need.
func (s *totals) enough() bool { return s.x1 >= 5 && s.x0 >= 5 }

func (s *totals) difference() float64 { return s.x1/s.n1 - s.x0/s.n0 }

// se is the standard error of the difference.
func (s *totals) se() float64 {
	p1, p0 := s.x1/s.n1, s.x0/s.n0
	return math.Sqrt(p1*(1-p1)/s.n1 + p0*(1-p0)/s.n0)
}

// z is the statistic of the pooled test.
func (s *totals) z() float64 {
	if !s.enough() {
		return 0
	}
	p := (s.x1 + s.x0) / (s.n1 + s.n0)
	return s.difference() / math.Sqrt(p*(1-p)*(1/s.n1+1/s.n0))
}

// upperQuantile is the value that a standard normal variable exceeds with probability p.
func upperQuantile(p float64) float64 { return math.Sqrt2 * math.Erfcinv(2*p) }
