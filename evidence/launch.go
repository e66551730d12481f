package evidence

import (
	"fmt"
	"math"
	"slices"
)

// DefaultReserve is the weight that a launch keeps for gates that an amendment
// adds.
const DefaultReserve = 0.1

// A Budget is the error budget of one launch, or of one attempt of it.
type Budget struct {
	// Alpha is the probability, at most, that a harmless launch is turned back
	// by evidence: over all gates, phases and looks. Zero means 5 %.
	Alpha float64
	// Retries is how often the plan may step back and try again. Each attempt is
	// a new Launch at Alpha / (Retries + 1), so that all of them together hold
	// Alpha.
	Retries int
}

// A Launch combines the e-processes of the gates of one attempt:
//
//	E = reserve + sum_k w_k E_k
//
// with weights fixed before the start that sum to 1. Averages of e-processes
// are e-processes under any dependence, so the launch is harmful, at error
// level alpha, as soon as E reaches 1/alpha. Source: Vovk and Wang, "E-values:
// calibration, combination and applications".
//
// Its life: NewLaunch, then for every tick Fold on each gate and one Look when
// all of them have it. Between any two calls it may be stored and read back.
type Launch struct {
	alpha   float64
	reserve float64
	gates   []*Gate
	reached *Look
}

// A Look is what the evidence of a launch came to after a tick.
type Look struct {
	// At is the tick, in Unix milliseconds.
	At int64 `json:"at"`
	// LogE is ln E of the launch; the limit is Launch.Limit.
	LogE float64 `json:"logE"`
	// Reached is whether this look, or one before it, reached the limit. The
	// other fields are then those of the first that did.
	Reached bool `json:"reached"`
	// Gate has the greatest share w_k E_k of E, and Share is that share, 0 to 1.
	Gate  string  `json:"gate"`
	Share float64 `json:"share"`
}

// NewLaunch starts an attempt. Weights that gates do not state share equally
// what the stated ones and the reserve of 0.1 leave; what nobody takes stays in
// the reserve. It is an error if stated weights leave too little, if names
// repeat, or if a gate's configuration would break the promise.
func NewLaunch(b Budget, gates ...GateSpec) (*Launch, error) {
	alpha, err := b.attempt()
	if err != nil {
		return nil, err
	}
	gates, reserve, err := settleWeights(gates)
	if err != nil {
		return nil, err
	}
	l := &Launch{alpha: alpha, reserve: reserve}
	for _, spec := range gates {
		if err := l.join(spec); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Gate returns the gate of that name that is still judged, or nil.
func (l *Launch) Gate(name string) *Gate {
	for _, g := range l.gates {
		if g.name == name && !g.Frozen() {
			return g
		}
	}
	return nil
}

// Gates returns all gates in the order in which they joined, the frozen ones
// included.
func (l *Launch) Gates() []*Gate { return slices.Clone(l.gates) }

// Look asks what the evidence has come to. Call it after every tick, once all
// gates have folded it: the looks between the gates of one tick are not covered
// by the error budget. The first look that reaches the limit is remembered.
func (l *Launch) Look(at int64) Look {
	if l.reached != nil {
		return *l.reached
	}
	look := Look{At: at, LogE: l.LogE()}
	look.Gate, look.Share = l.tripped(look.LogE)
	if look.LogE >= l.Limit()-rounding {
		look.Reached = true
		first := look
		l.reached = &first
	}
	return look
}

// LogE is ln E of the launch.
func (l *Launch) LogE() float64 {
	e := math.Log(l.reserve)
	for _, g := range l.gates {
		if g.weight > 0 {
			e = logAdd(e, math.Log(g.weight)+g.LogE())
		}
	}
	return e
}

// Limit is the LogE at which the launch is harmful: ln(1/alpha).
func (l *Launch) Limit() float64 { return -math.Log(l.alpha) }

// Alpha is the error level of this attempt.
func (l *Launch) Alpha() float64 { return l.alpha }

// Reserve is the weight that is left for gates yet to be added.
func (l *Launch) Reserve() float64 { return l.reserve }

// ShareOfLimit is E of the launch over 1/alpha, from 0 to 1.
func (l *Launch) ShareOfLimit() float64 { return min(1, math.Exp(l.LogE()-l.Limit())) }

// Add admits a gate in mid-launch. It starts at E = 1 with weight from the
// reserve; a weight of zero takes half of what is left there.
func (l *Launch) Add(spec GateSpec) error {
	if spec.Level == 0 && spec.Weight == 0 {
		spec.Weight = l.reserve / 2
	}
	if spec.Level == 0 && spec.Weight > l.reserve+rounding {
		return fmt.Errorf("gate %s: weight %g is more than the %g left in the reserve", spec.Name, spec.Weight, l.reserve)
	}
	if err := l.join(spec); err != nil {
		return err
	}
	if spec.Level == 0 {
		l.reserve = max(0, l.reserve-spec.Weight)
	}
	return nil
}

// Remove freezes a gate at its present value, which stays in the sum: evidence
// cannot be amended away. A changed gate is removed and added anew.
func (l *Launch) Remove(name string) error {
	g := l.Gate(name)
	if g == nil {
		return fmt.Errorf("no gate %s to remove", name)
	}
	g.freeze()
	return nil
}

func (b Budget) attempt() (float64, error) {
	if b.Alpha == 0 {
		b.Alpha = 0.05
	}
	if !(b.Alpha > 0 && b.Alpha < 1) {
		return 0, fmt.Errorf("error budget %g is not between 0 and 1", b.Alpha)
	}
	if b.Retries < 0 {
		return 0, fmt.Errorf("error budget: %d retries", b.Retries)
	}
	return b.Alpha / float64(b.Retries+1), nil
}

func settleWeights(gates []GateSpec) ([]GateSpec, float64, error) {
	gates = slices.Clone(gates)
	left, open := 1-DefaultReserve, 0
	for _, g := range gates {
		switch {
		case g.Weight < 0 || g.Weight > 1 || math.IsNaN(g.Weight):
			return nil, 0, fmt.Errorf("gate %s: weight %g is not between 0 and 1", g.Name, g.Weight)
		case g.Level != 0 && g.Weight != 0:
			return nil, 0, fmt.Errorf("gate %s has a weight and a level of its own", g.Name)
		case g.Level == 0 && g.Weight == 0:
			open++
		}
		left -= g.Weight
	}
	if left < -rounding || (open > 0 && left < 1e-3*float64(open)) {
		return nil, 0, fmt.Errorf("weights leave %.3g for %d gates without one and a reserve of %g", left, open, DefaultReserve)
	}
	for i := range gates {
		if gates[i].Level == 0 && gates[i].Weight == 0 {
			gates[i].Weight = left / float64(open)
		}
	}
	if open > 0 {
		left = 0
	}
	return gates, DefaultReserve + max(0, left), nil
}

func (l *Launch) join(spec GateSpec) error {
	if l.Gate(spec.Name) != nil {
		return fmt.Errorf("two gates are named %s", spec.Name)
	}
	g, err := newGate(spec, l.alpha)
	if err != nil {
		return err
	}
	l.gates = append(l.gates, g)
	return nil
}

// tripped names the gate with the greatest share of E.
func (l *Launch) tripped(logE float64) (name string, share float64) {
	for _, g := range l.gates {
		if g.weight == 0 {
			continue
		}
		if s := math.Exp(math.Log(g.weight) + g.LogE() - logE); s > share {
			name, share = g.name, s
		}
	}
	return name, share
}
