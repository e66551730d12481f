package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
)

// A lapse is the end of a lease after which the plan exposes anew, instead of turning
// back: nobody had guarded the exposure, and readers went to the baseline by themselves.
type lapse struct{ reason string }

func (s *lapse) Error() string { return "exposing anew: " + s.reason }

// comesBack reports whether the launch is to expose anew after its lease has ended. While
// it cools down it turns back: what broke is not to be tried again any sooner.
func (l *launch) comesBack(ctx workflow.Context) bool {
	if l.plan.Lease == nil || l.plan.Lease.OnEnd != rampart.ActExpose || l.cooling || l.shadowing {
		return false
	}
	// Older code turns back whatever the plan says, and a launch whose lease it saw end
	// has gone that way.
	return workflow.GetVersion(ctx, "lapse", workflow.DefaultVersion, 1) >= 1
}

// comeBack writes what readers serve already: nobody is exposed. From there the walk
// comes to the same step again, as to any raise: not against a pause, a hold or the
// calendar, nor past what the plan requires, and under a lease of its own. The evidence
// goes on, and the step is held anew.
func (l *launch) comeBack(ctx workflow.Context, s *lapse) error {
	l.moved++
	l.answerAdvance(s.reason)
	l.asking = none
	l.record(ctx, "", "%s; exposing anew, from nobody to %s", s.reason, reach(l.flag))
	l.notify(ctx, "lapsed", true, "%s was at its baseline, because nobody guarded it: %s. It is exposed anew", l.plan.Flag, s.reason)
	l.undoRaise()
	f := l.document(ctx, 0)
	f.Include, f.Where, f.Reason = nil, nil, s.reason
	f.Format = f.NeedsFormat()
	l.tell(ctx, rampart.Waiting, "to be exposed anew: %s", s.reason)
	l.urgent = true
	err := l.write(ctx, "lapse", f)
	l.urgent = false
	if err != nil {
		return err
	}
	l.exposed, l.lost = false, "" // whatever was lost is overtaken
	l.stepSince, l.held = workflow.Now(ctx), 0
	return nil
}
