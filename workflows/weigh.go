package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
)

// weigh takes in what the evidence says once the hold of a step is over and its gates
// have passed: at the end of the maximum power ramp what it comes to, and before
// another step how far that may go.
func (l *launch) weigh(ctx workflow.Context) error {
	if l.version < 3 {
		return nil
	}
	if l.endsRamp() {
		return l.conclude(ctx)
	}
	return l.choose(ctx)
}

// endsRamp reports whether the step that is exposed is the last of the maximum power
// ramp.
func (l *launch) endsRamp() bool {
	return l.inside && !l.baking && l.phase == rampart.MaxPowerRamp && l.step == len(l.stage().Steps)-1
}

// conclude comes to the decision on the ramp. The decision is advice: people are shown
// it when they are asked to consent to what comes next. But a plan that has goals, or
// says how far the ramp may be extended, is not walked on past an answer that is not
// "ship" unless a person says so.
func (l *launch) conclude(ctx workflow.Context) error {
	for l.endsRamp() {
		if l.memory.Verdict.Decision == nil {
			return l.unconcluded(ctx)
		}
		d := *l.memory.Verdict.Decision
		l.decision = &d
		l.record(ctx, "", "the decision on %s: %s: %s", l.phase, d.Word, d.Reason)
		l.notify(ctx, "decision", false, "%s has come to a decision at %s: %s: %s", l.plan.Flag, l.flag.Exposure, d.Word, d.Reason)
		switch {
		case !l.mustConclude(), d.Word == rampart.Ship:
			return nil
		case d.Word == rampart.Inconclusive && l.extend(ctx):
			if err := l.hold(ctx); err != nil {
				return err
			}
			continue
		case d.Word != rampart.Regress && l.consentFollows():
			return nil // whoever is asked to consent decides
		}
		l.holdOn(ctx, fmt.Sprintf("the decision on %s is %s: %s", l.phase, d.Word, d.Reason))
		return l.stand(ctx, standing{done: l.free})
	}
	return nil
}

// mustConclude reports whether the ramp is there for its decision.
func (l *launch) mustConclude() bool { return len(l.plan.Goals) > 0 || l.stage().Extend != nil }

// unconcluded leaves it to people whether to go on without a decision: a worker of a
// version that makes none has taken the last look.
func (l *launch) unconcluded(ctx workflow.Context) error {
	if !l.mustConclude() || l.consentFollows() {
		return nil
	}
	l.holdOn(ctx, fmt.Sprintf("nothing was decided on %s: a worker of an earlier version has taken the last look", l.phase))
	return l.stand(ctx, standing{done: l.free})
}

// decided tells the decision on the ramp to whoever is asked to consent to what follows.
func (l *launch) decided() string {
	if l.decision == nil {
		return ""
	}
	return fmt.Sprintf(". The decision on %s is %s: %s", rampart.MaxPowerRamp, l.decision.Word, l.decision.Reason)
}

// consentFollows reports whether people are asked before more is exposed.
func (l *launch) consentFollows() bool {
	return l.at+1 < len(l.plan.Stages) && l.plan.Stages[l.at+1].Approvals.Needed() > 0
}

// extend lengthens the ramp by as much as the plan says, and reports whether there was
// anything left of what it allows. Whoever ended the hold early does not want it longer.
func (l *launch) extend(ctx workflow.Context) bool {
	e := l.stage().Extend
	if e == nil || l.hurried || l.stageHold()+l.extended+e.By > e.UpTo {
		return false
	}
	l.extended += e.By
	l.record(ctx, "", "%s is extended by %s, to %s of at most %s", l.phase, e.By, l.stageHold()+l.extended, e.UpTo)
	l.notify(ctx, "extended", false, "%s stays at %s for another %s: %s", l.plan.Flag, l.flag.Exposure, e.By, l.decision.Reason)
	return true
}

func (l *launch) stageHold() rampart.Duration { return rampart.Duration(l.stage().Hold()) }

// capOf is when the ramp ends at the latest: the time by which its information is
// planned, so that an extension spends only what is left of the error level.
func (l *launch) capOf() time.Time {
	longest := l.stageHold()
	if e := l.stage().Extend; e != nil {
		longest = max(longest, e.UpTo)
	}
	return l.stageSince.Add(longest.D())
}

// mostUndecided is how long a step may be held in all while its gates cannot tell; 0 is
// for its hold once more.
func (l *launch) mostUndecided(step rampart.Step) rampart.Duration {
	e := l.stage().Extend
	if l.version < 3 || e == nil || l.baking || !l.inside || l.step != len(l.stage().Steps)-1 {
		return 0
	}
	return max(step.Hold, l.stage().Steps[l.step].Hold+e.UpTo-l.stageHold())
}

// choose goes by the recommender, in a stage that asks for it, as to which of the
// stage's steps comes next. It leaves out those that need not be held, because what has
// been seen bounds the harm well enough. Where it recommends less than the next step,
// the launch stays for a quarter of that step's hold, and again, up to the whole of it;
// then a person decides. It never goes beyond the stage, whose exposure was consented to.
func (l *launch) choose(ctx workflow.Context) error {
	for l.recommends() {
		r, steps, next := l.memory.Verdict.Recommended, l.stage().Steps, l.step+1
		if r == nil || l.hurried {
			return nil // nothing is known that could speak for or against the plan's next step
		}
		if r.Percent >= steps[next].Percent {
			l.skip(ctx, *r)
			return nil
		}
		if l.waited >= steps[next].Hold {
			l.holdOn(ctx, fmt.Sprintf("%s is recommended, less than the next step, %s: %s", r.Percent, steps[next].Percent, r.Reason))
			return l.stand(ctx, standing{done: l.free})
		}
		longer := max(l.plan.Every, steps[next].Hold/4)
		l.waited += longer
		l.record(ctx, "", "stays at %s for another %s: %s is recommended: %s", l.flag.Exposure, longer, r.Percent, r.Reason)
		if err := l.hold(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (l *launch) recommends() bool {
	return l.inside && !l.baking && l.stage().Recommend && l.flag.Exposure > 0 && l.step+1 < len(l.stage().Steps)
}

// skip chooses the highest step that is recommended.
func (l *launch) skip(ctx workflow.Context, r rampart.Recommendation) {
	steps := l.stage().Steps
	l.chosen = l.step + 1
	for l.chosen+1 < len(steps) && steps[l.chosen+1].Percent <= r.Percent {
		l.chosen++
	}
	if l.chosen > l.step+1 {
		l.record(ctx, "", "goes on to %s, and leaves out what is between: %s", steps[l.chosen].Percent, r.Reason)
	}
}
