package gates

import (
	"fmt"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// lineOf is the share of units that an objective lets be bad.
func lineOf(o rampart.Objective) float64 { return (rampart.Full - o.Good).Share() }

// objective folds the counts of one tick into the evidence that the line is broken,
// and into the windows over which the error budget is spent. The first error says
// why there are none; the second is a defect.
func (g *gate) objective(look Look, s *State, spec rampart.Gate, saw sight) (none, fault error) {
	if none = failed(saw.counts); none != nil {
		return none, nil
	}
	events, units, began := saw.counts[0].Arms, saw.counts[1].Arms, g.Counted
	span := g.span(look)
	if none = g.Arrivals.any(look, saw.to, units); none != nil {
		return none, nil
	}
	t := together(look, events, units)
	if _, err := s.Evidence.Gate(key(spec)).FoldLine(t, s.moment(look, spec)); isImpossible(err) {
		return err, nil
	} else if err != nil {
		return nil, err
	}
	if g.Burn == nil {
		g.Burn = new(evidence.Burn)
	}
	if g.Onset == nil {
		g.Onset = new(onset)
	}
	g.Onset.exceed(t, began, lineOf(*spec.Objective))
	g.OnBad, g.OffBad = events["on"].Sum, events["off"].Sum
	return nil, g.burn(look, t, span)
}

// span is the time that is counted at this tick, and moves the count on to it. It is
// at most twice the time that was to pass between the two looks: what nobody looked
// at, or had no answer, is not time in which a budget was spent.
func (g *gate) span(look Look) time.Duration {
	from := g.Counted
	g.Counted = look.tick()
	if from == 0 {
		return look.Every
	}
	return min(time.Duration(g.Counted-from)*time.Millisecond, 2*look.pace)
}

// burn adds the tick to the windows, and notes the share of late that people are
// shown.
func (g *gate) burn(look Look, t evidence.Tick, span time.Duration) error {
	if err := g.Burn.Add(t, span); err != nil {
		return err
	}
	if bad, all := g.Burn.Over(ofLate(look)); all > 0 {
		g.Value = bad / all
	}
	return nil
}

// charge says what a gate is in breach for whose evidence reached its limit.
func (s *State) charge(look Look, spec rampart.Gate, v *rampart.GateVerdict) {
	switch {
	case spec.Objective != nil:
		s.exceeded(spec, v)
	case spec.Mean != nil:
		s.chargeMean(look, spec, v)
	default:
		s.accuse(spec, v)
	}
}

// display fills in what is shown of the evidence of a gate.
func (s *State) display(look Look, spec rampart.Gate, v *rampart.GateVerdict) {
	switch {
	case spec.Objective != nil:
		s.gate(spec).line(s.Evidence.Gate(key(spec)), v)
	case spec.Mean != nil:
		s.displayMean(look, spec, v)
	default:
		s.show(look, spec, v)
	}
}

// together is a tick of all units: those that are on, and all others, be they in the
// off arm, in no arm, or of counters that know no arms.
func together(look Look, events, units map[string]ArmCount) evidence.Tick {
	badOn, badElse := split(events)
	on, others := split(units)
	return evidence.Tick{
		At: look.tick(), X1: badOn.Sum, N1: on.Sum, X0: badElse.Sum, N0: others.Sum,
		Buckets: bucketsIn(map[string]ArmCount{"on": badOn, "off": badElse}),
	}
}

// split adds up what is not of the on arm.
func split(arms map[string]ArmCount) (on, others ArmCount) {
	for name, arm := range arms {
		if name == "on" {
			on = arm
			continue
		}
		others.add(arm.Sum, "", "", arm.Last, arm.Pace)
		for bucket, n := range arm.Buckets {
			others.add(n, bucket, "", arm.Last, arm.Pace)
			others.Sum -= n // which is in the arm's sum
		}
	}
	return on, others
}

// served reads the verdict on an objective off what is known of it, whose evidence
// is short of its limit. A budget that is spent too fast is a breach all the same:
// that bound is deterministic, and no part of the launch's error budget.
func (s *State) served(look Look, spec rampart.Gate, g *gate, v *rampart.GateVerdict) {
	line, known := lineOf(*spec.Objective), s.Evidence.Gate(key(spec))
	v.Reason = fmt.Sprintf("%s %s bad, at most %s, evidence %s of limit",
		spec.Name, percent(g.Value), rampart.Full-spec.Objective.Good, percent(known.ShareOfLimit()))
	if why := g.overspent(spec.Name, *spec.Objective, line); why != "" {
		v.Word, v.Reason = rampart.Breach, why
		return
	}
	seen(look, known, v, number(spec.DetectAt(look.Exposure))+" times as many")
}

// overspent says how the error budget is spent too fast, or by how much; it is empty
// where it is not.
func (g *gate) overspent(name string, o rampart.Objective, line float64) string {
	if g.Burn == nil {
		return ""
	}
	if rule, broken := g.Burn.Broken(line); broken {
		return fmt.Sprintf("%s burns its error budget %.1f times too fast over %s and %.1f times over %s, at most %s",
			name, g.Burn.Rate(line, rule.Long), rampart.Duration(rule.Long), g.Burn.Rate(line, rule.Short), rampart.Duration(rule.Short), number(rule.Factor))
	}
	if spent := g.Burn.Spent(line); o.Budget > 0 && spent >= o.Budget.Share() {
		return fmt.Sprintf("%s: %s of the error budget of %s is spent since the launch began, at most %s",
			name, percent(spent), rampart.Duration(evidence.BudgetPeriod), o.Budget)
	}
	return ""
}

// line fills in what is displayed of the evidence against a line.
func (g *gate) line(known *evidence.Gate, v *rampart.GateVerdict) {
	n := known.Samples()
	v.Value, v.OnN, v.OffN, v.OnBad, v.OffBad = &g.Value, n.N1, n.N0, g.OnBad, g.OffBad
	v.LogE, v.Share, v.Power = digits(known.LogE()), digits(known.ShareOfLimit()), digits(known.Informed())
	if phi := known.Phi(); phi > 1 {
		v.Phi = digits(phi)
	}
}

// exceeded says what share was bad since harm began: "overall 4.1 % bad, at most 1 %".
func (s *State) exceeded(spec rampart.Gate, v *rampart.GateVerdict) {
	n := s.Evidence.Gate(key(spec)).Samples()
	bad, all := n.X1+n.X0, n.N1+n.N0
	if since := s.gate(spec).Onset.best(); since != nil {
		bad, all = since.X1, since.N1
	}
	v.Word = rampart.Breach
	v.Reason = fmt.Sprintf("%s %s bad, at most %s: evidence reached its limit",
		spec.Name, percent(bad/all), rampart.Full-spec.Objective.Good)
}

// ofLate is how far back the share reaches that people are shown: ten ticks, but no
// less than half a minute and no more than five.
func ofLate(look Look) time.Duration { return min(max(10*look.Every, 30*time.Second), 5*time.Minute) }
