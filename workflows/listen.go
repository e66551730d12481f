package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
)

// listen installs every handler. Handlers set fields and never block: signals each
// have a coroutine of their own, so that a mistyped one holds up no other.
func (l *launch) listen(ctx workflow.Context) error {
	l.listenForKill(ctx)
	l.listenForApprovals(ctx)
	l.listenForLoss(ctx)
	if err := workflow.SetQueryHandlerWithOptions(ctx, rampart.QueryProgress,
		func() (rampart.Progress, error) { return l.progress(), nil },
		workflow.QueryHandlerOptions{Description: "Where the launch stands, why, and who can move it."}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, rampart.UpdateReview,
		func(_ workflow.Context, a rampart.Approval) (rampart.Review, error) { return l.review(a), nil },
		workflow.UpdateHandlerOptions{Validator: l.mayReview, Description: "The dry run of an approval: refused with the reason where it would not count."}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, rampart.UpdateAmend, l.amend,
		workflow.UpdateHandlerOptions{Validator: l.mayAmend, Description: "Go on by another plan: what is passed stays, and the stricter approvals of both count."}); err != nil {
		return err
	}
	for _, u := range []struct {
		name, description string
		check             func(rampart.Ask) error
		do                func(workflow.Context, rampart.Ask) (string, error)
	}{
		{rampart.UpdatePause, "Stop the promotion and the hold's clock; the guard goes on.", l.mayPause, l.pause},
		{rampart.UpdateResume, "Go on after a pause, or after deciding what the launch was held for.", l.mayResume, l.resume},
		{rampart.UpdateAdvance, "End the hold early, if the gates have nothing against it.", l.mayAdvance, l.doAdvance},
		{rampart.UpdateAcknowledge, "Say that a mismatch of the sample ratio was looked into, and what came of it.", l.mayAcknowledge, l.acknowledge},
		{rampart.UpdateReject, "Refuse a phase: turn back, or with hold keep the exposure.", l.mayReject, l.reject},
		{rampart.UpdateTurnBack, "End the launch at the baseline.", l.mayTurnBack, l.doTurnBack},
	} {
		if err := workflow.SetUpdateHandlerWithOptions(ctx, u.name, u.do,
			workflow.UpdateHandlerOptions{Validator: checked(u.check), Description: u.description}); err != nil {
			return err
		}
	}
	return nil
}

// checked puts the conditions that every request must meet before its own.
func checked(check func(rampart.Ask) error) func(rampart.Ask) error {
	return func(a rampart.Ask) error {
		if err := checkAsk(a); err != nil {
			return err
		}
		return check(a)
	}
}

// listenForKill takes any payload, or none.
func (l *launch) listenForKill(ctx workflow.Context) {
	ch := workflow.GetSignalChannelWithOptions(ctx, rampart.SignalKill, workflow.SignalChannelOptions{
		Description: "Turn back now. Any payload, or none, will do."})
	workflow.GoNamed(ctx, rampart.SignalKill, func(ctx workflow.Context) {
		var raw converter.RawValue
		if !ch.Receive(ctx, &raw) {
			return
		}
		s := stop{state: rampart.Killed, cause: rampart.CausePerson, reason: "killed", at: workflow.Now(ctx).UnixMilli()}
		var k rampart.Kill
		if converter.GetDefaultDataConverter().FromPayload(raw.Payload(), &k) == nil && k.Killed {
			k.Flag, k.By, k.Reason = l.plan.Flag, line(k.By, maxName), line(k.Reason, maxText)
			l.killed, s.by, s.reason = &k, k.By, k.Reason
		} else if text := strings.Trim(line(string(raw.Payload().GetData()), maxText), `"`); text != "" && text != "null" {
			s.reason = text
		}
		l.stop(&s)
	})
}

// listenForLoss hears that the store has lost the flag. A watch finds that out by
// itself, but nothing is watched before anybody is exposed.
func (l *launch) listenForLoss(ctx workflow.Context) {
	ch := workflow.GetSignalChannelWithOptions(ctx, rampart.SignalLost, workflow.SignalChannelOptions{
		Description: "The store has lost the flag: write it again."})
	workflow.GoNamed(ctx, rampart.SignalLost, func(ctx workflow.Context) {
		for {
			var why string
			if !ch.Receive(ctx, &why) {
				return
			}
			l.lost = "the store was emptied"
			if why != "" {
				l.lost = line(why, maxName)
			}
		}
	})
}

// stop ends the walk. The first stop counts, but a kill overrules all others.
func (l *launch) stop(s *stop) {
	if l.stopped == nil || s.state == rampart.Killed && l.stopped.state != rampart.Killed && l.state != rampart.TurningBack {
		l.stopped = s
	}
	l.moved++
}

func (l *launch) mayPause(rampart.Ask) error {
	switch {
	case l.ending():
		return fmt.Errorf("the launch is %s", l.state)
	case l.paused != nil:
		return fmt.Errorf("%s paused the launch already", l.paused.By)
	}
	return nil
}

// pause takes back a wish to advance: it would else be granted when the launch is
// resumed, long after anybody looked.
func (l *launch) pause(ctx workflow.Context, a rampart.Ask) (string, error) {
	l.paused = &a
	l.moved++
	l.answerAdvance(a.By + " paused the launch")
	l.record(ctx, a.By, "paused%s", after(": ", a.Reason))
	return fmt.Sprintf("paused at %s; the guard goes on", reach(l.flag)), nil
}

