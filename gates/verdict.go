package gates

import "github.com/rampart-dev/rampart"

// conclude reads the verdict off the state. It changes nothing.
func (s *State) conclude(look Look) rampart.Verdict {
	all := rampart.Verdict{Word: rampart.NotApplicable, At: look.tick()}
	worst := -1
	for _, spec := range look.Gates {
		v := s.verdict(look, spec)
		all.Gates = append(all.Gates, v)
		word := effect(look, v)
		graver := word == rampart.Breach && all.Word == rampart.Breach && gravity(v.Action) > worst
		if all.Gate == "" || word.WorseThan(all.Word) || graver {
			all.Word, all.Gate, all.Reason = word, v.Gate, v.Reason
			worst = gravity(v.Action)
		}
	}
	s.hold(&all)
	all.Decision, all.Recommended = s.decision(look, all), s.recommended(look)
	return all
}

// verdict reads that of one gate off the state.
func (s *State) verdict(look Look, spec rampart.Gate) rampart.GateVerdict {
	v := rampart.GateVerdict{Gate: spec.Name, Kind: spec.Kind(), Action: actionOf(spec)}
	g, known := s.Gates[key(spec)]
	switch {
	case evident(spec) && s.broken(spec): // evidence stays, even where nothing was seen since
		s.charge(look, spec, &v)
	case !look.asks(spec):
		v.Word, v.Reason = rampart.NotApplicable, spec.Name+": one arm is empty by plan"
	case !known: // amended in at a tick that was judged before
		v.Word, v.Reason = rampart.Holding, spec.Name+" has not been looked at yet"
	case g.Seen == missing:
		v.Word, v.Reason = rampart.NoData, spec.Name+": "+g.Why
		g.Arrivals.stopped(look, &v)
		if g.Ails != "" {
			v.Reason += ": " + g.Ails
		}
	case g.Seen == silence:
		v.Word, v.Reason = rampart.Blind, spec.Name+": "+g.Why
	default:
		s.read(look, spec, g, &v)
	}
	if evident(spec) {
		s.display(look, spec, &v)
	}
	return v
}

// read fills in the verdict on a gate that was seen at the last look.
func (s *State) read(look Look, spec rampart.Gate, g *gate, v *rampart.GateVerdict) {
	switch {
	case spec.Threshold != nil:
		g.threshold(look, spec.Name, *spec.Threshold, v)
	case spec.Trend != nil:
		g.risen(look, spec.Name, *spec.Trend, v)
	case spec.Probe != nil:
		g.well(look, spec.Name, *spec.Probe, v)
	case spec.Latency != nil && !g.Tail.fixed():
		g.unfixed(look, spec.Name, v)
	case spec.Objective != nil:
		s.served(look, spec, g, v)
	case spec.Mean != nil:
		s.averaged(look, spec, v)
	case spec.Baseline != nil:
		g.changed(look, spec.Name, v)
	default:
		s.compared(look, spec, v)
	}
}

// effect returns what a gate's verdict counts for in that of the launch. A gate
// that only notifies has no say: it neither turns anything back nor holds it up.
func effect(look Look, v rampart.GateVerdict) rampart.Word {
	if v.Action != rampart.ActNotify || v.Word == rampart.NotApplicable {
		return v.Word
	}
	if look.HoldOver {
		return rampart.Pass
	}
	return rampart.Holding
}

func actionOf(g rampart.Gate) rampart.Action {
	if g.OnBreach == nil || g.OnBreach.Action == "" {
		return rampart.ActTurnBack
	}
	return g.OnBreach.Action
}

// gravity orders actions by how much they take back: of two breaches the graver
// one is named.
func gravity(a rampart.Action) int {
	switch a {
	case rampart.ActTurnBack:
		return 3
	case rampart.ActStepBack:
		return 2
	case rampart.ActHold:
		return 1
	}
	return 0
}
