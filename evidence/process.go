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
	switch {
	case s.Line != nil:
		return NewLine(*s.Line)
	case s.Mean != nil:
		return NewMean(*s.Mean)
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

// Mean is the process of a gate on a mean per unit; otherwise nil.
func (g *Gate) Mean() *Mean {
	m, _ := g.own.(*Mean)
	return m
}

// FoldMean counts one tick of a gate on a mean per unit, as [Mean.Fold] does.
func (g *Gate) FoldMean(t MeanTick, at Moment) (bool, error) {
	m := g.Mean()
	if m == nil {
		return false, fmt.Errorf("gate %s has no mean, or was removed from the launch", g.name)
	}
	return g.noted(m.Fold(t, at))
}

// Samples tells what was counted since first exposure: of a gate with parts, by the
// part that CB returns; of a mean, units only.
func (g *Gate) Samples() Samples {
	switch own := g.own.(type) {
	case *Line:
		return own.Samples()
	case *Mean:
		return own.Samples()
	}
	if cb := g.CB(); cb != nil {
		return cb.Samples()
	}
	return Samples{}
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
	into.Line, into.Mean = g.Line(), g.Mean()
}

// process is the one that was stored, or nil.
func (s storedGate) process() process {
	switch {
	case s.Line != nil:
		return s.Line
	case s.Mean != nil:
		return s.Mean
	}
	return nil
}
