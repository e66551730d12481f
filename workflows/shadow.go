package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
)

// shadowShare is how many units are in the on arm while both arms are served off: with
// half of them in each, the gates learn most in the time that they have.
const shadowShare = rampart.Full / 2

// shadow assigns the arms while everybody is served off, before anybody is exposed. The
// gates learn by how much arms differ that are treated the same, which they must know
// to tell harm from noise later. Nothing that they see then is evidence.
func (l *launch) shadow(ctx workflow.Context) error {
	if l.version < 3 || l.plan.Shadow == 0 || l.shadowed {
		return nil
	}
	f := l.document(ctx, 0)
	f.Include, f.Shadow, f.Reason = nil, shadowShare, "shadow"
	l.tell(ctx, rampart.Waiting, "assigning the arms, with everybody served off")
	if err := l.write(ctx, "shadow", f); err != nil {
		return err
	}
	l.shadowing, l.stepSince, l.held = true, workflow.Now(ctx), 0
	defer func() { l.shadowing = false }()
	l.record(ctx, "", "shadow: arms are assigned and everybody is served off, for %s", l.plan.Shadow)
	if err := l.hold(ctx); err != nil {
		return err
	}
	l.shadowed = true
	return nil
}

// endShadow grants a wish to advance, which nothing speaks against while nobody is
// exposed, and reports whether there was one.
func (l *launch) endShadow(ctx workflow.Context) bool {
	if !l.shadowing || l.advance == nil {
		return false
	}
	l.record(ctx, l.advance.By, "the shadow period ends early, after %s of %s", l.held, l.plan.Shadow)
	l.answerAdvance("")
	return true
}

// shadowOf returns the share of units that are in the on arm of a step that exposes
// nobody by bucket, such as that of test in production: it serves as the shadow period
// of a plan that has none.
func (l *launch) shadowOf(percent rampart.Percent) rampart.Percent {
	if l.version < 3 || percent > 0 || l.plan.Shadow > 0 {
		return 0
	}
	for _, g := range l.plan.Gates {
		if g.Compares() {
			return shadowShare
		}
	}
	return 0
}
