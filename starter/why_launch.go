package starter

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
)

// launch tells of a launch that is under way.
func (x *explainer) launch(p rampart.Progress) {
	switch p.State {
	case rampart.Watching, rampart.Baking:
		x.watching(p)
	case rampart.Paused, rampart.Held:
		x.stopped(p)
	case rampart.TurningBack:
		x.turningBack(p)
	default:
		x.waiting(p)
	}
	if p.State != rampart.TurningBack {
		x.breach(p)
	}
}

func (x *explainer) watching(p rampart.Progress) {
	held := fmt.Sprintf("%s of %s are held", short(p.Held), p.Hold)
	over := p.Held >= p.Hold
	if over {
		held = fmt.Sprintf("its hold of %s is over", p.Hold)
	}
	x.stands("%s stands at %s since %s; %s.", place(p), reach(p), x.at(p.StepSince), held)
	x.gates(p)
	if over {
		x.who("The gates do, as soon as they pass. Anybody goes past those that are undecided: rampart advance %s --accept-undecided --reason …", p.Flag)
	} else {
		x.who("The gates do, when the hold is over. Anybody ends the hold early, where the gates have nothing against it: rampart advance %s", p.Flag)
	}
	x.who("Anybody stops promotion (rampart pause %s), or ends the launch at the baseline (rampart turn-back %s --reason …).", p.Flag, p.Flag)
	r, _ := NextRaise(p)
	when := "As soon as the gates pass"
	if r.At.After(x.Now) {
		when = "At " + Moment(r.At, x.Now) + " at the earliest the hold is over; if the gates pass then"
	}
	x.next("%s, %s.", when, x.goal(p, r))
}

// goal says where a raise leads.
func (x *explainer) goal(p rampart.Progress, r Raise) string {
	var s string
	switch {
	case r.Phase == "":
		return "it is launched"
	case r.Bake:
		s = fmt.Sprintf("it goes to %s, watched once more for %s", r.Percent, r.Hold)
	case r.Phase == p.Phase && p.Asking == "" && p.StepSince > 0:
		s = fmt.Sprintf("it goes to %s for %s", r.Percent, r.Hold)
	default:
		s = fmt.Sprintf("%s begins with %s for %s", r.Phase, r.Percent, r.Hold)
	}
	if who := Consenting(r.Consent); who != "" && p.Asking == "" {
		s += ", once it has the consent of " + who
	}
	return s
}

// gates says what the last look found.
func (x *explainer) gates(p rampart.Progress) {
	v := p.Verdict
	if v == nil {
		x.stands("Its gates have not been looked at yet.")
		return
	}
	switch v.Word {
	case rampart.Undecided:
		x.stands("The gates cannot pass it yet, because they could not have seen harm: %s", full(v.Reason))
	case rampart.NoData:
		x.stands("Data is missing, and meanwhile the hold's clock stands still: %s", full(v.Reason))
	case rampart.Blind:
		x.stands("The metrics do not answer, and meanwhile the hold's clock stands still: %s", full(v.Reason))
	case rampart.Breach:
		x.stands("A gate is out of bounds: %s", full(v.Reason))
	default:
		x.stands("%s in bounds so far; the last look was at %s.", counted(len(v.Gates), "Its gate is", "Its %d gates are"), x.at(v.At))
	}
	x.evidence(p, *v)
}

// stopped tells of a launch that goes on only when a person says so.
func (x *explainer) stopped(p rampart.Progress) {
	x.stands("%s is %s", place(p), full(p.Note))
	if p.Verdict == nil || p.Verdict.Word != rampart.Breach { // which the note names
		x.gates(p)
	}
	x.decision(p)
	if p.Mismatch != "" {
		x.who("Anybody who has found out why the arms do not have the units that they should have: rampart acknowledge %s --reason …", p.Flag)
	} else if p.State == rampart.Held && strings.Contains(p.Note, "undecided") {
		x.who("Anybody who accepts that the gates could not tell: rampart advance %s --accept-undecided --reason …", p.Flag)
	} else {
		x.who("Anybody lets it go on: rampart resume %s", p.Flag)
	}
	x.who("Anybody ends it at the baseline: rampart turn-back %s --reason …", p.Flag)
	r, _ := NextRaise(p)
	if p.State == rampart.Paused {
		x.next("Nothing until somebody resumes it; the guard goes on. Then the hold goes on, and after it %s.", x.goal(p, r))
		return
	}
	x.next("Nothing until somebody decides; the guard goes on at %s. After that %s.", reach(p), x.goal(p, r))
}

func (x *explainer) waiting(p rampart.Progress) {
	if p.Asking == "" {
		x.awaiting(p)
		return
	}
	x.stands("It stands at %s and waits for consent to %s, of %s.", reach(p), p.Asking, p.Missing)
	x.decision(p)
	for _, a := range p.Approvals {
		if a.Phase == p.Asking {
			x.stands("%s has consented%s, at %s%s.", a.By, forGroup(a.Group), x.at(a.At), because(a.Note))
		}
	}
	if exposes(p) {
		x.gates(p)
	}
	group := ""
	if i := slices.IndexFunc(p.Plan.Stages, func(s rampart.Stage) bool { return s.Phase == p.Asking }); i >= 0 && len(p.Plan.Stages[i].Approvals.Groups) > 0 {
		group = " --group " + strings.Split(p.Missing, ", ")[0]
	}
	x.who("Anybody but %s, who started it: rampart approve %s %s%s", person(p.StartedBy), p.Flag, p.Asking, group)
	x.who("Whoever is against it: rampart reject %s %s --reason …", p.Flag, p.Asking)
	r, _ := NextRaise(p)
	x.next("With that consent, %s. Until then it stays at %s.", x.goal(p, r), reach(p))
}

