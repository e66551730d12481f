package workflows

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/gates"
)

// A standing is a stay at the current exposure, under guard.
type standing struct {
	done  func() bool // ends it; nil: the hold is over, and the gates pass
	raise bool        // the gates are asked whether more may be exposed
}

// hold keeps a step exposed until its gates pass after the hold, or a person ends
// the hold early and the gates have nothing against it.
func (l *launch) hold(ctx workflow.Context) error {
	l.holding = true
	defer func() { l.holding = false }()
	return l.stand(ctx, standing{})
}

// clear waits until nothing stands against raising the exposure: no pause, nothing
// that a person must decide, and, after a wait for people in which the gates were
// only guarded, gates that answer. Who consented has not seen what came later.
func (l *launch) clear(ctx workflow.Context) error {
	for !l.mayRaise() { // again, should somebody pause while the gates say yes
		if err := l.stand(ctx, standing{done: l.mayRaise, raise: true}); err != nil {
			return err
		}
	}
	return nil
}

func (l *launch) mayRaise() bool { return l.free() && !(l.stale && exposing(l.flag)) }

func (l *launch) free() bool {
	decided := l.onHold == nil && l.mismatch == ""
	return l.paused == nil && decided
}

// stand keeps the current exposure under guard, until what the standing waits for.
func (l *launch) stand(ctx workflow.Context, s standing) error {
	for s.done == nil || !s.done() {
		l.stood++
		if err := l.full(ctx); err != nil {
			return err
		}
		if l.version < 1 || !exposing(l.flag) { // else a watch goes on meanwhile
			if err := l.mendLoss(ctx, never); err != nil {
				return err
			}
		}
		if s.done == nil && l.reconsent {
			if err := l.consentAgain(ctx, never); err != nil {
				return err
			}
			continue
		}
		if s.done == nil && l.endShadow(ctx) {
			return nil
		}
		mode := l.mode(s)
		l.stale = l.stale || mode == activities.Guard
		l.showStanding(ctx, s)
		if mode == activities.Guard && !exposing(l.flag) {
			moved := l.moved
			if err := l.await(ctx, func() bool { return l.moved != moved || l.lost != "" || s.done != nil && s.done() }); err != nil {
				return err
			}
			continue
		}
		got, err := l.look(ctx, mode, s)
		if err != nil {
			return err
		}
		if passed, err := l.heed(ctx, got); passed || err != nil {
			return err
		}
	}
	return nil
}

func (l *launch) mode(s standing) activities.Mode {
	switch {
	case s.raise && l.free():
		return activities.Raise
	case s.done != nil || l.paused != nil || l.mismatch != "":
		return activities.Guard
	case l.advance != nil: // an advance past undecided lifts the hold it is about
		return activities.Advance
	case l.onHold != nil:
		return activities.Guard
	case l.shadowing:
		return activities.Shadow
	}
	return activities.Hold
}

// full stops a launch whose history is nearly full, while it can still turn back.
func (l *launch) full(ctx workflow.Context) error {
	info := workflow.GetInfo(ctx)
	if l.version < 2 || info.GetCurrentHistoryLength() < fullEvents && info.GetCurrentHistorySize() < fullBytes {
		return nil
	}
	l.notify(ctx, "page", true, "the history of %s is full (%d events); it is turned back before Temporal ends it", l.plan.Flag, info.GetCurrentHistoryLength())
	return &stop{state: rampart.TurnedBack, reason: "its history is full: it was steered, or its metrics swung, tens of thousands of times", at: workflow.Now(ctx).UnixMilli()}
}

// heldStep is the step that is held; of any other standing, the exposure alone. It is
// read anew for each watch, because an amendment may change the hold.
func (l *launch) heldStep(s standing) rampart.Step {
	switch {
	case s.done != nil:
		return rampart.Step{Percent: l.flag.Exposure}
	case l.shadowing:
		return rampart.Step{Hold: l.plan.Shadow}
	case l.baking:
		return rampart.Step{Percent: l.plan.Finish.Percent, Hold: l.plan.Finish.Bake}
	}
	step := l.stage().Steps[l.step]
	step.Hold += l.extended + l.waited
	return step
}

