package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
)

// mismatched holds the launch because the arms do not have the units that they should
// have. Units are lost in one of them then, or counted twice, and no comparison of the
// two can be believed, whatever it says. So nothing is promoted or decided until a
// person has looked into it; consent that was given before is void, because it was
// given on evidence that nobody can rely on.
func (l *launch) mismatched(ctx workflow.Context, reason string) {
	l.mismatch = line(reason, maxText)
	l.moved++
	for i := max(l.entered()+1, 0); i < len(l.plan.Stages); i++ {
		l.voidApprovals(l.plan.Stages[i].Phase)
	}
	if l.asking >= 0 { // it may be the stage that the launch stands in
		l.voidApprovals(l.plan.Stages[l.asking].Phase)
	}
	l.answerAdvance("the sample ratio does not match: " + l.mismatch)
	l.record(ctx, "", "held: the sample ratio does not match: %s", l.mismatch)
	l.notify(ctx, "held", false, "%s is held at %s until somebody acknowledges that the sample ratio does not match: %s",
		l.plan.Flag, l.flag.Exposure, l.mismatch)
}

func (l *launch) mayAcknowledge(a rampart.Ask) error {
	switch {
	case l.ending():
		return fmt.Errorf("the launch is %s", l.state)
	case l.mismatch == "":
		return fmt.Errorf("there is nothing to acknowledge: no sample ratio mismatch holds the launch")
	case strings.TrimSpace(a.Reason) == "":
		return fmt.Errorf("to acknowledge a sample ratio mismatch takes a reason: what was found, and why the launch may go on")
	}
	return nil
}

// acknowledge lets the launch go on in spite of a mismatch. The evidence of it is set
// aside, and the watch looks for a new one at a stricter level.
func (l *launch) acknowledge(ctx workflow.Context, a rampart.Ask) (string, error) {
	was := l.mismatch
	l.mismatch = ""
	l.acks++
	l.moved++
	l.record(ctx, a.By, "acknowledged that the sample ratio does not match (%s): %s", was, a.Reason)
	switch {
	case l.paused != nil:
		return fmt.Sprintf("acknowledged; still paused at %s by %s", reach(l.flag), l.paused.By), nil
	case l.onHold != nil:
		return fmt.Sprintf("acknowledged; still held at %s: %s", reach(l.flag), l.onHold.reason), nil
	}
	return fmt.Sprintf("acknowledged; goes on at %s, and looks for another mismatch at a stricter level", reach(l.flag)), nil
}
