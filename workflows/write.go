package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// raisePatience is how long a raise may take while somebody is exposed already: the
// gates said yes then, and nobody watches them meanwhile.
const raisePatience = time.Minute

// calendarPatience is how long a raise may take that exposes the first of all: the
// calendar said yes then, and may have closed since.
const calendarPatience = 10 * time.Minute

// errCalledOff is that of a write which is not wanted any more.
var errCalledOff = errors.New("called off")

// raise exposes more. Where the store does not answer in time the launch guards on
// where it is, until the gates and the store answer, and tries again. So it does where
// somebody pauses the launch, or it is held, before the raise has come through.
func (l *launch) raise(ctx workflow.Context, document func() rampart.Flag) error {
	for {
		f, wait := document(), l.patience()
		patience := ctx
		if wait > 0 {
			patience = workflow.WithScheduleToCloseTimeout(ctx, wait)
		}
		l.reaches(ctx, f)
		l.raising = true
		err := l.writeUnless(patience, func() bool { return !l.free() }, "expose", f)
		l.raising = false
		switch {
		case err == errCalledOff:
			l.lost = "a raise to " + reach(f) + " was called off" // an attempt of it may come through yet
		case gaveUp(err):
			l.record(ctx, "", "the flag store did not take %s within %s; guarding on at %s", reach(f), rampart.Duration(wait), reach(l.flag))
		default:
			return err
		}
		l.stale = true
		if err := l.ready(ctx, none); err != nil {
			return err
		}
	}
}

// patience is how long one raise may take; 0 is as long as it takes.
func (l *launch) patience() time.Duration {
	switch {
	case exposing(l.flag):
		return raisePatience
	case l.plan.Calendar != nil:
		return calendarPatience
	}
	return 0
}

// reaches notes an exposure before it is written: whoever stops the launch while the
// store is asked does not undo that it may have been there.
func (l *launch) reaches(ctx workflow.Context, f rampart.Flag) {
	l.highest = max(l.highest, f.Exposure)
	l.flag.HighWater = max(l.flag.HighWater, f.HighWater)
	if l.firstExposed.IsZero() && exposing(f) {
		l.firstExposed = workflow.Now(ctx)
	}
}

// write puts a document into the store under the next fence, and waits for it like
// every wait of the walk: a kill need not wait until the store answers.
func (l *launch) write(ctx workflow.Context, verb string, f rampart.Flag) error {
	for {
		in := l.writeInput(ctx, verb, f)
		got, err := l.put(ctx, in)
		if err != nil {
			return err
		}
		if done, err := l.heard(ctx, in, got); done || err != nil {
			return err
		}
	}
}

// writeUnless is write of what may become unwanted; then it answers errCalledOff.
func (l *launch) writeUnless(ctx workflow.Context, unwanted func() bool, verb string, f rampart.Flag) error {
	if l.version >= 1 {
		l.unwanted = unwanted
		defer func() { l.unwanted = nil }()
	}
	return l.write(ctx, verb, f)
}

// put has one document written. Whatever makes it not wanted any more calls it off, so
// that a store that comes back finds nobody who still tries; an attempt under way then
// is waited for, because what it did settles where the launch stands.
func (l *launch) put(ctx workflow.Context, in activities.ExposeInput) (activities.Exposed, error) {
	var got activities.Exposed
	unwanted := func() bool { return l.unwanted != nil && l.unwanted() }
	if unwanted() {
		return got, errCalledOff
	}
	trying, callOff := ctx, func() {}
	if l.version >= 1 {
		trying, callOff = workflow.WithCancel(ctx)
	}
	defer callOff()
	f := workflow.ExecuteActivity(l.writing(trying, fmt.Sprintf("%s → %s", in.Flag.Name, reach(in.Flag))), do.Expose, in)
	if err := l.await(ctx, func() bool { return f.IsReady() || unwanted() }); err != nil {
		return got, err
	}
	if !f.IsReady() {
		callOff()
		if err := l.await(ctx, f.IsReady); err != nil {
			return got, err
		}
		if err := f.Get(ctx, &got); temporal.IsCanceledError(err) && ctx.Err() == nil {
			return got, errCalledOff
		}
	}
	return got, f.Get(ctx, &got)
}

