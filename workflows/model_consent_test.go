package workflows_test

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/rampart-dev/rampart"
)

// The law on consent. A plan may be amended, and consent cannot be amended away: so the
// law remembers every plan that was ever walked, and takes each stage of each of them
// for a debt. Who enters a stage of the plan of today pays all debts that stood in the
// way of what the stage exposes, by the consent of enough people to that stage.

// A consent is an approval as somebody gave it.
type consent struct {
	rampart.Approval
	age  time.Duration
	came int // in the order of events
	void bool
}

// A debt is the consent that a stage of some revision of the plan wants.
type debt struct {
	revision, stage int
	phase           rampart.Phase
	need            *rampart.Approvals
	paid            rampart.Phase // by whoever entered this phase
}

// owes takes the stages of a plan for debts. Those that were entered are paid.
func (l *law) owes(p rampart.Plan, entered int) {
	l.revisions = append(l.revisions, p)
	for i, s := range p.Stages {
		d := debt{revision: len(l.revisions) - 1, stage: i, phase: s.Phase, need: s.Approvals}
		if i <= entered {
			d.paid = s.Phase
		}
		l.debts = append(l.debts, d)
	}
}

// enters judges that the launch enters a stage.
func (l *law) enters(here int) {
	stage := l.places[here].stage
	phase, last := l.plan.Stages[stage].Phase, stage == len(l.plan.Stages)-1
	for i := range l.debts {
		d := &l.debts[i]
		inTheWay := last || d.phase == phase || d.stage <= covering(l.revisions[d.revision], highest(l.plan.Stages[stage]))
		if d.paid != "" || !inTheWay {
			continue
		}
		if !l.consented(d.need, phase, l.askedAfter(here)) {
			l.breaksWith("entered %s without the approvals %+v that revision %d wants for %s", phase, *d.need, 1+d.revision, d.phase)
		}
		d.paid = phase
	}
}

// leaves makes the debts of a stage that was stepped back from be owed again.
func (l *law) leaves(phase rampart.Phase) {
	for i := range l.debts {
		if d := &l.debts[i]; d.paid == phase {
			d.paid = ""
		}
	}
}

func highest(s rampart.Stage) rampart.Percent { return s.Steps[len(s.Steps)-1].Percent }

// covering is the first stage of a plan that exposes as much.
func covering(p rampart.Plan, exposure rampart.Percent) int {
	i := slices.IndexFunc(p.Stages, func(s rampart.Stage) bool { return highest(s) >= exposure })
	if i < 0 {
		return len(p.Stages) - 1
	}
	return i
}

// consented reports whether people can have consented to a phase: as many, or of every
// group one and more besides, nobody twice, none of them the starter, or whoever
// amended the plan before, all after they can have been asked.
func (l *law) consented(need *rampart.Approvals, phase rampart.Phase, after time.Duration) bool {
	people := map[string][]string{} // groups by person
	for _, c := range l.consent {
		if amended, did := l.amenders[c.By]; did && c.came > amended {
			continue
		}
		if !c.void && c.Phase == phase && c.By != "" && c.By != rita && c.age >= after {
			people[c.By] = append(people[c.By], c.Group)
		}
	}
	return len(people) >= need.Count && seated(need.Groups, people)
}

// seated reports whether each group can have a person of its own.
func seated(groups []string, people map[string][]string) bool {
	if len(groups) == 0 {
		return true
	}
	for who, of := range people {
		if slices.Contains(of, groups[0]) {
			delete(people, who)
			ok := seated(groups[1:], people)
			people[who] = of
			if ok {
				return true
			}
		}
	}
	return false
}

// askedAfter returns when the launch can have asked for the stage of a place at the
// earliest: when it began, or when the step before can have passed.
func (l *law) askedAfter(here int) time.Duration {
	if here == 0 || !l.was(here-1) {
		return 0
	}
	since := l.since[l.places[here-1].name()]
	asked := since + l.places[here-1].hold
	for _, w := range l.wishes {
		if w >= since {
			asked = min(asked, w)
		}
	}
	return min(asked, l.amendedAt) // the hold may have been another before
}

func (l *law) voids(why string) {
	l.note("%s: approvals given so far are void", why)
	for i := range l.consent {
		l.consent[i].void = true
	}
}

// amends takes in that the launch walks another plan from now on. What changed is
// consented to anew, and so is the stage that the launch stands in before it goes on.
func (l *law) amends(next rampart.Plan, by string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note("the plan is amended by %s", by)
	was, standing := l.plan, ""
	entered := -1
	if l.at >= 0 {
		standing, entered = l.places[l.at].name(), l.places[l.at].stage
	}
	l.plan = next
	l.places = placesOf(next)
	begun := l.at > l.start
	l.at = slices.IndexFunc(l.places, func(p place) bool { return p.name() == standing })
	if _, twice := l.amenders[by]; !twice {
		l.amenders[by] = l.events
	}
	for i, is := range next.Stages {
		t := slices.IndexFunc(was.Stages, func(s rampart.Stage) bool { return s.Phase == is.Phase })
		if t < 0 || i < entered || sameStage(was.Stages[t], is) {
			continue
		}
		for k := range l.consent {
			l.consent[k].void = l.consent[k].void || l.consent[k].Phase == is.Phase
		}
		if i == entered && begun {
			l.again = is.Phase
		}
	}
	if !begun {
		l.start = l.at
	}
	l.owes(next, entered)
	l.amendedAt = l.x.age()
}

func sameStage(a, b rampart.Stage) bool {
	a.Approvals, b.Approvals = nil, nil
	x, err := json.Marshal(a)
	must(err)
	y, err := json.Marshal(b)
	must(err)
	return string(x) == string(y)
}

// consentedAgain judges a raise out of a stage that was amended while the launch
// stood in it.
func (l *law) consentedAgain() {
	if l.again == "" {
		return
	}
	for _, d := range l.debts {
		if d.phase == l.again && !l.consented(d.need, d.phase, 0) {
			l.breaksWith("went on in %s, which was amended, without its approvals %+v", d.phase, *d.need)
		}
	}
	l.again = ""
}
