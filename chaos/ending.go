package main

import (
	"context"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/ledger"
)

// endPatience is how long what must be so after an ending may take: Redis may come
// back empty just then.
const endPatience = 3 * time.Minute

// A wayBack is how long one launch took from what was to end it until nobody was
// exposed in the store.
type wayBack struct {
	what   string
	calm   bool
	length time.Duration
	flag   string
}

// follow does what the plot says once the launch stands where it happens.
func (l *launch) follow(ctx context.Context, p rampart.Progress) {
	there := p.Exposure > 0 && p.Exposure >= l.walk.Rungs[l.plot.rung].Percent
	if l.done || l.plot.cause == ledger.ByReject || !there {
		return
	}
	if l.reached.IsZero() {
		l.reached = time.Now()
	}
	if time.Since(l.reached) < l.plot.delay {
		return
	}
	if l.plot.breaks() {
		if p.State != rampart.Watching && p.State != rampart.Waiting && p.State != rampart.Paused {
			return
		}
		l.done, l.asked = true, now()
		l.ledger.Harm(l.walk, l.asked)
		l.story.tell(l.flag, "the on arm fails from now on")
		l.wish(l.flag, wish{Bad: true})
		return
	}
	if l.plot.cause != "" {
		if l.asked == 0 {
			l.asked = now()
		}
		l.done = l.end(ctx)
	}
}

// end ends the launch in the way of its plot; false: it must be tried again.
func (l *launch) end(ctx context.Context) bool {
	c := l.plot.cause
	l.ledger.Ask(l.walk, c, now())
	switch c {
	case ledger.ByKill:
		return l.kill(ctx)
	case ledger.BySignal: // by hand, in Temporal UI
		if !l.try("kill by a signal", func() error {
			return l.people.Temporal.SignalWorkflow(ctx, rampart.LaunchID(environment, l.flag), l.walk.Run, rampart.SignalKill, "the shop is on fire")
		}) {
			return false
		}
	case ledger.ByTerminate:
		if !l.try("terminate", func() error {
			return l.people.Temporal.TerminateWorkflow(ctx, rampart.LaunchID(environment, l.flag), l.walk.Run, "a slip of the hand")
		}) {
			return false
		}
	case ledger.ByCancel:
		if !l.try("cancel", func() error {
			return l.people.Temporal.CancelWorkflow(ctx, rampart.LaunchID(environment, l.flag), l.walk.Run)
		}) {
			return false
		}
	default:
		if !l.try("turn back", func() error {
			_, err := l.people.TurnBack(ctx, l.flag, rampart.Ask{By: meddles, Reason: "it looks odd"})
			return err
		}) {
			return false
		}
	}
	l.ledger.Acknowledge(l.walk, c, now())
	return true
}

// kill turns the flag off, and makes sure that a workflow knows of it before the
// store may be emptied.
func (l *launch) kill(ctx context.Context) bool {
	l.emptying.RLock()
	defer l.emptying.RUnlock()
	k, err := l.people.Kill(ctx, l.flag, killer, "support queue on fire", 2*time.Second)
	if err != nil {
		l.story.tell(l.flag, "kill: %v", err)
		return false
	}
	l.story.tell(l.flag, "killed at %d; %d of %d readers; %s", k.Kill.At, k.Confirmed.Confirmed, k.Confirmed.Readers, k.Told)
	l.ledger.Acknowledge(l.walk, ledger.ByKill, k.Kill.At)
	_ = l.until(ctx, endPatience, "the flag's workflow knows of the kill", func() error {
		intent, err := l.people.Intent(ctx, l.flag)
		if err == nil && (intent.Kill == nil || intent.Kill.Version < k.Kill.Version) {
			err = errNotYet
		}
		return err
	})
	return true
}

// awaitSwept waits until somebody answers for the flag of a launch that was ended from
// outside, and finds out how it has ended.
func (l *launch) awaitSwept(ctx context.Context) {
	var intent rampart.FlagIntent
	err := l.until(ctx, endPatience, "the flag is swept", func() (err error) {
		if intent, err = l.people.Intent(ctx, l.flag); err != nil {
			return err
		}
		e, err := l.people.Store.Get(ctx, l.flag)
		done := e.Flag.Exposure == rampart.Full || e.Flag.Exposure == 0
		if err == nil && (intent.Launch != "" || e.Owner != rampart.FlagID(environment, l.flag) || !done) {
			err = errNotYet
		}
		return err
	})
	l.book.Check(err == nil || ctx.Err() != nil, ledger.Fits, l.flag, "launch %d was terminated, and nobody answers for its flag: %v: %+v", l.walk.Number, err, intent)
	out := rampart.Outcome{State: rampart.Launched, Reason: "terminated when it was done"}
	if intent.Flag.Exposure == 0 { // be it by the sweep, or because the store has lost what the launch exposed
		out = rampart.Outcome{State: rampart.TurnedBack, Cause: rampart.CauseSwept, Reason: "terminated"}
	}
	l.progress.Outcome = &out
}

