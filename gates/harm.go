package gates

import "time"

// Harm is what a launch did, as far as its gates can tell: the figures of a receipt.
type Harm struct {
	Since time.Time `json:"since,omitzero"`  // when harm began, by estimate; zero where nothing points to it
	Bad   float64   `json:"bad,omitempty"`   // bad events since then, where they were counted: of the on arm, or of all where all are harmed
	Units float64   `json:"units,omitempty"` // units of both arms since first exposure
}

// Harm returns the figures for the gate of that name: the one that was breached.
func (s *State) Harm(name string) Harm {
	var h Harm
	for k, g := range s.Gates {
		if s.Evidence != nil {
			if known := s.Evidence.Gate(k); known != nil {
				n := known.Samples()
				h.Units = max(h.Units, n.N1+n.N0)
			}
		}
		if nameOf(k) == name {
			h.Since, h.Bad = g.harm()
		}
	}
	return h
}

func (g *gate) harm() (since time.Time, bad float64) {
	at := int64(0)
	switch best := g.Onset.best(); {
	case best != nil:
		at, bad = best.Since, best.X1
	case g.Out.Since != 0:
		at = g.Out.Since
	case g.Probed != nil && g.Probed.Failing != 0:
		at = g.Probed.Failing
	}
	if quiet := max(g.Arrivals.On.Quiet, g.Arrivals.Off.Quiet, g.Arrivals.Any.Quiet); at == 0 && quiet > 0 {
		at = g.Arrivals.Heard - quiet
	}
	if at == 0 {
		return time.Time{}, 0
	}
	return time.UnixMilli(at), bad
}
