package rampart

import (
	"encoding/json"
	"slices"
	"time"
)

const day = Duration(24 * time.Hour)

// What a plan gets where it says nothing.
const (
	DefaultEnvironment = "production"
	DefaultEvery       = Duration(30 * time.Second)
	DefaultAlpha       = Percent(500) // 5 % for the whole launch, over all its gates and looks
	DefaultBake        = day          // one daily peak with everybody exposed
	DefaultExpressHold = Duration(time.Hour)
	DefaultLeaseWarn   = Duration(5 * time.Minute)
	DefaultBlindAfter  = Duration(15 * time.Minute)
	DefaultParachute   = Duration(75 * time.Second) // longer than a reader that died counts as there, which is a minute
	DefaultCoolDown    = Duration(time.Hour)

	DefaultProbeInterval = Duration(10 * time.Second)
	DefaultProbeTimeout  = Duration(3 * time.Second)
	DefaultProbeFailures = 3

	// BudgetReserve is the share of the error budget that is kept for gates which
	// an amendment adds.
	BudgetReserve = 0.1
)

// WithDefaults returns the plan with everything said that it leaves open. It
// changes nothing that the plan says, and a second time it changes nothing at all.
// The plan it is called on stays as it was.
func (p Plan) WithDefaults() Plan {
	p.Environment = or(p.Environment, DefaultEnvironment)
	p.Type = or(p.Type, Release)
	p.Unit = or(p.Unit, User)
	p.Every = or(p.Every, DefaultEvery)
	p.Alpha = or(p.Alpha, DefaultAlpha)
	if len(p.Values) == 0 {
		p.Values = []json.RawMessage{json.RawMessage("false"), json.RawMessage("true")}
	}
	if p.Profile == "" && len(p.Stages) == 0 {
		p.Profile = Standard
	}
	p.Stages = p.stagesWithDefaults()
	p.Gates = p.gatesWithDefaults()
	p.Finish = p.finishWithDefaults()
	p.Calendar = p.calendarWithDefaults()
	p.Lease = p.leaseWithDefaults()
	p.Parachute = p.parachuteWithDefaults()
	p.OnBlind = p.onBlindWithDefaults()
	p.shareBudget()
	return p
}

// StandardStages returns the five stages of a plan that names none.
func StandardStages() []Stage {
	stages := make([]Stage, len(Phases))
	for i, phase := range Phases {
		stages[i] = Stage{Phase: phase}.withDefaults()
	}
	return stages
}

// StandardGates returns the gates of a plan that has none: errors and latency of
// the on arm against the off arm, and the errors of all arms together against an
// absolute line, which also sees what both arms suffer from.
func StandardGates() []Gate {
	const requests, failed = "rampart_requests_total", `rampart_requests_total{outcome="error"}`
	return []Gate{
		{Name: "errors", Ratio: &Ratio{Events: failed, Of: requests}},
		{Name: "latency", Latency: &Latency{Histogram: "rampart_request_duration_seconds"}},
		{Name: "overall", Objective: &Objective{Events: failed, Of: requests, Good: 9900}},
	}
}

func (p Plan) stagesWithDefaults() []Stage {
	if len(p.Stages) == 0 && p.Profile == Express {
		everybody := []Step{{Percent: Full, Hold: DefaultExpressHold}}
		return []Stage{Stage{Phase: MaxPowerRamp, Steps: everybody}.withDefaults()}
	}
	if len(p.Stages) == 0 {
		return StandardStages()
	}
	stages := make([]Stage, len(p.Stages))
	for i, s := range p.Stages {
		stages[i] = s.withDefaults()
	}
	return stages
}

func (s Stage) withDefaults() Stage {
	if len(s.Steps) == 0 {
		s.Steps = standardSteps(s.Phase)
	}
	if s.Phase == TestInProduction && len(s.Include) == 0 && s.highest() == 0 {
		s.Include = []Rule{{Segment: "internal"}}
	}
	if s.Approvals == nil && (s.Phase == MaxPowerRamp || s.Phase == Scalability) {
		s.Approvals = &Approvals{Count: 1}
	}
	s.OnBreach = s.OnBreach.withDefaults()
	if s.OnBreach == nil {
		s.OnBreach = &Policy{Action: ActTurnBack}
	}
	s.Gates = gatesWithDefaults(s.Gates)
	return s
}

func standardSteps(phase Phase) []Step {
	switch phase {
	case TestInProduction:
		return []Step{{Percent: 0, Hold: 2 * day}}
	case Debug:
		return []Step{{Percent: 100, Hold: day}, {Percent: 500, Hold: day}, {Percent: 1000, Hold: day}}
	case MaxPowerRamp:
		return []Step{{Percent: 5000, Hold: 7 * day}}
	case Scalability:
		return []Step{{Percent: 7500, Hold: day}}
	case Learning:
		return []Step{{Percent: 9500, Hold: 30 * day}}
	}
	return nil
}