// leave checks how the launch has left its flag, and makes the flag ready for the next.
func (l *launch) leave(ctx context.Context) {
	out := l.progress.Outcome
	if out == nil {
		return // the soak was ended
	}
	l.ledger.End(l.walk, *out, now())
	l.wish(l.flag, wish{})
	killed := l.requireLeft(ctx, *out)
	l.measure(*out)
	l.again(*out)
	if l.walk.Harmed() { // the next launch is not to be held to account for the last requests of this one
		pause(ctx, 3*scrape)
	}
	switch {
	case killed: // be it after the goal was reached
		l.restore(ctx)
	case out.State == rampart.Launched:
		if l.chance.IntN(2) == 0 {
			l.rename()
			return
		}
		l.retry(ctx, "disable", func() error {
			_, err := l.people.Disable(ctx, l.flag, rampart.Ask{By: meddles, Reason: "to launch it again"})
			return err
		})
	}
}

// again has the next launch begin where this one got, now and then.
func (l *launch) again(out rampart.Outcome) {
	got := out.State != rampart.Launched && out.Receipt.FirstExposed > 0 && out.Phase.Index() > rampart.Debug.Index()
	if got && l.chance.IntN(2) == 0 {
		l.from = out.Phase
	}
}

// requireLeft checks what the store has of the flag, and reports whether it is killed.
// While the store comes back from a loss nothing is there, but never anything else.
func (l *launch) requireLeft(ctx context.Context, out rampart.Outcome) (killed bool) {
	var last any
	err := l.until(ctx, endPatience, "the store has the flag as the launch left it", func() error {
		e, err := l.people.Store.Get(ctx, l.flag)
		if err != nil {
			return err
		}
		last, killed = e, e.Kill != nil && e.Kill.Killed
		if out.State != rampart.Launched {
			l.book.Check(e.Flag.Exposure == 0 && len(e.Flag.Include) == 0, ledger.Baseline, l.flag,
				"launch %d ended %s, and %s is exposed", l.walk.Number, out.State, e.Flag.Exposure)
		} else if e.Flag.Exposure != rampart.Full {
			return errNotYet
		}
		if e.Owner != rampart.FlagID(environment, l.flag) || e.Lease != nil || l.plot.cause == ledger.ByKill && killed != (out.State == rampart.Killed) && out.State != rampart.Launched {
			return errNotYet
		}
		return nil
	})
	l.book.Check(err == nil || ctx.Err() != nil, ledger.Released, l.flag, "launch %d ended %s, and %v: %+v", l.walk.Number, out.State, err, last)
	return killed
}

// measure notes how long the way back took.
func (l *launch) measure(out rampart.Outcome) {
	fits := l.plot.breaks() && out.Cause == rampart.CauseBreach ||
		l.plot.cause != "" && (out.Cause == rampart.CausePerson || out.Cause == rampart.CauseSwept)
	if l.asked == 0 || !fits {
		return
	}
	off := l.ledger.OffAt(l.walk)
	if off < l.asked {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ways = append(l.ways, wayBack{
		what: l.plot.what, calm: !l.breaking, length: time.Duration(off-l.asked) * time.Millisecond, flag: l.flag,
	})
}

// restore lifts the kill, which the killer cannot do.
func (l *launch) restore(ctx context.Context) {
	l.ledger.Restoring(l.flag, now())
	_, err := l.people.Restore(ctx, l.flag, rampart.Ask{By: killer, Reason: "mended"})
	l.book.Check(err != nil, ledger.Refused, l.flag, "%s killed it, and restored it", killer)
	l.retry(ctx, "restore", func() error {
		_, err := l.people.Restore(ctx, l.flag, rampart.Ask{By: restores, Reason: "mended"})
		return err
	})
}

// retry does something until it succeeds. It may have been done when it failed, so
// that there is nothing left to do is a success.
func (l *launch) retry(ctx context.Context, what string, do func() error) {
	_ = l.until(ctx, endPatience, what, func() error {
		err := do()
		l.story.tell(l.flag, "%s: %v", what, err)
		if err != nil && rampart.KindOf(err) == rampart.Refused {
			e, got := l.people.Store.Get(ctx, l.flag)
			if got == nil && e.Flag.Exposure == 0 && (e.Kill == nil || !e.Kill.Killed) {
				return nil
			}
		}
		return err
	})
}
