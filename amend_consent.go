package rampart

import "slices"

// inherit gives each stage that is yet to be entered the approvals that stood, in the
// plan before, in the way of whom it exposes.
func (a *amender) inherit(plan *Plan) bool {
	owed := a.entered + 1 // the first stage of the plan before whose approvals nobody has inherited
	for i := a.entered + 1; i < len(plan.Stages); i++ {
		s := &plan.Stages[i]
		upTo := a.covers(exposes(*plan, i))
		for t := range a.was.Stages {
			if a.was.Stages[t].Phase == s.Phase {
				upTo = max(upTo, t)
			}
		}
		if i == len(plan.Stages)-1 {
			upTo = len(a.was.Stages) - 1 // after this one everybody is exposed
		}
		for ; owed <= upTo; owed++ {
			s.Approvals = stricter(s.Approvals, a.was.Stages[owed].Approvals)
		}
	}
	for ; owed < len(a.was.Stages); owed++ {
		if t := a.was.Stages[owed]; t.Approvals.Needed() > 0 {
			a.wrong("stages", "keep it; its steps may be shorter", "leaves out %s, and with it the consent that the launch still needs", t.Phase)
		}
	}
	return len(a.found) == 0
}

// covers returns the first stage of the plan before by whose end everybody was
// exposed whom e exposes; where there is none, the last.
func (a *amender) covers(e exposure) int {
	for t := max(a.entered, 0); t < len(a.was.Stages); t++ {
		if a.entered < 0 && e.percent == 0 && len(e.include) == 0 {
			return -1
		}
		if e.within(exposes(a.was, t)) {
			return t
		}
	}
	return len(a.was.Stages) - 1
}

// An exposure is whom a plan has exposed by the end of a stage.
type exposure struct {
	percent        Percent
	include, where []Rule
}

func exposes(p Plan, stage int) exposure {
	e := exposure{where: p.Stages[stage].Where}
	for _, s := range p.Stages[:stage+1] {
		e.percent = max(e.percent, s.highest())
		e.include = append(e.include, s.Include...)
	}
	return e
}

// within reports whether o exposes everybody whom e exposes. It may say no where only
// the contents of segments could show it.
func (e exposure) within(o exposure) bool {
	if slices.ContainsFunc(e.include, func(r Rule) bool { return !covered(r, o.include) }) {
		return false
	}
	return e.percent == 0 || e.percent <= o.percent && widens(e.where, o.where)
}

// stricter returns approvals that satisfy both.
func stricter(a, b *Approvals) *Approvals {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	out := Approvals{Count: max(a.Count, b.Count), Groups: slices.Clone(a.Groups), Expire: a.Expire}
	for _, g := range b.Groups {
		if !slices.Contains(out.Groups, g) {
			out.Groups = append(out.Groups, g)
		}
	}
	if len(out.Groups) > 0 && out.Count <= len(out.Groups) {
		out.Count = 0 // one person of each group is as many
	}
	if out.Expire == 0 || b.Expire > 0 && b.Expire < out.Expire {
		out.Expire = b.Expire
	}
	return &out
}
