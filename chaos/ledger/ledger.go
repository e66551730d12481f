package ledger

import (
	"fmt"
	"slices"
	"sync"

	"github.com/rampart-dev/rampart"
)

// A Ledger holds what was told of each flag of an environment.
type Ledger struct {
	Book        *Book
	Environment string

	mu       sync.Mutex
	accounts map[string]*account
	emptied  int64 // when the store was last emptied
	anew     int
}

// An account is what was told of one flag.
type account struct {
	flag     string
	walks    []*Walk
	version  int64                     // the highest that was written
	written  map[int64]rampart.Percent // by version
	kills    map[int64]rampart.Kill    // by version of the register
	restored int64                     // when restoring was last asked for
	readers  map[string]*reader
	doubts   []doubt
	ends     map[int64]int64 // by version, the latest end of its lease that was seen
}

func (l *Ledger) account(flag string) *account {
	a := l.accounts[flag]
	if a == nil {
		a = &account{
			flag: flag, written: map[int64]rampart.Percent{}, kills: map[int64]rampart.Kill{},
			readers: map[string]*reader{}, ends: map[int64]int64{},
		}
		if l.accounts == nil {
			l.accounts = map[string]*account{}
		}
		l.accounts[flag] = a
	}
	return a
}

// at returns the launch that was the last to be started by a time; nil: there was none.
func (a *account) at(ms int64) *Walk {
	for i := len(a.walks) - 1; i >= 0; i-- {
		if a.walks[i].Started <= ms {
			return a.walks[i]
		}
	}
	return nil
}

// Start tells that a launch is about to be asked for, from a phase on; empty: from the
// first. Nobody walks up to a later one, so it needs somebody's consent at least.
func (l *Ledger) Start(plan rampart.Plan, from rampart.Phase, now int64) *Walk {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(plan.Flag)
	w := &Walk{
		Flag: plan.Flag, Number: len(a.walks) + 1, Rungs: Ladder(plan), Started: now, rung: -1, backs: plan.Retries(),
		asked: map[Cause]int64{}, acked: map[Cause]int64{},
	}
	for _, g := range plan.Gates {
		if g.OnBreach != nil {
			w.coolDown = max(w.coolDown, g.OnBreach.CoolDown.D().Milliseconds())
		}
	}
	if from != "" {
		w.first = slices.IndexFunc(w.Rungs, func(r Rung) bool { return r.Phase == from })
		w.Rungs[w.first].Need = max(w.Rungs[w.first].Need, 1)
	}
	a.walks = append(a.walks, w)
	return w
}

// Withdraw tells that a launch was refused, so that there is none.
func (l *Ledger) Withdraw(w *Walk) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(w.Flag)
	a.walks = slices.DeleteFunc(a.walks, func(other *Walk) bool { return other == w })
}

// Amend tells that a launch is about to be asked to go on by another plan that differs
// in one phase. What the phase needs, it needs under the stricter of both. The function
// that it returns tells that this was taken in.
func (l *Ledger) Amend(w *Walk, plan rampart.Plan, phase rampart.Phase, now int64) (taken func(now int64)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	am := &amendment{asked: now, phase: phase, rungs: Ladder(plan)}
	for i, was := range w.Rungs {
		if is := &am.rungs[i]; was.Need > is.Need {
			is.Need, is.Groups = was.Need, was.Groups
		}
	}
	w.amended = am
	return func(now int64) {
		l.mu.Lock()
		defer l.mu.Unlock()
		am.acked = now
	}
}

// Running tells under which run a launch goes on.
func (l *Ledger) Running(w *Walk, run string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.Run = run
}

// Consent tells that an approval that counts is about to be given. The function that it
// returns tells that it was taken in.
func (l *Ledger) Consent(w *Walk, ap rampart.Approval, now int64) (taken func(now int64)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &consent{phase: ap.Phase, by: ap.By, group: ap.Group, asked: now}
	w.consents = append(w.consents, c)
	return func(now int64) {
		l.mu.Lock()
		defer l.mu.Unlock()
		c.acked = now
	}
}

// Ask tells that somebody is about to end a launch.
func (l *Ledger) Ask(w *Walk, c Cause, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.asked[c] == 0 {
		w.asked[c] = now
	}
}