// look runs one watch until it finds something, a person intervenes, or done. Of
// the latter two it returns nothing: the next watch goes on where this one was.
func (l *launch) look(ctx workflow.Context, mode activities.Mode, s standing) (activities.Watched, error) {
	step := l.heldStep(s)
	watched, cancel := workflow.WithCancel(ctx)
	defer cancel()
	moved, version, revised := l.moved, l.acknowledged, l.revised
	f := workflow.ExecuteActivity(l.watching(watched, mode, step), do.Watch, l.watchInput(mode, step))
	for {
		intervened := func() bool { return l.moved != moved || s.done != nil && s.done() }
		if err := l.await(ctx, func() bool { return f.IsReady() || l.lost != "" || intervened() }); err != nil {
			return activities.Watched{}, err
		}
		if f.IsReady() {
			break
		}
		if intervened() {
			return activities.Watched{}, nil
		}
		// The watch goes on meanwhile: its heartbeat is all that is left of the evidence,
		// and would be lost with it. What it finds is heeded first.
		unwanted := func() bool { return f.IsReady() || intervened() }
		if err := l.mendLoss(ctx, unwanted); err != nil && err != errCalledOff {
			return activities.Watched{}, err
		}
	}
	var got activities.Watched
	if err := f.Get(ctx, &got); err != nil {
		return got, err
	}
	l.memory, l.held = got.Memory, got.Memory.Held
	if got.Cause != "" {
		l.told[got.Cause] = got.Memory.Lasting[got.Cause]
	}
	if got.Found == activities.FoundLoss && version != l.acknowledged {
		return activities.Watched{}, nil // it guarded what was mended meanwhile
	}
	if mode == activities.Advance && l.advance == nil && (got.Found == activities.FoundPass || got.Found == activities.FoundRefusal) {
		return activities.Watched{}, nil // the wish was taken back meanwhile
	}
	if l.version >= 2 && l.revised != revised && got.Found == activities.FoundPass {
		return activities.Watched{}, nil // it passed a plan that was amended meanwhile
	}
	return got, nil
}

// watching are the options of a watch. Its attempts are short, so that one that
// died with its worker is soon followed by the next; between attempts the time of
// the next look comes from the activity itself.
func (l *launch) watching(ctx workflow.Context, mode activities.Mode, step rampart.Step) workflow.Context {
	summary := fmt.Sprintf("%s: gates at %s for %s", l.phase, step.Percent, step.Hold)
	switch mode {
	case activities.Shadow:
		summary = fmt.Sprintf("shadow: gates learn for %s", step.Hold)
	case activities.Guard:
		summary = fmt.Sprintf("guard at %s", step.Percent)
	case activities.Raise:
		summary = fmt.Sprintf("may more than %s be exposed?", step.Percent)
	}
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           rampart.GateQueue(l.plan.Environment),
		StartToCloseTimeout: 15 * time.Second,
		Summary:             summary,
		RetryPolicy:         steadily,
	})
}

func (l *launch) watchInput(mode activities.Mode, step rampart.Step) activities.WatchInput {
	in := activities.WatchInput{
		Flag: l.plan.Flag, Run: l.runID, Version: l.acknowledged, Mode: mode, Gates: l.gates(),
		Phase: l.phase, PhaseIndex: l.at, Phases: len(l.plan.Stages), Schedule: gates.ScheduleOf(l.plan), Step: l.stepName(),
		Exposure: l.flag.Exposure, Exposing: exposing(l.flag), Shadow: l.flag.Shadow,
		Since: l.stepSince, Resumed: l.resumed, FirstExposed: l.firstExposed, NotBefore: l.notBefore, Hold: step.Hold, Every: l.plan.Every,
		Alpha: l.plan.Alpha / rampart.Percent(1+l.retries), Lease: l.flag.Lease, LeaseWarn: l.plan.LeaseWarn(), Digest: l.digest, Blind: *l.plan.OnBlind,
		Accept: l.advance != nil && l.advance.AcceptUndecided,
		Told:   maps.Clone(l.told), Acked: l.acks, Memory: l.memory,
	}
	if l.inside && !l.baking {
		in.Most = l.mostUndecided(step)
		l.asksForMore(&in)
	}
	return in
}

// asksForMore has the watch look, besides harm, at what the stage is to decide.
func (l *launch) asksForMore(in *activities.WatchInput) {
	if l.version < 3 || !l.exposed {
		return
	}
	in.SampleRatio = l.plan.Unit != rampart.Request && (len(l.plan.Goals) > 0 || slices.ContainsFunc(in.Gates, rampart.Gate.Compares))
	if l.phase == rampart.MaxPowerRamp {
		in.Goals, in.NonInferior, in.CapAt = l.plan.Goals, l.plan.NonInferior, l.capOf()
		in.Decide = l.decision != nil || l.endsRamp() && (in.Mode == activities.Hold || in.Mode == activities.Advance)
	}
	if l.recommends() {
		for _, step := range l.stage().Steps {
			in.Ladder = append(in.Ladder, step.Percent)
		}
	}
}

// gates are those that are judged now. While the launch cools down only those that
// have no share in the error budget are: the next attempt begins with fresh evidence,
// for which what is seen meanwhile does not count.
//
// A raise that has not come through yet leaves people with what the stage before
// exposed, so it is that stage's gates that guard them.
func (l *launch) gates() []rampart.Gate {
	at := l.at
	switch {
	case l.baking && l.exposed:
		return l.plan.GatesOf(rampart.Stage{})
	case !l.baking && l.inside && !l.exposed && l.at > l.first:
		at--
	}
	all := l.plan.GatesOf(l.plan.Stages[at])
	if l.cooling {
		all = slices.DeleteFunc(all, rampart.Gate.Statistical)
	}
	return all
}

func (l *launch) stepName() string {
	switch {
	case l.shadowing:
		return "shadow"
	case l.baking:
		return "bake"
	}
	return fmt.Sprintf("%s/%d", l.phase, l.step+1)
}

