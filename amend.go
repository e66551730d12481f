package rampart

import (
	"encoding/json"
	"fmt"
	"slices"
)

// An Amendment asks a launch under way to go on by another plan.
type Amendment struct {
	Plan     Plan   `json:"plan"`
	Source   Source `json:"source"`
	By       string `json:"by"`
	Reason   string `json:"reason,omitempty"`
	Revision int    `json:"revision,omitempty"` // of the plan that it was written against; 0: whatever is current
}

// An Amended plan is the one that a launch walks from then on.
type Amended struct {
	Plan    Plan     `json:"plan"`              // with the stricter approvals of both
	Voided  []Phase  `json:"voided,omitempty"`  // stages that changed, or are new: consent to them is asked anew
	Changes []string `json:"changes,omitempty"` // in words, for the launch's story
}

// Amend returns the plan that a launch goes on by when next replaces p. Both have
// their defaults. Entered is the last stage of p that the launch has entered, -1
// before the first.
//
// What is passed stays as it was, and so does the exposure of the stage that the
// launch stands in: of that one, hold, gates and approvals may change. A stage to come
// may change as it likes, but nobody is exposed with less consent than p would have
// asked for: each stage asks for the stricter of its own approvals and of all those
// that p had in the way of what it exposes. So consent can be added, and moved, but
// not be amended away.
//
// The error is of type [Mistakes]: all that cannot be amended, by place.
func (p Plan) Amend(next Plan, entered int) (Amended, error) {
	a := &amender{was: p, is: next, entered: entered}
	a.fixed()
	a.passed()
	a.goals()
	if len(a.found) > 0 {
		return Amended{}, a.found
	}
	out := Amended{Plan: next}
	out.Plan.Stages = slices.Clone(next.Stages)
	for i := range out.Plan.Stages[:entered+1] {
		approvals := p.Stages[i].Approvals
		if i == entered {
			approvals = stricter(approvals, next.Stages[i].Approvals)
		} else {
			out.Plan.Stages[i] = p.Stages[i]
		}
		out.Plan.Stages[i].Approvals = approvals
	}
	if !a.inherit(&out.Plan) {
		return Amended{}, a.found
	}
	a.tell(&out)
	if len(out.Changes) == 0 {
		return Amended{}, Mistakes{{Path: "stages", Msg: "the plan is the one that is walked already", Hint: "change something, or leave it"}}
	}
	return out, nil
}

// Retries returns how often the plan steps back at most before it turns back. The
// error budget is shared among the attempts.
func (p Plan) Retries() int {
	most := 0
	for _, s := range append(slices.Clone(p.Stages), Stage{}) { // the last is the bake
		for _, g := range p.GatesOf(s) {
			if g.OnBreach.Action == ActStepBack {
				most = max(most, g.OnBreach.Attempts)
			}
		}
	}
	return most
}

// An amender compares two plans.
type amender struct {
	was, is Plan
	entered int
	found   Mistakes
}

