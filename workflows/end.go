package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/gates"
)

const (
	// turnBackPatience is how long a turning back may take before somebody is paged.
	turnBackPatience = time.Minute
	// everywherePatience is how long a receipt waits for the last reader to confirm.
	everywherePatience = rampart.Duration(10 * time.Second)
)

// turnBack returns the flag to its baseline, whatever happened and however the
// launch is ending, and tells why. It is retried without limit.
func (l *launch) turnBack(ctx workflow.Context, why error) (rampart.Outcome, error) {
	s := l.stopBy(why)
	l.stopped = s
	safe, cancel := workflow.NewDisconnectedContext(ctx) // survives cancellation
	defer cancel()
	out := rampart.Outcome{State: s.state, Cause: s.cause, Phase: l.phase, Reason: s.reason, By: s.by}
	if s.state == rampart.Superseded || !l.acquired {
		if temporal.IsCanceledError(why) {
			return l.end(safe, out, why)
		}
		return l.end(safe, out, nil) // the flag is another's, or was never this launch's
	}
	l.tell(safe, rampart.TurningBack, "turning back: %s", s.reason)
	l.record(safe, s.by, "turning back: %s", s.reason)
	if err := l.baseline(safe, s); err != nil {
		return out, err
	}
	if l.stopped.state == rampart.Superseded && l.acquired {
		out.State, out.Reason = rampart.Superseded, l.stopped.reason
		return l.end(safe, out, nil)
	}
	if temporal.IsCanceledError(why) {
		return l.end(safe, out, why)
	}
	return l.end(safe, out, nil)
}

// baseline writes the flag with nobody exposed, and hands the pen on. Nothing can
// stop it: it ends when the store has acknowledged, or when the flag is another's.
func (l *launch) baseline(ctx workflow.Context, s *stop) error {
	done := l.pageIfSlow(ctx)
	defer done()
	l.urgent = true
	f := l.baselineDocument(ctx)
	f.ChangedBy, f.Reason = s.by, s.reason
	if f.ChangedBy == "" {
		f.ChangedBy = l.id
	}
	l.handing = true
	if l.version >= 2 { // the store may have handed the pen on with a write whose answer was lost
		l.astray = true
	}
	for {
		in := l.writeInput(ctx, verbOf(s), f)
		in.Insist = true
		if s.offAt == 0 {
			in.Since = s.at
		}
		var got activities.Exposed
		if err := workflow.ExecuteActivity(l.writing(ctx, f.Name+" → baseline"), do.Expose, in).Get(ctx, &got); err != nil {
			// The activity insists, so what ends here is a defect; it is retried all the same.
			l.record(ctx, "", "could not turn back, will try again: %s", message(err))
			if err := workflow.Sleep(ctx, 10*time.Second); err != nil {
				return err
			}
			continue
		}
		ok, err := l.heard(ctx, in, got)
		if err != nil {
			l.stopped = l.stopBy(err)
			return nil
		}
		if ok && s.offAt > 0 {
			l.offAt = s.offAt
		}
		if ok {
			return nil
		}
	}
}

// baselineDocument returns the flag with nobody exposed, as it is when no launch
// answers for it.
func (l *launch) baselineDocument(ctx workflow.Context) rampart.Flag {
	f := l.document(ctx, 0)
	f.Include, f.Where, f.Launch, f.Phase, f.Lease, f.Lifecycle = nil, nil, "", "", 0, rampart.Created
	f.Layer = nil // its slots are free again
	f.Format = f.NeedsFormat()
	return f
}

func verbOf(s *stop) string {
	switch {
	case s.state == rampart.Killed:
		return "kill"
	case s.offAt > 0: // turned back already, by the watch that found the breach
		return activities.VerbHandOver
	}
	return "turn-back"
}

