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

// LaunchInput is what a launch is started with.
type LaunchInput struct {
	Plan      rampart.Plan   `json:"plan"`
	Source    rampart.Source `json:"source"`
	StartedBy string         `json:"startedBy"`
	Warnings  []string       `json:"warnings,omitempty"`
	From      rampart.Phase  `json:"from,omitempty"` // of a relaunch: the phase to begin with
}

// Launch walks a flag through the phases of its plan, and turns it back when
// anything stops the walk. A turning back is an ordinary result, told by the
// outcome; the workflow fails only where the plan was refused before any exposure,
// and is cancelled only where it was cancelled.
func Launch(ctx workflow.Context, in LaunchInput) (rampart.Outcome, error) {
	l, err := newLaunch(ctx, in)
	if err != nil {
		return rampart.Outcome{}, err
	}
	return l.run(ctx)
}

func (l *launch) run(ctx workflow.Context) (rampart.Outcome, error) {
	if err := l.acquire(ctx); err != nil {
		return l.abandon(ctx, err)
	}
	err := l.walk(ctx)
	for again := l.walksAgain(err); again != nil; again = l.walksAgain(err) {
		if err = again(ctx); err == nil {
			err = l.walk(ctx)
		}
	}
	if err != nil {
		return l.turnBack(ctx, err)
	}
	return l.finish(ctx)
}

// walksAgain returns what is to be done before the walk is tried again, after something
// that interrupted it; nil after all that ends it.
func (l *launch) walksAgain(err error) func(workflow.Context) error {
	var back *setback
	var lapsed *lapse
	switch {
	case errors.As(err, &back):
		return func(ctx workflow.Context) error { return l.stepBack(ctx, back) }
	case errors.As(err, &lapsed):
		return func(ctx workflow.Context) error { return l.comeBack(ctx, lapsed) }
	}
	return nil
}

// acquire takes the pen, so that from here on nobody else writes the flag. Once asked
// for, the pen may be this launch's whatever stops it meanwhile; so the answer is
// waited for, because nobody could write the flag of a launch that left with its pen.
func (l *launch) acquire(ctx workflow.Context) error {
	l.tell(ctx, rampart.Waiting, "taking the pen of %s", l.plan.Flag)
	safe, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	var got activities.Acquired
	err := workflow.ExecuteActivity(l.writing(safe, "take the pen of "+l.plan.Flag), do.Acquire, activities.AcquireInput{
		Plan: l.plan, Owner: l.id, At: workflow.Now(ctx).UnixMilli(), By: l.startedBy, From: l.from,
	}).Get(safe, &got)
	if err != nil {
		return err
	}
	l.acquired, l.trust, l.plan, l.retries = true, got.Trust, got.Plan, got.Plan.Retries()
	l.first = got.Plan.StageOf(l.from)
	l.at = l.first
	l.phase = l.stage().Phase
	if l.before = got.Flag.HighWater; l.before > 0 {
		l.notBefore = workflow.Now(ctx)
	}
	l.flag, l.fence, l.acknowledged, l.revision = got.Flag, got.Version, got.Version, got.Revision
	l.register(ctx)
	l.record(ctx, l.startedBy, "started with %s%s", l.planName(), after(", from ", string(l.from)))
	l.notify(ctx, "started", false, "%s started in %s by %s", l.plan.Flag, l.plan.Environment, l.startedBy)
	l.handOver(safe, rampart.SignalLaunching, nil)
	if l.stopped != nil {
		return l.stopped
	}
	return ctx.Err()
}

// walk takes the launch from where it stands to the end of its plan. The plan may be
// amended meanwhile, so what comes next is asked for at each step.
func (l *launch) walk(ctx workflow.Context) error {
	for i, j, more := l.next(); more; i, j, more = l.next() {
		if j == 0 && !(l.inside && l.at == i) {
			revision := l.revised
			if err := l.ready(ctx, i); err != nil {
				return err
			}
			if l.revised != revision {
				continue // what comes next may be another stage now
			}
			l.enter(ctx, i)
		}
		if err := l.expose(ctx, j); err != nil {
			return err
		}
		if err := l.hold(ctx); err != nil {
			return err
		}
		if err := l.weigh(ctx); err != nil {
			return err
		}
	}
	return l.bake(ctx)
}

// next returns the step that comes after the one that is exposed.
func (l *launch) next() (stage, step int, more bool) {
	switch {
	case !l.inside:
		return l.at, 0, true
	case !l.exposed:
		return l.at, l.step, true
	case l.step+1 < len(l.stage().Steps):
		return l.at, max(l.step+1, l.chosen), true
	case l.at+1 < len(l.plan.Stages):
		return l.at + 1, 0, true
	}
	return 0, 0, false
}

// expose raises the exposure to that of a step. Before anybody is exposed for the
// first time, it makes sure that the way back works.
func (l *launch) expose(ctx workflow.Context, j int) error {
	if err := l.ready(ctx, none); err != nil {
		return err
	}
	if l.firstExposed.IsZero() {
		if err := l.openParachute(ctx); err != nil {
			return err
		}
		if err := l.ready(ctx, none); err != nil { // the parachute may have taken its time
			return err
		}
		if err := l.shadow(ctx); err != nil {
			return err
		}
		if l.shadowed {
			if err := l.ready(ctx, none); err != nil {
				return err
			}
		}
	}
	document := func() rampart.Flag { // anew for each try: the plan may be amended between two
		f := l.document(ctx, l.stage().Steps[j].Percent)
		f.Lease, f.Shadow = rampart.LeaseFor(l.plan, l.stage(), f.Exposure), l.shadowOf(f.Exposure)
		f.Reason = fmt.Sprintf("%s, step %d of %d", l.phase, j+1, len(l.stage().Steps))
		return f
	}
	f := document()
	l.tell(ctx, rampart.Waiting, "exposing %s", reach(f))
	if err := l.raise(ctx, document); err != nil {
		return err
	}
	l.step, l.exposed, l.stepSince, l.held = j, true, workflow.Now(ctx), 0
	l.chosen, l.waited = 0, 0
	if j == 0 {
		l.stageSince, l.extended, l.decision = l.stepSince, 0, nil
	}
	l.record(ctx, "", "%s: %s", l.phase, reach(f))
	return nil
}

