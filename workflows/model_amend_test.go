package workflows_test

import (
	"slices"

	"github.com/rampart-dev/rampart"
)

// amendments are what people make of a plan: with less consent, with more, with
// shorter holds, other stages, other exposures. Some of them are refused.
var amendments = []func(p *rampart.Plan, i int){
	func(p *rampart.Plan, _ int) { // nobody need consent any more
		for i := range p.Stages {
			p.Stages[i].Approvals = &rampart.Approvals{}
		}
	},
	func(p *rampart.Plan, i int) { p.Stages[i].Approvals = &rampart.Approvals{} },
	func(p *rampart.Plan, i int) { p.Stages[i].Approvals = &rampart.Approvals{Count: 2} },
	func(p *rampart.Plan, i int) { p.Stages[i].Approvals = &rampart.Approvals{Groups: []string{"product"}} },
	func(p *rampart.Plan, _ int) { // every hold is shorter
		for i := range p.Stages {
			for j := range p.Stages[i].Steps {
				p.Stages[i].Steps[j].Hold = minutes(2)
			}
		}
	},
	func(p *rampart.Plan, i int) { p.Stages = slices.Delete(p.Stages, i, i+1) },
	func(p *rampart.Plan, i int) { // the stage goes as high as the one after it
		if i+1 < len(p.Stages) {
			p.Stages[i].Steps[len(p.Stages[i].Steps)-1].Percent = highest(p.Stages[i+1])
		}
	},
	func(p *rampart.Plan, i int) { p.Stages[i].Steps = p.Stages[i].Steps[len(p.Stages[i].Steps)-1:] },
	func(p *rampart.Plan, i int) {
		p.Stages[i].Include = append(slices.Clone(p.Stages[i].Include), rampart.Rule{Attribute: "staff", In: []string{"yes"}})
	},
	func(p *rampart.Plan, i int) {
		limit := 1.0
		p.Stages[i].Gates = []rampart.Gate{{Name: "extra", Threshold: &rampart.Threshold{Query: "extra", Max: &limit}, OnBreach: &rampart.Policy{Action: rampart.ActTurnBack}}}
	},
	func(p *rampart.Plan, _ int) { p.Requires, p.Calendar = nil, nil },
	func(p *rampart.Plan, i int) { // a way round the approvals of a stage: a new one before it, as high
		if s := p.Stages[i]; s.Phase != rampart.Phases[0] && (i == 0 || p.Stages[i-1].Phase.Index() < s.Phase.Index()-1) {
			s.Phase, s.Approvals, s.Include, s.Gates = rampart.Phases[s.Phase.Index()-1], &rampart.Approvals{}, nil, nil
			s.Steps = []rampart.Step{{Percent: highest(p.Stages[i]), Hold: minutes(2)}}
			p.Stages = slices.Insert(p.Stages, i, s)
		}
	},
}

// amend asks the launch to go on by another plan.
func (x *telling) amend(d deed, who string) {
	next := x.law.walks()
	next.Stages = slices.Clone(next.Stages)
	for i := range next.Stages {
		next.Stages[i].Steps = slices.Clone(next.Stages[i].Steps)
	}
	amendments[d.detail%len(amendments)](&next, d.stage%len(next.Stages))
	if len(next.Stages) == 0 {
		return
	}
	next = next.WithDefaults()
	x.UpdateWorkflow(rampart.UpdateAmend, "", &wish{done: func() { x.law.amends(next, who) }}, rampart.Amendment{Plan: next, By: who, Reason: "as agreed"})
}

func (l *law) walks() rampart.Plan {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.plan
}
