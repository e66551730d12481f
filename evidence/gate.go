package evidence

import (
	"fmt"
	"math"
)

// A GateSpec says how a gate takes part in the evidence of a launch.
type GateSpec struct {
	Name string
	// Weight is the gate's share of the launch's error budget. Zero takes an
	// equal share of what the other gates and the reserve leave.
	Weight float64
	// Level is set for a gate that only holds or notifies: it has an error level
	// of its own and never enters the evidence of the launch.
	Level float64
	// Phi is the overdispersion learnt before first exposure; zero is unknown.
	Phi float64
	// Ratio is the conditional binomial of the gate. Its Limit is filled in.
	Ratio Config
}

// A Gate is the evidence of one gate of a launch.
//
// Its e-process is the boosted CB for as long as the counts are not
// overdispersed. Once phi first exceeds 1.2 it goes on as the CB tempered by
// phi, from the lesser of the two values, and never switches back. A gate whose
// ticks have no Buckets uses the Phi of its specification, or 1.
//
// What is not here yet: the robust form over buckets, which where it exists is
// averaged with the tempered one and stands alone where Phi is unknown.
type Gate struct {
	name   string
	weight float64 // 0 where the gate has a level of its own
	level  float64 // of the gate alone: alpha times weight, or its own
	phi    float64
	cb     *CB // nil once the gate is frozen
	s      gateState
}

// gateState is what a gate carries beside its CB.
type gateState struct {
	Spread *Dispersion `json:"spread,omitempty"`
	// Tempered is whether phi ever exceeded the threshold; Offset, never above
	// 0, is what the tempered form was above the boosted one at that tick.
	Tempered bool    `json:"tempered,omitempty"`
	Offset   float64 `json:"offset,omitempty"`
	Reached  bool    `json:"reached,omitempty"`
	// Frozen is the value at which an amendment removed the gate.
	Frozen *float64 `json:"frozen,omitempty"`
}

const (
	// temperAbove is the phi that noise alone seldom reaches over 20 buckets.
	temperAbove = 1.2
	// asymptotic is the factor of forms whose level holds only in the limit.
	asymptotic = 0.7
	// rounding absorbs the last bits where a value is compared with a limit
	// that it was made to equal.
	rounding = 1e-12
)

// newGate makes the gate of a launch whose error level is alpha; the weight is
// settled, and 0 only where the gate has a level of its own.
func newGate(spec GateSpec, alpha float64) (*Gate, error) {
	level := spec.Level
	if level == 0 {
		level = alpha * spec.Weight
	}
	if spec.Name == "" {
		return nil, fmt.Errorf("a gate has no name")
	}
	if !(level > 0 && level < 1) {
		return nil, fmt.Errorf("gate %s: level %g is not between 0 and 1", spec.Name, level)
	}
	if spec.Phi < 0 || math.IsNaN(spec.Phi) || math.IsInf(spec.Phi, 0) {
		return nil, fmt.Errorf("gate %s: phi %g is not an overdispersion", spec.Name, spec.Phi)
	}
	spec.Ratio.Limit = -math.Log(level)
	cb, err := NewCB(spec.Ratio)
	if err != nil {
		return nil, fmt.Errorf("gate %s: %w", spec.Name, err)
	}
	return &Gate{name: spec.Name, weight: spec.Weight, level: level, phi: spec.Phi, cb: cb}, nil
}

// Fold counts one tick, as CB.Fold does.
func (g *Gate) Fold(t Tick, m Moment) (bool, error) {
	if g.cb == nil {
		return false, fmt.Errorf("gate %s was removed from the launch", g.name)
	}
	counted, err := g.cb.Fold(t, m)
	if !counted {
		return false, err
	}
	if t.Buckets != nil {
		if g.s.Spread == nil {
			g.s.Spread = new(Dispersion)
		}
		g.s.Spread.Add(*t.Buckets)
	}
	g.temper()
	g.s.Reached = g.s.Reached || g.LogE() >= g.Limit()-rounding
	return true, nil
}

// temper switches the gate over at the first tick that shows overdispersion.
func (g *Gate) temper() {
	phi := g.Phi()
	if g.s.Tempered || phi <= temperAbove {
		return
	}
	g.s.Tempered = true
	g.s.Offset = min(0, g.cb.LogBoosted()-g.cb.LogE()/phi)
}

// LogE is the logarithm of the gate's e-process as it enters the launch. A
// tempered gate is multiplied by 0.7, because its level holds only
// asymptotically.
func (g *Gate) LogE() float64 {
	switch {
	case g.s.Frozen != nil:
		return *g.s.Frozen
	case g.s.Tempered:
		return math.Log(asymptotic) + g.cb.LogE()/g.Phi() + g.s.Offset
	}
	return g.cb.LogBoosted()
}

// Phi is the overdispersion of the gate's counts: the greatest of 1, what was
// learnt before first exposure, and what the buckets have shown since.
func (g *Gate) Phi() float64 {
	phi := max(1, g.phi)
	if g.s.Spread != nil {
		phi = max(phi, g.s.Spread.Phi())
	}
	return phi
}

// Limit is the LogE at which this gate alone reaches the limit: that of the
// launch, ln(1/(alpha w)), or that of its own level.
func (g *Gate) Limit() float64 { return -math.Log(g.level) }

// Reached reports whether the gate alone ever reached its limit. It stays true:
// evidence that later fades was evidence all the same.
func (g *Gate) Reached() bool { return g.s.Reached }

// ShareOfLimit is E over the E at which the gate alone would reach its limit,
// from 0 to 1: "evidence 3 % of limit".
func (g *Gate) ShareOfLimit() float64 { return min(1, math.Exp(g.LogE()-g.Limit())) }

// CouldHaveSeen reports whether the information of the present step suffices
// for silence to mean something: only then may a gate pass.
func (g *Gate) CouldHaveSeen() bool {
	return g.cb != nil && g.cb.Information() >= reach*g.Limit()
}

// Ratio estimates the rate ratio of on to off with a confidence sequence of
// error alpha, widened by the overdispersion; see CB.Ratio.
func (g *Gate) Ratio(alpha float64) Ratio {
	if g.cb == nil {
		return Ratio{}
	}
	return g.cb.Ratio(alpha, g.Phi())
}

// CB is the conditional binomial of the gate, to be read; nil once the gate was
// removed. Ticks are folded through the gate.
func (g *Gate) CB() *CB { return g.cb }

// Name is the gate's name in the plan.
func (g *Gate) Name() string { return g.name }

// Weight is the gate's share of the error budget, 0 where it has its own level.
func (g *Gate) Weight() float64 { return g.weight }

// Frozen reports whether an amendment removed the gate.
func (g *Gate) Frozen() bool { return g.s.Frozen != nil }

// freeze keeps the value and lets go of what it was made from.
func (g *Gate) freeze() {
	value := g.LogE()
	g.s = gateState{Frozen: &value, Reached: g.s.Reached}
	g.cb, g.phi = nil, 0
}
