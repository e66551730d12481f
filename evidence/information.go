package evidence

import "math"

// Information is what one tick tells, in nats, about harm of rate ratio rho
// with n1 units on and n0 off, at base rate p0 events a unit: the
// Kullback-Leibler distance to the nearest harmless world, whose base rate is
// unknown and shared,
//
//	n1 p0 rho ln(p1/p*) + n0 p0 ln(p0/p*)   p1 = rho p0   p* = (n1 p1 + n0 p0)/(n1 + n0)
//
// It is 0 where an arm has no units or nothing ever happens. Source: Wald,
// "Sequential Analysis", for two Poisson arms that share their base rate.
func Information(n1, n0, p0, rho float64) float64 {
	return klPoisson(n1, rho*p0, n0, p0, 1)
}

// DetectionLimit is the mean number of ticks, each of n1 units on and n0 off,
// that any test with false reverts at most alpha needs to see rate ratio rho at
// base rate p0: ln(1/alpha) / Information. It is +Inf where nothing can be seen.
func DetectionLimit(n1, n0, p0, rho, alpha float64) float64 {
	return -math.Log(alpha) / Information(n1, n0, p0, rho)
}

// reach is how many times the limit of information the engine needs.
const reach = 1.75

// InformationNeeded is how much information, in nats, a gate of this weight
// must have had before it may pass: 1.75 ln(1/(alpha w)). Below it silence says
// nothing, and the gate is undecided.
func InformationNeeded(alpha, weight float64) float64 {
	return -reach * math.Log(alpha*weight)
}

// information is that of one tick on the side that is counted, for base rate p
// of the off arm and harm of rate ratio detect.
func (c *CB) information(t Tick, p, detect float64) float64 {
	return c.cfg.information(t.N1, t.N0, p, detect, c.complement())
}

// information is that of one tick of n1 units on and n0 off, on the side that is
// counted: that of the events or that of their complement.
func (c Config) information(n1, n0, p, detect float64, complement bool) float64 {
	p1, p0 := detect*p, p
	if c.LowerIsWorse {
		p1 = p / detect
	}
	if complement {
		p1, p0 = 1-min(p1, 1), 1-p0
	}
	if c.LowerIsWorse != complement {
		return klPoisson(n0, p0, n1, p1, c.rho0())
	}
	return klPoisson(n1, p1, n0, p0, c.rho0())
}

// klPoisson is the distance of rates (p1, p0) from the worlds whose rates have
// the ratio rho0, at the nearest of them. It is 0 where p1 is harmless.
func klPoisson(n1, p1, n0, p0, rho0 float64) float64 {
	if n1 <= 0 || n0 <= 0 || p1 <= rho0*p0 {
		return 0
	}
	base := (n1*p1 + n0*p0) / (n1*rho0 + n0)
	kl := n1 * p1 * math.Log(p1/(rho0*base))
	if p0 > 0 {
		kl += n0 * p0 * math.Log(p0/base)
	}
	return kl
}