// writeInput allocates the next fence. Fences only grow: by workflow time, and past
// everything that this launch has written or seen.
func (l *launch) writeInput(ctx workflow.Context, verb string, f rampart.Flag) activities.ExposeInput {
	l.fence++
	if !l.clockAhead {
		l.fence = max(l.fence, workflow.Now(ctx).UnixMilli())
	}
	f.Version = l.fence
	in := activities.ExposeInput{
		Flag: f, Pen: rampart.Pen{Owner: l.id, Fence: l.fence}, Acknowledged: l.acknowledged,
		Verb: verb, By: f.ChangedBy, Reason: f.Reason, Lease: f.Lease, Claims: f.Layer != nil,
	}
	if l.handing { // the last write: the receipt waits for the readers to confirm it
		in.NewOwner, in.Confirm = rampart.FlagID(l.plan.Environment, l.plan.Flag), true
	}
	return in
}

// heard takes in the store's answer to a write, and reports whether it is done.
func (l *launch) heard(ctx workflow.Context, in activities.ExposeInput, got activities.Exposed) (bool, error) {
	switch got.Answer {
	case activities.Written:
		l.acknowledged, l.revision, l.offAt = in.Pen.Fence, got.Revision, got.At
		l.flag, l.digest, l.astray = in.Flag, activities.DigestOf(in.Flag), false
		return true, nil
	case activities.Owned:
		return false, l.retake(ctx, got.Detail)
	case activities.Dead:
		return false, l.killedBy(got)
	case activities.Occupied: // while the store had lost the document, or the bake had left the layer
		return false, &stop{state: rampart.TurnedBack, reason: "it cannot have its slots again: " + got.Detail, at: got.At}
	case activities.Lost: // the taking of the pen may be lost as well
		l.record(ctx, "", "the store had lost %s; writing it again", l.plan.Flag)
		l.acknowledged, l.astray = 0, true
	case activities.Ahead:
		l.record(ctx, "", "the clock of Temporal is ahead of the store's; writing %s next to what is stored", l.plan.Flag)
		l.clockAhead, l.fence = true, got.Stored
		return false, nil
	case activities.Drifted:
		l.record(ctx, "", "%s had been edited by hand; writing it again", l.plan.Flag)
	}
	l.fence = max(l.fence, got.Stored)
	return false, nil
}

// killedBy is the stop of a launch that found its flag killed.
func (l *launch) killedBy(got activities.Exposed) *stop {
	s := &stop{state: rampart.Killed, cause: rampart.CausePerson, reason: "the kill register is set", at: got.At}
	if got.Kill != nil {
		l.killed, s.by, s.reason = got.Kill, got.Kill.By, got.Kill.Reason
	}
	return s
}

// retake takes the pen back where it may be with the flag's own workflow without
// anybody having taken the flag over: the store has lost that this launch took it, or
// has handed it on with a write whose answer nobody waited for. The store gives it
// only then; whoever else holds the pen answers for the flag now.
func (l *launch) retake(ctx workflow.Context, holder string) error {
	taken := &stop{state: rampart.Superseded, reason: "somebody else took the flag over: " + holder}
	if !l.astray {
		return taken
	}
	l.fence++
	f := workflow.ExecuteActivity(l.writing(ctx, "take the pen of "+l.plan.Flag+" back"), do.Retake, activities.RetakeInput{
		Baseline: l.baselineDocument(ctx), Owner: l.id, At: l.fence, Stands: l.stands(ctx),
	})
	if !l.urgent { // nothing stops a turning back
		if err := l.await(ctx, f.IsReady); err != nil {
			return err
		}
	}
	var got activities.Retaken
	if err := f.Get(ctx, &got); err != nil {
		return err
	}
	if got.Answer != activities.Written {
		return taken
	}
	l.record(ctx, "", "took the pen of %s back", l.plan.Flag)
	l.fence, l.acknowledged, l.astray = got.Version, got.Version, l.handing
	return nil
}

// stands returns what the launch exposes: of one that turns back, nobody.
func (l *launch) stands(ctx workflow.Context) rampart.Flag {
	if l.ending() {
		return l.baselineDocument(ctx)
	}
	return l.flag
}