// bake exposes everybody, which releases the holdout, and watches once more.
func (l *launch) bake(ctx workflow.Context) error {
	end := *l.plan.Finish
	if end.Bake == 0 && end.Percent == l.flag.Exposure && l.plan.Layer == nil {
		return nil // the last step has watched everybody already
	}
	if err := l.ready(ctx, none); err != nil {
		return err
	}
	if _, _, more := l.next(); more && l.version >= 2 { // a stage was added meanwhile
		return l.walk(ctx)
	}
	l.baking, l.exposed = true, false
	document := func() rampart.Flag {
		f := l.document(ctx, end.Percent)
		f.Reason = "finish"
		return f
	}
	f := document()
	l.tell(ctx, rampart.Baking, "exposing %s", reach(f))
	if err := l.raise(ctx, document); err != nil {
		return err
	}
	l.step, l.exposed, l.stepSince, l.held = 0, true, workflow.Now(ctx), 0
	l.record(ctx, "", "baking: %s", reach(f))
	if end.Bake == 0 {
		return nil
	}
	return l.hold(ctx)
}

// finish hands the flag, now fully launched, to its own workflow.
func (l *launch) finish(ctx workflow.Context) (rampart.Outcome, error) {
	f := l.document(ctx, l.flag.Exposure)
	f.Launch, f.Phase, f.Lease, f.Lifecycle, f.Reason = "", "", 0, rampart.Released, "launched"
	l.handing, l.astray = true, true
	if err := l.write(ctx, "finish", f); err != nil {
		return l.turnBack(ctx, err)
	}
	return l.end(ctx, rampart.Outcome{State: rampart.Launched, Phase: l.phase, Reason: "every phase passed"}, nil)
}

// document returns the flag as it is to be at an exposure in the current stage.
func (l *launch) document(ctx workflow.Context, percent rampart.Percent) rampart.Flag {
	f := l.flag
	f.Exposure, f.Launch, f.Phase, f.Lifecycle = percent, l.id, l.phase, rampart.Ramping
	f.Off, f.On, f.Unit = l.plan.Values[0], l.plan.Values[1], l.plan.Unit
	f.Owner, f.Purpose, f.RetireBy, f.Type = l.plan.Owner, l.plan.Purpose, l.plan.RetireBy, l.plan.Type
	f.Include, f.Where, f.Shadow = nil, nil, 0
	if l.inside {
		f.Where = l.stage().Where
		for _, s := range l.plan.Stages[:l.at+1] {
			f.Include = append(f.Include, s.Include...)
		}
	}
	if f.Layer = l.plan.Layer; l.baking { // everybody is exposed, those of other slots too
		f.Layer = nil
	}
	f.HighWater, f.Format = max(f.HighWater, percent), f.NeedsFormat()
	f.ChangedAt, f.ChangedBy, f.Lease = workflow.Now(ctx).UnixMilli(), l.startedBy, 0
	return f
}

// openParachute waits until the readers confirm what the taking of the pen has
// written, which exposes nobody: whoever can be told "still off" can be told "off".
func (l *launch) openParachute(ctx workflow.Context) error {
	p := l.plan.Parachute
	for {
		l.tell(ctx, rampart.Waiting, "parachute: waiting for the readers to confirm")
		l.waitingFor = rampart.ForParachute
		got, err := l.confirm(ctx, p.Share, p.Wait)
		if err != nil {
			return err
		}
		l.waitingFor = ""
		l.parachute = &got
		if got.Confirmed*int(rampart.Full) >= got.Readers*int(p.Share) {
			l.record(ctx, "", "parachute opens: %d of %d readers in %d ms", got.Confirmed, got.Readers, got.Millis)
			return nil
		}
		l.holdOn(ctx, fmt.Sprintf("the parachute did not open: %d of %d readers confirmed within %s", got.Confirmed, got.Readers, p.Wait))
		if err := l.clear(ctx); err != nil {
			return err
		}
	}
}

func (l *launch) confirm(ctx workflow.Context, share rampart.Percent, wait rampart.Duration) (rampart.Confirmed, error) {
	var got rampart.Confirmed
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: wait.D() + 10*time.Second, HeartbeatTimeout: 10 * time.Second,
		Summary: "readers confirm", RetryPolicy: patiently,
	})
	f := workflow.ExecuteActivity(ctx, do.Confirm, activities.ConfirmInput{Flag: l.plan.Flag, Revision: l.revision, Share: share, Wait: wait})
	if err := l.await(ctx, f.IsReady); err != nil {
		return got, err
	}
	return got, f.Get(ctx, &got)
}

// abandon ends a launch that never held the pen.
func (l *launch) abandon(ctx workflow.Context, why error) (rampart.Outcome, error) {
	var app *temporal.ApplicationError
	if errors.As(why, &app) && app.Type() == activities.TypeRefused {
		l.tell(ctx, rampart.Failed, "refused: %s", app.Message())
		return rampart.Outcome{}, why
	}
	return l.turnBack(ctx, why)
}