// heed acts on what a watch found, and reports whether the hold is over.
func (l *launch) heed(ctx workflow.Context, got activities.Watched) (bool, error) {
	switch got.Found {
	case activities.FoundPass:
		l.stale = false
		if l.holding {
			l.hurried = l.advance != nil
			l.record(ctx, "", "%s passed at %s: %s", l.stepName(), l.flag.Exposure, got.Reason)
			l.answerAdvance("")
			l.onHold = nil
		}
		return true, nil
	case activities.FoundRefusal:
		l.record(ctx, l.advance.By, "not advanced: %s", got.Reason)
		l.answerAdvance(got.Reason)
	case activities.FoundBreach:
		if back := l.mayStepBack(got); back != nil {
			return false, back
		}
		s := &stop{state: rampart.TurnedBack, cause: rampart.CauseBreach, reason: got.Reason, gate: got.Gate, at: got.At}
		if w := got.Withdrawn; w != nil && w.Version > l.acknowledged { // else the launch has written since
			l.fence, l.acknowledged, l.revision = max(l.fence, w.Version), w.Version, w.Revision
			s.offAt = w.At
		}
		return false, s
	case activities.FoundBlind:
		if l.plan.OnBlind.Action == rampart.ActTurnBack {
			return false, &stop{state: rampart.TurnedBack, cause: rampart.CauseBlind, reason: got.Reason, gate: got.Gate, at: got.At}
		}
		l.holdUp(ctx, holdUp{reason: got.Reason}, true)
	case activities.FoundHold: // a breach names its cause, which lasts
		if got.Cause == activities.SampleRatio {
			l.mismatched(ctx, got.Reason)
			break
		}
		l.holdUp(ctx, holdUp{reason: got.Reason, undecided: got.Cause == "", cause: got.Cause}, false)
	case activities.FoundNoData:
		l.record(ctx, "", "%s", got.Reason)
		l.notify(ctx, "no-data", false, "%s does not go on: %s", l.plan.Flag, got.Reason)
	case activities.FoundNotice:
		l.record(ctx, "", "breach, to be notified only: %s", got.Reason)
		l.notify(ctx, "breach", false, "%s: %s", l.plan.Flag, got.Reason)
	case activities.FoundKill:
		l.killed = got.Kill
		return false, &stop{state: rampart.Killed, cause: rampart.CausePerson, reason: got.Kill.Reason, by: got.Kill.By, at: got.At}
	case activities.FoundLeaseEnd:
		if l.comesBack(ctx) {
			return false, &lapse{reason: got.Reason}
		}
		return false, &stop{state: rampart.TurnedBack, cause: rampart.CauseLease, reason: got.Reason, at: got.At}
	case activities.FoundLate: // and another watch begins, which may find more
		l.record(ctx, "", "%s", got.Reason)
		l.notify(ctx, "unguarded", false, "%s: %s", l.plan.Flag, got.Reason)
	case activities.FoundLoss:
		return false, l.rewrite(ctx, got.Reason)
	}
	return false, nil
}

// mendLoss writes the document again after it was lost, unless somebody intervenes
// meanwhile: then it is still to be done.
func (l *launch) mendLoss(ctx workflow.Context, unwanted func() bool) error {
	if l.lost == "" {
		return nil
	}
	why := l.lost
	l.lost = ""
	err := l.rewriteUnless(ctx, unwanted, why)
	if err == errCalledOff && l.lost == "" {
		l.lost = why
	}
	return err
}

// rewrite puts the document that the launch stands on back into the store. The history
// of the flag is to say why it was written.
func (l *launch) rewrite(ctx workflow.Context, why string) error {
	return l.rewriteUnless(ctx, never, why)
}

func (l *launch) rewriteUnless(ctx workflow.Context, unwanted func() bool, why string) error {
	l.record(ctx, "", "the store has another document (%s); writing it again", why)
	f := l.flag
	f.Reason = why
	return l.writeUnless(ctx, unwanted, "restore", f)
}

// holdOn stops the promotion until a person decides.
func (l *launch) holdOn(ctx workflow.Context, reason string) {
	l.holdUp(ctx, holdUp{reason: reason}, false)
}

// holdUp also voids the approvals of the stage that is asked for: they were given
// before this was known.
func (l *launch) holdUp(ctx workflow.Context, h holdUp, urgent bool) {
	if l.version >= 2 && l.onHold != nil && h.cause != "" && l.onHold.cause == h.cause {
		return // a bound that swings says nothing new to who is to decide already
	}
	l.onHold = &h
	l.moved++
	if l.asking >= 0 {
		l.voidApprovals(l.plan.Stages[l.asking].Phase)
	}
	if l.shadowing && l.stage().Approvals.Needed() > 0 && workflow.GetVersion(ctx, "shadow", workflow.DefaultVersion, 1) >= 1 {
		l.voidApprovals(l.phase) // the stage is entered, but nobody is exposed in it yet
		l.reconsent = true
	}
	l.answerAdvance(h.reason)
	l.record(ctx, "", "held: %s", h.reason)
	l.notify(ctx, "held", urgent, "%s is held at %s until somebody decides: %s", l.plan.Flag, l.flag.Exposure, h.reason)
}
