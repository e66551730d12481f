package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/ledger"
)

const errorsGate = "errors"

// newPlan makes a plan that is walked in about a minute and a half where all goes well: ten to
// ninety percent, and then the holdout.
func newPlan(flag string, chance *rand.Rand) rampart.Plan {
	const requests, failed = "rampart_requests_total", `rampart_requests_total{outcome="error"}`
	hold := func() rampart.Duration {
		return rampart.Duration(9*time.Second + time.Duration(chance.IntN(3000))*time.Millisecond)
	}
	step := func(percent rampart.Percent) rampart.Step { return rampart.Step{Percent: percent, Hold: hold()} }
	lease := rampart.Lease{Warn: rampart.Duration(30 * time.Second), End: rampart.Duration(2 * time.Minute)}
	if chance.IntN(3) == 0 { // one that ends where all workers are gone
		lease = rampart.Lease{Warn: rampart.Duration(4 * time.Second), End: rampart.Duration(10 * time.Second)}
	}
	consent := &rampart.Approvals{Count: 1 + chance.IntN(2)}
	if chance.IntN(3) == 0 {
		consent = &rampart.Approvals{Groups: []string{"product", "engineering"}}
	}
	if chance.IntN(4) == 0 { // then it is held, and somebody must ask again
		consent.Expire = rampart.Duration(5 * time.Second)
	}
	breach := &rampart.Policy{Action: rampart.ActTurnBack}
	if chance.IntN(3) == 0 {
		breach = &rampart.Policy{Action: rampart.ActStepBack, CoolDown: rampart.Duration(4 * time.Second), Attempts: 1 + chance.IntN(2)}
	}
	return rampart.Plan{
		Flag: flag, Owner: "team-chaos", Purpose: "See what breaks", Environment: environment, RetireBy: "2099-12-31",
		Every: rampart.Duration(time.Second), Lease: &lease,
		Parachute: &rampart.Parachute{Share: 6000, Wait: rampart.Duration(5 * time.Second)},
		Gates: []rampart.Gate{
			{Name: errorsGate, Ratio: &rampart.Ratio{Events: failed, Of: requests}, Detect: 3, OnBreach: breach},
			{Name: "overall", Objective: &rampart.Objective{Events: failed, Of: requests, Good: 7500}},
		},
		Stages: []rampart.Stage{
			{Phase: rampart.Debug, Steps: []rampart.Step{step(1000), step(2500)}},
			{Phase: rampart.MaxPowerRamp, Approvals: consent, Steps: []rampart.Step{step(5000)}},
			{Phase: rampart.Scalability, Approvals: &rampart.Approvals{Count: 1}, Steps: []rampart.Step{step(7500)}},
			{Phase: rampart.Learning, Objectives: []string{"Nobody leaves"}, Steps: []rampart.Step{step(9000)}},
		},
		Finish: &rampart.Finish{Percent: rampart.Full, Bake: hold()},
	}.WithDefaults()
}

// amend returns another plan: half becomes less, and nobody would have to consent to
// it, so that what was asked for before must still be.
func amend(p rampart.Plan, chance *rand.Rand) rampart.Plan {
	p.Stages = slices.Clone(p.Stages)
	for i := range p.Stages {
		s := &p.Stages[i]
		if s.Phase != rampart.MaxPowerRamp {
			continue
		}
		s.Steps = []rampart.Step{{Percent: amended, Hold: s.Steps[0].Hold}}
		s.Approvals = &rampart.Approvals{}
		if chance.IntN(2) == 0 {
			s.Approvals = &rampart.Approvals{Count: 3}
		}
	}
	return p
}

// A plot is what people are going to do to one launch.
type plot struct {
	what  string
	cause ledger.Cause  // of what ends it; empty: nothing does
	rung  int           // on which it happens; of a rejection: the stage whose consent is refused
	delay time.Duration // after the launch was seen there
	pause bool          // it is paused now and then
	amend bool          // its plan is amended on the way
}

// plots are what can happen, by weight.
var plots = []struct {
	weight int
	what   string
	cause  ledger.Cause
}{
	{9, "is left alone", ""},
	{7, "breaks", ""},
	{5, "is killed", ledger.ByKill},
	{4, "is turned back", ledger.ByTurnBack},
	{2, "is rejected", ledger.ByReject},
	{2, "is cancelled", ledger.ByCancel},
	{2, "gets a kill signal", ledger.BySignal},
	{3, "is terminated", ledger.ByTerminate},
}

// newPlot chooses what happens. The first launches, before anything is broken, have
// one of each of the ways back.
func newPlot(first int, chance *rand.Rand) plot {
	p := plot{rung: chance.IntN(5), delay: time.Duration(chance.IntN(2500)) * time.Millisecond, pause: chance.IntN(4) == 0, amend: chance.IntN(3) == 0}
	switch first % 4 {
	case 0:
		p.what = "breaks"
	case 1:
		p.what, p.cause = "is turned back", ledger.ByTurnBack
	case 2:
		p.what, p.cause = "is killed", ledger.ByKill
	case 3:
		p.what = "is left alone"
	default:
		p.what, p.cause = chosen(chance)
	}
	if p.cause == ledger.ByReject {
		p.rung = 2 + chance.IntN(2)
	}
	return p
}

func chosen(chance *rand.Rand) (string, ledger.Cause) {
	total := 0
	for _, x := range plots {
		total += x.weight
	}
	n := chance.IntN(total)
	for _, x := range plots {
		if n -= x.weight; n < 0 {
			return x.what, x.cause
		}
	}
	return plots[0].what, plots[0].cause
}

// breaks reports whether the on arm is made to fail.
func (p plot) breaks() bool { return p.what == "breaks" }