func (l *launch) mayResume(rampart.Ask) error {
	switch {
	case l.ending():
		return fmt.Errorf("the launch is %s", l.state)
	case l.paused == nil && l.onHold == nil && l.mismatch != "":
		return fmt.Errorf("the launch is held because the sample ratio does not match (%s); acknowledge that instead", l.mismatch)
	case l.paused == nil && l.onHold == nil:
		return fmt.Errorf("the launch is neither paused nor held")
	}
	return nil
}

// resume undoes one thing at a time: whoever ends a pause has not decided on what
// the launch was held for meanwhile.
func (l *launch) resume(ctx workflow.Context, a rampart.Ask) (string, error) {
	l.moved++
	l.resumed = workflow.Now(ctx)
	l.record(ctx, a.By, "resumed%s", after(": ", a.Reason))
	if l.paused != nil && l.onHold != nil {
		l.paused = nil
		return fmt.Sprintf("no longer paused, but held at %s: %s; resume again to go on all the same", reach(l.flag), l.onHold.reason), nil
	}
	l.paused, l.onHold = nil, nil
	if l.mismatch != "" {
		return fmt.Sprintf("still held at %s, because the sample ratio does not match: %s; acknowledge that to go on", reach(l.flag), l.mismatch), nil
	}
	return fmt.Sprintf("goes on at %s", reach(l.flag)), nil
}

func (l *launch) mayAdvance(a rampart.Ask) error {
	switch {
	case l.ending():
		return fmt.Errorf("the launch is %s", l.state)
	case l.advance != nil:
		return fmt.Errorf("%s asked to advance already", l.advance.By)
	case l.paused != nil:
		return fmt.Errorf("the launch is paused; resume it first")
	case l.mismatch != "":
		return fmt.Errorf("the launch is held because the sample ratio does not match (%s); look into that and acknowledge it first", l.mismatch)
	case l.onHold != nil && !l.onHold.undecided:
		return fmt.Errorf("the launch is held (%s); decide that first: resume or turn-back", l.onHold.reason)
	case l.onHold != nil && !a.AcceptUndecided:
		return fmt.Errorf("the launch is %s; to go on all the same, accept that with a reason", l.onHold.reason)
	case a.AcceptUndecided && a.Reason == "":
		return fmt.Errorf("to accept an undecided gate takes a reason")
	case l.asking >= 0:
		return fmt.Errorf("the launch waits for approval of %s, which nothing skips", l.plan.Stages[l.asking].Phase)
	case !l.holding:
		return fmt.Errorf("no hold to end: the launch is %s", l.state)
	}
	return nil
}

// doAdvance waits until the gates have been asked: their answer is the answer.
func (l *launch) doAdvance(ctx workflow.Context, a rampart.Ask) (string, error) {
	mine := &advance{Ask: a}
	l.advance = mine
	l.moved++
	l.record(ctx, a.By, "asks to end the hold early%s", after(": ", a.Reason))
	err := workflow.Await(ctx, func() bool { return mine.answered || l.ending() })
	switch {
	case err != nil:
		return "", err
	case !mine.answered:
		return "", fmt.Errorf("the launch is ending")
	case mine.refusal != "":
		return "", fmt.Errorf("not advanced: %s", mine.refusal)
	}
	return "advanced", nil
}

func (l *launch) answerAdvance(refusal string) {
	if l.advance == nil {
		return
	}
	l.advance.answered, l.advance.refusal = true, refusal
	l.advance = nil
}

func (l *launch) mayReject(a rampart.Ask) error {
	switch {
	case l.ending():
		return fmt.Errorf("the launch is %s", l.state)
	case l.asking < 0:
		return fmt.Errorf("the launch waits for no approval; it stands in %s", l.phase)
	case a.Phase != l.plan.Stages[l.asking].Phase:
		return fmt.Errorf("the launch waits for an approval of %s", l.plan.Stages[l.asking].Phase)
	}
	return nil
}

func (l *launch) reject(ctx workflow.Context, a rampart.Ask) (string, error) {
	why := fmt.Sprintf("%s rejected %s%s", a.By, a.Phase, after(": ", a.Reason))
	if a.Hold {
		l.holdOn(ctx, why)
		return fmt.Sprintf("held at %s", reach(l.flag)), nil
	}
	l.stop(&stop{state: rampart.TurnedBack, cause: rampart.CauseRejected, reason: why, by: a.By, at: workflow.Now(ctx).UnixMilli()})
	return "turning back", nil
}

func (l *launch) mayTurnBack(rampart.Ask) error {
	if l.ending() {
		return fmt.Errorf("the launch is %s", l.state)
	}
	return nil
}

func (l *launch) doTurnBack(ctx workflow.Context, a rampart.Ask) (string, error) {
	l.stop(&stop{state: rampart.TurnedBack, cause: rampart.CausePerson, reason: a.Reason, by: a.By, at: workflow.Now(ctx).UnixMilli()})
	return "turning back", nil
}

func (l *launch) ending() bool {
	return l.stopped != nil || l.state == rampart.TurningBack || l.state.Ended()
}