func (a *amender) wrong(path, hint, format string, args ...any) {
	a.found = append(a.found, Mistake{Path: path, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

// fixed finds changes of what a launch was begun with.
func (a *amender) fixed() {
	const another = "turn the launch back, and start another"
	for _, x := range []struct {
		path    string
		was, is any
	}{
		{"flag", a.was.Flag, a.is.Flag},
		{"environment", a.was.Environment, a.is.Environment},
		{"type", a.was.Type, a.is.Type},
		{"unit", a.was.Unit, a.is.Unit},
		{"layer", a.was.Layer, a.is.Layer},
		{"holdout", a.was.Holdout, a.is.Holdout},
		{"values", a.was.Values, a.is.Values},
		{"alpha", a.was.Alpha, a.is.Alpha},
		{"shadow", a.was.Shadow, a.is.Shadow},
		{"finish.percent", a.was.Finish.Percent, a.is.Finish.Percent},
	} {
		if !same(x.was, x.is) {
			a.wrong(x.path, another, "cannot be amended: it is %s", brief(x.was))
		}
	}
	if was, is := a.was.highest(), a.is.highest(); was != is {
		a.wrong("stages", another, "the holdout cannot be amended: the highest exposure before the finish is %s, not %s", was, is)
	}
	if was, is := a.was.Retries(), a.is.Retries(); is > was {
		a.wrong("stages", "use at most as many attempts as before", "the error budget cannot be amended, and it is shared by %d attempts, not %d", was+1, is+1)
	}
}

// goals finds a change of what the maximum power ramp is to find out once it has begun:
// whoever has seen how goals do may not choose them.
func (a *amender) goals() {
	for _, s := range a.was.Stages[:a.entered+1] {
		if s.Phase != MaxPowerRamp {
			continue
		}
		if !same(a.was.Goals, a.is.Goals) {
			a.wrong("goals", "keep them, and judge others on your own analytics", "cannot be amended: %s has begun, and is judged by what it was begun for", s.Phase)
		}
		if a.was.NonInferior != a.is.NonInferior {
			a.wrong("nonInferiority", "keep it, and say in the approval why you go on", "cannot be amended: %s has begun, and is judged by what it was begun for", s.Phase)
		}
	}
}

// highest returns the highest share that any stage exposes; above it is the holdout.
func (p Plan) highest() Percent {
	var most Percent
	for _, s := range p.Stages {
		most = max(most, s.highest())
	}
	return most
}

// passed finds changes of stages that were passed, and of the exposure of the one
// that the launch stands in.
func (a *amender) passed() {
	for i, was := range a.was.Stages[:a.entered+1] {
		path := fmt.Sprintf("stages[%d]", i)
		if i >= len(a.is.Stages) || a.is.Stages[i].Phase != was.Phase {
			a.wrong(path, "keep the stages that were entered as they are", "the launch has entered %s, which cannot be amended away", was.Phase)
			return
		}
		is := a.is.Stages[i]
		if i < a.entered && !same(settled(was), settled(is)) {
			a.wrong(path, "keep it as it is", "%s is passed, and cannot be amended", was.Phase)
		}
		if i == a.entered && !same(audience(was), audience(is)) {
			a.wrong(path, "keep include, where and the percent of each step", "%s was entered; only hold, gates and approvals can be amended", was.Phase)
		}
	}
}

// settled is what must stay of a stage that was passed. Weights are shared out among
// all gates of a plan, so that they change with those of other stages; the launch
// keeps the first. Approvals may be stricter than the file says: an earlier amendment
// has made them so.
func settled(s Stage) Stage {
	s.Gates = slices.Clone(s.Gates)
	for i := range s.Gates {
		s.Gates[i].Weight = 0
	}
	s.Approvals = nil
	return s
}

// audience is whom a stage exposes, step by step.
func audience(s Stage) Stage {
	out := Stage{Phase: s.Phase, Include: s.Include, Where: s.Where}
	for _, step := range s.Steps {
		out.Steps = append(out.Steps, Step{Percent: step.Percent})
	}
	return out
}

// tell says what changed, and which stages need new consent for it.
func (a *amender) tell(out *Amended) {
	note := func(format string, args ...any) { out.Changes = append(out.Changes, fmt.Sprintf(format, args...)) }
	for _, s := range a.was.Stages {
		if !slices.ContainsFunc(out.Plan.Stages, func(o Stage) bool { return o.Phase == s.Phase }) {
			note("%s is left out", s.Phase)
		}
	}
	for i, is := range out.Plan.Stages {
		t := slices.IndexFunc(a.was.Stages, func(o Stage) bool { return o.Phase == is.Phase })
		if t < 0 { // it may have been there before, and consented to as it was then
			note("%s is new", is.Phase)
			out.Voided = append(out.Voided, is.Phase)
			continue
		}
		was, changed := a.was.Stages[t], false
		for _, x := range []struct {
			what    string
			was, is any
		}{
			{"steps", was.Steps, is.Steps},
			{"audience", [][]Rule{was.Include, was.Where}, [][]Rule{is.Include, is.Where}},
			{"gates", weightless(a.was.GatesOf(was)), weightless(a.is.GatesOf(a.is.Stages[i]))},
			{"approvals", was.Approvals, is.Approvals},
			{"extension", was.Extend, is.Extend},
			{"recommend", was.Recommend, is.Recommend},
			{"objectives", was.Objectives, is.Objectives},
		} {
			if i >= a.entered && !same(x.was, x.is) {
				note("%s: %s", is.Phase, x.what)
				changed = changed || x.what != "objectives"
			}
		}
		if changed {
			out.Voided = append(out.Voided, is.Phase)
		}
	}
	if last := out.Plan.Stages[len(out.Plan.Stages)-1].Phase; !same(a.was.finale(), a.is.finale()) && !slices.Contains(out.Voided, last) {
		out.Voided = append(out.Voided, last) // nobody is asked after it
	}
	for _, x := range []struct {
		what    string
		was, is any
	}{
		{"owner", a.was.Owner, a.is.Owner}, {"purpose", a.was.Purpose, a.is.Purpose}, {"retireBy", a.was.RetireBy, a.is.RetireBy},
		{"hypothesis", a.was.Hypothesis, a.is.Hypothesis}, {"calendar", a.was.Calendar, a.is.Calendar},
		{"requires", a.was.Requires, a.is.Requires}, {"gates", weightless(a.was.Gates), weightless(a.is.Gates)},
		{"goals", a.was.Goals, a.is.Goals}, {"nonInferiority", a.was.NonInferior, a.is.NonInferior}, {"finish.bake", a.was.Finish.Bake, a.is.Finish.Bake},
		{"every", a.was.Every, a.is.Every}, {"lease", a.was.Lease, a.is.Lease}, {"parachute", a.was.Parachute, a.is.Parachute},
		{"onBlind", a.was.OnBlind, a.is.OnBlind}, {"notify", a.was.Notify, a.is.Notify},
	} {
		if !same(x.was, x.is) {
			note("%s", x.what)
		}
	}
}

// finale is what watches everybody at the end.
func (p Plan) finale() any { return []any{weightless(p.GatesOf(Stage{})), p.Finish.Bake} }

func weightless(gates []Gate) []Gate { return settled(Stage{Gates: gates}).Gates }

// same compares by the JSON form, in which plans travel and are written.
func same(a, b any) bool { return brief(a) == brief(b) }

func brief(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // a bound that is not a number, which no plan file can hold
		return fmt.Sprintf("%+v", v)
	}
	return string(b)
}
