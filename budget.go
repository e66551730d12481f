package rampart

// Budgeted reports whether the gate is an e-process, and so can take a share of
// the launch's error budget. A baseline is statistical, but its rate of false
// alarms is one a time, not one a launch.
func (g Gate) Budgeted() bool { return g.Statistical() && g.Kind() != KindBaseline && g.Kind() != "" }

// shareBudget gives a weight to each gate that has none and whose breach takes
// exposure back. The weights and the reserve sum to 1. Up to four gates share
// evenly; of more, the first four, which the plan names first because they matter,
// get 0.2 each, and the others share what is left.
func (p *Plan) shareBudget() {
	given, open := 0.0, []*Gate(nil)
	for _, g := range p.spenders() {
		if g.Weight == 0 {
			open = append(open, g)
		}
		given += g.Weight
	}
	left := 1 - BudgetReserve - given
	if left <= 0 || len(open) == 0 {
		return // validation says that the weights exceed the budget
	}
	if given == 0 && len(open) > 4 {
		for _, g := range open[:4] {
			g.Weight = 0.2
		}
		open, left = open[4:], left-4*0.2
	}
	for _, g := range open {
		g.Weight = left / float64(len(open))
	}
}

// spenders returns the gates that can spend error budget: in the plan's order,
// those of every stage first. A gate that overrides another by name is a process of
// its own, so it spends for itself.
func (p *Plan) spenders() []*Gate {
	var all []*Gate
	for i := range p.Gates {
		if g := &p.Gates[i]; g.Budgeted() && p.takesBack(*g) {
			all = append(all, g)
		}
	}
	for i := range p.Stages {
		s := &p.Stages[i]
		for j := range s.Gates {
			if g := &s.Gates[j]; g.Budgeted() && takesBack(g.OnBreach, s.OnBreach) {
				all = append(all, g)
			}
		}
	}
	return all
}

// takesBack reports whether a breach of a plan's gate takes exposure back in any
// stage, or in the last watch, which has no policy of its own.
func (p *Plan) takesBack(g Gate) bool {
	if (!g.Compares() || p.Finish.Percent < Full) && takesBack(g.OnBreach, nil) {
		return true
	}
	for _, s := range p.Stages {
		if takesBack(g.OnBreach, s.OnBreach) {
			return true
		}
	}
	return false
}

func takesBack(gate, stage *Policy) bool {
	if gate == nil {
		gate = stage
	}
	return gate == nil || gate.Action == ActTurnBack || gate.Action == ActStepBack
}
