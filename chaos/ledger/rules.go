package ledger

import (
	"fmt"
	"slices"
	"sync"
)

// A Rule is one promise, in words.
type Rule string

// The rules that are checked at each write of the store.
const (
	Allowed Rule = "a write exposes no more than the consents given by then allow"
	InOrder Rule = "exposure is raised one step of the plan at a time, after the hold of the step before"
	Stopped Rule = "nothing is raised after a kill, a turning back or a breach that was acted on"
	Backed  Rule = "exposure is lowered short of the baseline only where the plan steps back, and no more often than it says"
	Harmed  Rule = "a step that is harmful throughout is the last"
	Holdout Rule = "the holdout is not exposed before the finish"
	Penned  Rule = "who exposes holds the pen: the launch, or the flag's own workflow after a launch that ended well"
	Forward Rule = "the versions of a flag only grow"
)

// The rules that are checked at each change of what a reader serves.
const (
	Served   Rule = "a reader serves no more than was ever allowed for the version it has"
	Faithful Rule = "a reader serves a version as it was written, or less"
	Onward   Rule = "a reader never goes back to an earlier version"
	Nested   Rule = "whoever is on at an exposure is on at every higher one"
	Dead     Rule = "a reader that has seen a kill serves off until the flag is restored"
	Leased   Rule = "a reader does not serve an exposure for longer than its lease"
)

// The rules that are checked while a launch goes on, and at its end.
const (
	Ticks    Rule = "no tick of a launch's evidence is judged again once a later one was"
	Counted  Rule = "evidence has counted no more requests than services were asked"
	Fits     Rule = "each launch reaches an ending that fits what happened to it"
	Baseline Rule = "nobody is exposed after an ending short of the goal"
	Released Rule = "after an ending the flag's own workflow holds the pen, and no lease is left"
	Refused  Rule = "who may not is refused: starters who approve, killers who restore"
)

// The rules that are checked when all is over.
const (
	Whole      Rule = "the store, the flags' workflows and every reader agree about every flag"
	Passed     Rule = "in each history, every raise follows a pass of the gates and the consents it needs"
	Unraised   Rule = "in each history, nothing is raised after a finding that turns back"
	Replayable Rule = "each history can be replayed"
)

// Rules are all of them, in the order in which they are reported.
var Rules = []Rule{
	Allowed, InOrder, Stopped, Backed, Harmed, Holdout, Penned, Forward,
	Served, Faithful, Onward, Nested, Dead, Leased,
	Ticks, Counted, Fits, Baseline, Released, Refused,
	Whole, Passed, Unraised, Replayable,
}

// A Violation is one time that a rule was broken.
type Violation struct {
	Rule Rule
	Flag string
	What string
}

// A Book counts what was checked and what was broken.
type Book struct {
	// Broken, if set, hears of each violation at once. It must not call back.
	Broken func(Violation)

	mu         sync.Mutex
	checks     map[Rule]int
	violations []Violation
}

// Check counts one check of a rule, and records a violation where it was not kept.
func (b *Book) Check(ok bool, rule Rule, flag, format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.checks == nil {
		b.checks = map[Rule]int{}
	}
	b.checks[rule]++
	if ok {
		return
	}
	v := Violation{Rule: rule, Flag: flag, What: fmt.Sprintf(format, args...)}
	b.violations = append(b.violations, v)
	if b.Broken != nil {
		b.Broken(v)
	}
}

// Checks returns how often a rule was checked, and how often it was broken.
func (b *Book) Checks(rule Rule) (checked, broken int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, v := range b.violations {
		if v.Rule == rule {
			broken++
		}
	}
	return b.checks[rule], broken
}

// Violations returns all of them, in the order in which they were found.
func (b *Book) Violations() []Violation {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.violations)
}
