package evidence

import "fmt"

// A process is the evidence of a gate that is not the comparison of a ratio.
type process interface {
	// LogE is ln E as it enters the launch, with every factor that it has to pay.
	LogE() float64
	// Phi is the overdispersion that was seen, at least 1.
	Phi() float64
	// Information is what the present step could have seen, in nats.
	Information() float64
}

// newProcess makes the process of a gate whose specification names one, and
// returns nil where it names none.
func (s GateSpec) newProcess() (process, error) {
	if s.Line != nil {
		return NewLine(*s.Line)
	}
	return nil, nil
}

// Line is the process of a gate that has an absolute line; otherwise nil.
func (g *Gate) Line() *Line {
	l, _ := g.own.(*Line)
	return l
}

// FoldLine counts one tick of a gate that has an absolute line, as [Line.Fold] does.
func (g *Gate) FoldLine(t Tick, m Moment) (bool, error) {
	l := g.Line()
	if l == nil {
		return false, fmt.Errorf("gate %s has no line, or was removed from the launch", g.name)
	}
	return g.noted(l.Fold(t, m))
}

// noted remembers that the gate reached its limit.
func (g *Gate) noted(counted bool, err error) (bool, error) {
	if counted {
		g.s.Reached = g.s.Reached || g.LogE() >= g.Limit()-rounding
	}
	return counted, err
}

// store puts the process of a gate where it is written, by its kind.
func (g *Gate) store(into *storedGate) {
	if own, ok := g.own.(*Line); ok {
		into.Line = own
	}
}

// process is the one that was stored, or nil.
func (s storedGate) process() process {
	if s.Line != nil {
		return s.Line
	}
	return nil
}