// decision tells what the maximum power ramp has come to, which whoever consents to
// what follows is to have read.
func (x *explainer) decision(p rampart.Progress) {
	d := p.Decision
	if d == nil {
		return
	}
	x.stands("The maximum power ramp came to the decision %q: %s", d.Word, full(d.Reason))
	for _, g := range d.Goals {
		x.stands("%s: %s.", g.InWords(), g.Word)
	}
}

// awaiting tells of a launch that waits for no person.
func (x *explainer) awaiting(p rampart.Progress) {
	r, _ := NextRaise(p)
	then := "Then"
	if r.At.After(x.Now) {
		then = "At " + Moment(r.At, x.Now) + " at the earliest"
	}
	switch p.WaitingFor {
	case rampart.ForParachute:
		x.stands("Before anybody is exposed, the known readers must confirm that they can be told to go back; it waits for them.")
	case rampart.ForCalendar, rampart.ForFreeze:
		x.stands("%s %s", place(p), full(p.Note))
		x.who("The calendar of its plan does. Whoever cannot wait amends the plan: rampart amend PLAN --reason …")
	case rampart.ForRequirement:
		x.stands("%s %s", place(p), full(p.Note))
		x.who("Whoever sees to what the plan requires; it is looked at every %s.", p.Plan.Every)
	default:
		x.stands("%s %s", place(p), full(p.Note))
	}
	if p.State == rampart.Cooling {
		x.stands("It stepped back %s of %d times that it may; then a breach turns it back.", fmt.Sprint(p.Attempt), p.Retries)
		x.who("Nobody need move it; anybody ends it at the baseline: rampart turn-back %s --reason …", p.Flag)
		then += " it tries again:"
	}
	x.next("%s %s.", then, x.goal(p, r))
}

func (x *explainer) turningBack(p rampart.Progress) {
	x.stands("It is %s", full(p.Note))
	x.who("Nobody need move it: writing the baseline is tried again until the store takes it. Should that last, use rampart kill %s --reason …", p.Flag)
	x.next("Once the store and the readers have the baseline, the launch ends.")
}

// breach says what harm would lead to.
func (x *explainer) breach(p rampart.Progress) {
	if !exposes(p) {
		return
	}
	if p.State == rampart.Baking || p.Baking {
		x.next("A breach turns it back to the baseline at once.")
		return
	}
	i := slices.IndexFunc(p.Plan.Stages, func(s rampart.Stage) bool { return s.Phase == p.Phase })
	if i < 0 {
		return
	}
	milder := map[rampart.Action][]string{}
	for _, g := range p.Plan.GatesOf(p.Plan.Stages[i]) {
		if g.OnBreach.Action != rampart.ActTurnBack {
			milder[g.OnBreach.Action] = append(milder[g.OnBreach.Action], g.Name)
		}
	}
	s := "A breach turns it back to the baseline at once"
	for _, a := range []rampart.Action{rampart.ActStepBack, rampart.ActHold, rampart.ActNotify} {
		if a == rampart.ActStepBack && p.Attempt >= p.Retries {
			continue // it was tried often enough
		}
		if names := milder[a]; len(names) > 0 {
			s += fmt.Sprintf("; one of %s only %s", strings.Join(names, ", "), map[rampart.Action]string{
				rampart.ActStepBack: "takes it a step back", rampart.ActHold: "holds it", rampart.ActNotify: "notifies"}[a])
		}
	}
	x.next("%s.", s)
}

// place names where in its plan a launch is: "Debug, step 3 of 3,".
func place(p rampart.Progress) string {
	name := strings.ToUpper(string(p.Phase[:min(1, len(p.Phase))])) + string(p.Phase[min(1, len(p.Phase)):])
	if p.Baking {
		return "The last watch"
	}
	for _, s := range p.Plan.Stages {
		if s.Phase == p.Phase && len(s.Steps) > 1 {
			return fmt.Sprintf("%s, step %d of %d,", name, p.Step+1, len(s.Steps))
		}
	}
	return name
}

// reach says whom a launch exposes now.
func reach(p rampart.Progress) string {
	switch {
	case p.Exposure > 0:
		return p.Exposure.String()
	case exposes(p):
		return "0 % and whoever is included"
	}
	return "0 %"
}

// exposes reports whether anybody is on, be it by rule.
func exposes(p rampart.Progress) bool {
	if p.Exposure > 0 {
		return true
	}
	if p.Exposed == 0 {
		return false
	}
	for _, s := range p.Plan.Stages {
		if len(s.Include) > 0 {
			return true
		}
		if s.Phase == p.Phase {
			break
		}
	}
	return false
}

func forGroup(group string) string {
	if group == "" {
		return ""
	}
	return " for " + group
}

func counted(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}

// short drops what nobody reads: the fractions of a second.
func short(d rampart.Duration) rampart.Duration { return rampart.Duration(d.D().Truncate(time.Second)) }
