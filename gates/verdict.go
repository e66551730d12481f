package gates

import "github.com/rampart-dev/rampart"

// conclude reads the verdict off the state. It changes nothing.
func (s *State) conclude(look Look) rampart.Verdict {
	all := rampart.Verdict{Word: rampart.NotApplicable, At: look.tick()}
	var worst action
	for _, spec := range look.Gates {
		v := s.verdict(look, spec)
		all.Gates = append(all.Gates, v)
		word := effect(look, v)
		graver := word == rampart.Breach && gravity(v.Action) > worst
		if all.Gate == "" || word.WorseThan(all.Word) || word == all.Word && graver {
			all.Word, all.Gate, all.Reason = word, v.Gate, v.Reason
			worst = gravity(v.Action)
		}
	}
	return all
}

func (s *State) verdict(look Look, spec rampart.Gate) rampart.GateVerdict {
	v := rampart.GateVerdict{Gate: spec.Name, Kind: spec.Kind(), Action: actionOf(spec)}
	g := s.Gates[key(spec)]
	if g == nil { // a tick that was judged before the gate was amended in
		v.Word, v.Reason = rampart.Holding, spec.Name+" has not been looked at yet"
		return v
	}
	switch g.Seen {
	case missing:
		v.Word, v.Reason = rampart.NoData, spec.Name+": "+g.Why
		return v
	case silence:
		v.Word, v.Reason = rampart.Blind, spec.Name+": "+g.Why
		return v
	}
	switch spec.Kind() {
	case rampart.KindThreshold:
		g.threshold(look, spec, &v)
	}
	return v
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

// An action by how much it takes back: of two breaches the graver is named.
type action int

func gravity(a rampart.Action) action {
	switch a {
	case rampart.ActTurnBack:
		return 4
	case rampart.ActStepBack:
		return 3
	case rampart.ActHold:
		return 2
	}
	return 1
}