// pageIfSlow calls for help where turning back takes longer than it may. The
// function that it returns calls that off.
func (l *launch) pageIfSlow(ctx workflow.Context) func() {
	ctx, cancel := workflow.WithCancel(ctx)
	workflow.GoNamed(ctx, "page", func(ctx workflow.Context) {
		if workflow.Sleep(ctx, turnBackPatience) != nil {
			return
		}
		l.notify(ctx, "page", true, "%s has not been turned back for %s: the flag store does not answer. Use rampart kill %s",
			l.plan.Flag, rampart.Duration(turnBackPatience), l.plan.Flag)
	})
	return cancel
}

// end tells everybody how the launch ended: the receipt, the flag's own workflow,
// the channels, and Temporal UI.
func (l *launch) end(ctx workflow.Context, out rampart.Outcome, err error) (rampart.Outcome, error) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	var everywhere confirmedBy
	var harm gates.Harm
	if out.State != rampart.Superseded && l.acquired {
		everywhere = l.everywhere(ctx)
		harm = l.recall(ctx, l.gateOf(out))
	}
	out.Receipt = l.receipt(ctx, out, everywhere, harm)
	l.outcome = &out
	l.answerAdvance("the launch has ended")
	l.record(ctx, out.By, "%s", out.Receipt.Text)
	l.notify(ctx, string(out.State), out.State != rampart.Launched, "%s", out.Receipt.Text)
	if l.acquired && out.State != rampart.Superseded {
		l.handOver(ctx, rampart.SignalAnswer, &out)
	}
	l.tell(ctx, out.State, "%s", out.Receipt.Text)
	_ = workflow.Await(ctx, func() bool { return l.pending == 0 && workflow.AllHandlersFinished(ctx) })
	return out, err
}

// confirmedBy is what the readers have confirmed, and when at the latest.
type confirmedBy struct {
	rampart.Confirmed
	at int64 // ms
}

// everywhere waits, for a little while, until the readers have confirmed the end.
func (l *launch) everywhere(ctx workflow.Context) confirmedBy {
	var got confirmedBy
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: everywherePatience.D() + 5*time.Second, ScheduleToCloseTimeout: 30 * time.Second,
		HeartbeatTimeout: 10 * time.Second, Summary: "readers confirm the end",
	})
	err := workflow.ExecuteActivity(ctx, do.Confirm, activities.ConfirmInput{
		Flag: l.plan.Flag, Revision: l.revision, Share: rampart.Full, Wait: everywherePatience,
	}).Get(ctx, &got.Confirmed)
	got.at = workflow.Now(ctx).UnixMilli()
	if err != nil {
		workflow.GetLogger(ctx).Warn("the readers could not be asked", "flag", l.plan.Flag, "error", err)
	}
	return got
}

// recall gets the evidence of the last look: the watch that took it may have been
// cancelled before it could tell. Without an answer the receipt tells what is known.
func (l *launch) recall(ctx workflow.Context, gate string) gates.Harm {
	var got activities.Recalled
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 5 * time.Second, ScheduleToCloseTimeout: 30 * time.Second, Summary: "the last look",
	})
	err := workflow.ExecuteActivity(ctx, do.Recall, activities.RecallInput{
		Flag: l.plan.Flag, Run: l.runID, Gate: gate, Have: l.memory,
	}).Get(ctx, &got)
	if err == nil {
		l.memory = got.Memory
	}
	return got.Harm
}

// handOver tells the flag's own workflow who answers for the flag from now on.
func (l *launch) handOver(ctx workflow.Context, signal string, out *rampart.Outcome) {
	h := rampart.Handover{Launch: l.id, Flag: l.flag, Kill: l.killed, Outcome: out}
	id := rampart.FlagID(l.plan.Environment, l.plan.Flag)
	if err := workflow.SignalExternalWorkflow(ctx, id, "", signal, h).Get(ctx, nil); err != nil {
		l.record(ctx, "", "%s could not be told: %s", id, message(err))
	}
}