// Acknowledge tells that ending a launch was taken in: for a kill, when the store
// had it.
func (l *Ledger) Acknowledge(w *Walk, c Cause, at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.acked[c] == 0 {
		w.acked[c] = at
	}
}

// Harm tells that the on arm is about to fail, and does until the launch has ended.
// It is told while the launch stands on a rung.
func (l *Ledger) Harm(w *Walk, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.bad, w.badAt = now, w.rung
}

// Restoring tells that a kill is about to be lifted.
func (l *Ledger) Restoring(flag string, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.account(flag).restored = now
}

// Emptied tells that the store has lost everything, and with it writes that nobody
// may have seen.
func (l *Ledger) Emptied(now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.emptied = now
	for _, a := range l.accounts {
		if n := len(a.walks); n > 0 {
			a.walks[n-1].gap = true
		}
	}
}

// Look tells what is kept of a launch's evidence.
func (l *Ledger) Look(w *Walk, tick, looks, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tick == 0 || tick == w.tick && looks == w.looks {
		return
	}
	// What an emptied store had is lost; the launch goes on from what it has itself.
	lost := l.emptied > 0 && w.tick > 0 && now-l.emptied < 60_000
	l.Book.Check(lost || tick > w.tick, Ticks, w.Flag, "launch %d: look %d of tick %d after look %d of tick %d", w.Number, looks, tick, w.looks, w.tick)
	if looks <= w.looks {
		l.anew++
	}
	w.tick, w.looks = tick, looks
}

// Anew returns how often evidence went on from an earlier look than the last one that
// was kept: where the watch died and the store did not answer its successor. The
// looks between are not lost, but made again as one.
func (l *Ledger) Anew() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.anew
}

// End tells how a launch has ended.
func (l *Ledger) End(w *Walk, out rampart.Outcome, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.ended, w.Outcome = now, &out
	ok, why := w.fits(out)
	l.Book.Check(ok, Fits, w.Flag, "launch %d ended %s (%s: %s), but %s", w.Number, out.State, out.Cause, out.Reason, why)
}

// fits says whether an ending is one that what happened can lead to.
func (w *Walk) fits(out rampart.Outcome) (bool, string) {
	switch out.State {
	case rampart.Launched:
		for c, at := range w.acked {
			// A kill may come when everything is done; it is the flag's then. So may
			// the end of a workflow that was about to tell how the launch has ended.
			if c != ByKill && c != ByTerminate && c != BySignal || w.rung < 0 || !w.finished() || at < w.rungSince {
				return false, fmt.Sprintf("it was ended by a %s at %d", c, at)
			}
		}
		return w.bad == 0, "its on arm has failed throughout"
	case rampart.Killed:
		return w.asked[ByKill]+w.asked[BySignal] > 0, "nobody has killed it"
	case rampart.Cancelled:
		return w.asked[ByCancel] > 0, "nobody has cancelled it"
	case rampart.Failed:
		return w.rung < 0, "somebody was exposed"
	case rampart.TurnedBack:
		return w.fitsTurnedBack(out)
	}
	return false, "nothing can end it so"
}

func (w *Walk) fitsTurnedBack(out rampart.Outcome) (bool, string) {
	switch out.Cause {
	case rampart.CausePerson:
		return w.asked[ByTurnBack] > 0, "nobody has turned it back"
	case rampart.CauseRejected:
		return w.asked[ByReject] > 0, "nobody has rejected it"
	case rampart.CauseSwept:
		return w.asked[ByTerminate] > 0, "nobody has terminated it"
	case rampart.CauseBreach, rampart.CauseLease:
		// Services and workers that are gone for long are breaches and ended leases,
		// whoever is to blame.
		return true, ""
	}
	return false, "it has no cause"
}

// OffAt returns when the store had the write that turned a launch back; 0: none was seen.
func (l *Ledger) OffAt(w *Walk) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return w.offAt
}

// Walks returns all launches that were told of.
func (l *Ledger) Walks() []*Walk {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*Walk
	for _, a := range l.accounts {
		all = append(all, a.walks...)
	}
	return all
}