// highest returns the highest share that the stage exposes by bucket.
func (s Stage) highest() Percent {
	var most Percent
	for _, st := range s.Steps {
		most = max(most, st.Percent)
	}
	return most
}

func (p *Policy) withDefaults() *Policy {
	if p == nil || p.Action != ActStepBack {
		return p
	}
	c := *p
	c.CoolDown = or(c.CoolDown, DefaultCoolDown)
	c.Attempts = or(c.Attempts, 1)
	return &c
}

func (p Plan) gatesWithDefaults() []Gate {
	if len(p.Gates) > 0 {
		return gatesWithDefaults(p.Gates)
	}
	if p.Profile == Express { // nobody is off, so gates that compare could never be asked
		return slices.DeleteFunc(StandardGates(), Gate.Compares)
	}
	return StandardGates()
}

func gatesWithDefaults(gates []Gate) []Gate {
	gates = slices.Clone(gates) // weights are written into them
	for i := range gates {
		g := &gates[i]
		g.OnBreach = g.OnBreach.withDefaults()
		if g.Baseline != nil && g.OnBreach == nil {
			g.OnBreach = &Policy{Action: ActHold} // it has no stated rate of false alarms a launch
		}
		if g.Probe != nil {
			c := *g.Probe
			c.Interval = or(c.Interval, DefaultProbeInterval)
			c.Timeout = or(c.Timeout, min(DefaultProbeTimeout, max(c.Interval, Duration(time.Second))))
			c.Failures = or(c.Failures, DefaultProbeFailures)
			g.Probe = &c
		}
	}
	return gates
}

func (p Plan) finishWithDefaults() *Finish {
	if p.Finish == nil && p.Profile == Express && p.Stages[0].highest() == Full { // its only step has watched everybody
		return &Finish{Percent: Full}
	}
	if p.Finish == nil {
		return &Finish{Percent: Full, Bake: DefaultBake}
	}
	f := *p.Finish
	f.Percent = or(f.Percent, Full)
	return &f
}

func (p Plan) calendarWithDefaults() *Calendar {
	if p.Calendar == nil {
		return nil
	}
	c := *p.Calendar
	c.Zone = or(c.Zone, "UTC")
	return &c
}

func (p Plan) leaseWithDefaults() *Lease {
	if p.Lease == nil {
		return nil
	}
	l := *p.Lease
	l.Warn = or(l.Warn, p.LeaseWarn())
	return &l
}

func (p Plan) parachuteWithDefaults() *Parachute {
	if p.Parachute == nil {
		return &Parachute{Share: Full, Wait: DefaultParachute}
	}
	c := *p.Parachute // a share of 0 is meant: nobody need confirm
	c.Wait = or(c.Wait, DefaultParachute)
	return &c
}

func (p Plan) onBlindWithDefaults() *BlindPolicy {
	b := BlindPolicy{}
	if p.OnBlind != nil {
		b = *p.OnBlind
	}
	b.Action = or(b.Action, ActHold)
	b.After = or(b.After, DefaultBlindAfter)
	return &b
}

// LeaseFor returns how long the exposure of a stage may outlive its guard; 0 means
// for as long as it likes. The last watch, after the stages, is the zero Stage: by
// then the feature has earned its place, as it has in learning.
func LeaseFor(p Plan, s Stage, exposure Percent) Duration {
	switch {
	case s.Phase == "" || s.Phase == Learning:
		return 0
	case p.Lease != nil && p.Lease.End > 0:
		return p.Lease.End
	case exposure <= 1000:
		return Duration(time.Hour)
	}
	return Duration(6 * time.Hour)
}

// LeaseWarn returns how long the guard may be silent before it is reported.
func (p Plan) LeaseWarn() Duration {
	if p.Lease == nil {
		return DefaultLeaseWarn
	}
	if p.Lease.Warn == 0 && p.Lease.End > 0 {
		return min(DefaultLeaseWarn, p.Lease.End/2)
	}
	return or(p.Lease.Warn, DefaultLeaseWarn)
}

// DetectAt returns the rate ratio that a pass of the gate must have been able to
// see at an exposure: gross harm while few are exposed, finer harm later. What an
// objective must see is twice its line, whoever is exposed.
func (g Gate) DetectAt(exposure Percent) float64 {
	switch {
	case g.Detect > 0:
		return g.Detect
	case exposure <= 1000 || g.Objective != nil:
		return 2
	}
	return 1.25
}

// or returns v, or instead where v is the zero value.
func or[T comparable](v, instead T) T {
	var zero T
	if v == zero {
		return instead
	}
	return v
}
