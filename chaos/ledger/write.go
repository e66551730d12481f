package ledger

import "github.com/rampart-dev/rampart"

// Wrote tells of a write of the store, in the order of writes.
func (l *Ledger) Wrote(e rampart.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(e.Flag)
	if e.Owner == "" { // the kill register, which has versions of its own
		return
	}
	before, known := a.written[e.Version]
	ok := e.Version > a.version || known && before == e.Exposure
	l.Book.Check(ok, Forward, e.Flag, "%s %s under version %d after version %d", e.Verb, e.Exposure, e.Version, a.version)
	a.version, a.written[e.Version] = max(a.version, e.Version), e.Exposure
	w := a.at(e.At)
	switch {
	case w == nil:
		l.Book.Check(e.Exposure == 0, Penned, e.Flag, "%s %s by %s before the first launch", e.Verb, e.Exposure, e.Owner)
	case e.Owner == rampart.FlagID(l.Environment, e.Flag):
		l.byFlag(a, w, e)
	case e.Owner == rampart.LaunchID(l.Environment, e.Flag):
		l.byLaunch(w, e)
	default:
		l.Book.Check(false, Penned, e.Flag, "%s %s by %s", e.Verb, e.Exposure, e.Owner)
	}
}

// Published tells of a document of the change feed, which may have more than the
// history of a store that was emptied.
func (l *Ledger) Published(flag string, version int64, exposure rampart.Percent, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(flag)
	if _, known := a.written[version]; known {
		return
	}
	var most rampart.Percent
	if w := a.at(now); w != nil {
		most = w.ever(now)
	}
	l.Book.Check(exposure <= most, Allowed, flag, "%s is published as version %d, and %s is allowed", exposure, version, most)
	a.written[version] = exposure
}

// byFlag checks a write of the flag's own workflow: what a launch that ended well has
// left may be written again.
func (l *Ledger) byFlag(a *account, w *Walk, e rampart.Event) {
	if e.Verb == "sweep" && w.off == 0 && w.acquired {
		w.off, w.offAt = e.Version, e.At
	}
	if e.Exposure == 0 {
		return
	}
	if e.Verb == "acquire" && w.asked[ByTerminate] > 0 { // the pen of a launch that is gone is taken first
		l.Book.Check(e.Exposure <= w.ever(e.At), Allowed, e.Flag, "%s %s by the sweep", e.Verb, e.Exposure)
		return
	}
	ended := w
	if !w.acquired && w.Number > 1 && e.At >= w.Started { // the next launch has not begun yet
		ended = a.walks[w.Number-2]
	}
	ok := ended.finished() || ended.gap && ended.ever(e.At) >= e.Exposure && ended.off == 0
	l.Book.Check(ok, Penned, e.Flag, "%s %s by the flag's own workflow, and launch %d has not ended well", e.Verb, e.Exposure, ended.Number)
}

// byLaunch checks a write under the pen of the flag's launch.
func (l *Ledger) byLaunch(w *Walk, e rampart.Event) {
	l.Book.Check(w.ended == 0 || e.At <= w.ended, Penned, e.Flag, "%s %s by launch %d, which has ended", e.Verb, e.Exposure, w.Number)
	if e.Verb == "acquire" {
		w.acquired = true
		return
	}
	if e.Verb == "step-back" {
		l.lower(w, e)
		return
	}
	if e.Exposure == 0 {
		if w.off == 0 && (e.Verb == "turn-back" || e.Verb == "kill") {
			w.off, w.offAt = e.Version, e.At
		}
		return
	}
	rungs, rung, most := w.ladder(e.Exposure, e.Version, e.At)
	l.Book.Check(e.Exposure <= most, Allowed, e.Flag, "%s %s by launch %d, and %s is allowed", e.Verb, e.Exposure, w.Number, most)
	if rung == w.rung && w.off == 0 {
		return // the same again
	}
	if rung >= 0 && rung < w.rung && w.off == 0 {
		l.Book.Check(w.gap && w.backs > 0, Backed, e.Flag, "%s %s by launch %d, which stood on rung %d", e.Verb, e.Exposure, w.Number, w.rung)
	} else {
		l.raise(w, e, rungs, rung)
	}
	if rung >= 0 {
		w.rung, w.rungSince, w.gap, w.cooling = rung, e.At, false, false
	}
}

// lower checks a write that steps back. Consent for what is exposed no longer, and for
// what comes after that, does not count for another time.
func (l *Ledger) lower(w *Walk, e rampart.Event) {
	rungs, rung, _ := w.ladder(e.Exposure, e.Version, e.At)
	if e.Exposure == 0 {
		rung = -1
	}
	if rung == w.rung && w.cooling {
		return // the same again
	}
	w.backs--
	l.Book.Check(w.backs >= 0 && w.off == 0 && (rung < w.rung || w.gap), Backed, e.Flag,
		"%s %s by launch %d, which stood on rung %d, and may do so %d times more", e.Verb, e.Exposure, w.Number, w.rung, w.backs)
	w.voids = append(w.voids, void{from: rungs[max(w.rung, 0)].phase(), to: rampart.Learning, at: e.Version})
	w.rung, w.rungSince, w.gap, w.cooling = rung, e.At, false, true
}

// phase returns the phase of a rung; the finish is none.
func (r Rung) phase() rampart.Phase {
	if r.Phase == "" {
		return rampart.Learning
	}
	return r.Phase
}

// raise checks a write that exposes more than the launch exposes, or again after it was
// turned back.
func (l *Ledger) raise(w *Walk, e rampart.Event, rungs []Rung, rung int) {
	check := func(ok bool, rule Rule, format string, args ...any) {
		args = append([]any{e.Verb, e.Exposure, w.Number}, args...)
		l.Book.Check(ok, rule, e.Flag, "%s %s by launch %d, "+format, args...)
	}
	check(w.off == 0, Stopped, "which was turned back at version %d", w.off)
	finish := len(rungs) - 1
	if rung == finish {
		check(w.rung >= finish-1 || w.gap, Holdout, "which stood on rung %d", w.rung)
	} else {
		check(e.Exposure < rungs[finish].Percent, Holdout, "which is not finishing")
	}
	check(w.acquired || w.gap, InOrder, "which has not taken the pen")
	check(rung == max(w.rung+1, w.first) || w.gap && rung > w.rung, InOrder, "which stood on rung %d", w.rung)
	if w.rung >= 0 && !w.gap {
		held, hold := e.At-w.rungSince, min(rungs[w.rung].Hold, w.Rungs[w.rung].Hold)
		if w.cooling {
			hold = w.coolDown
		}
		check(held >= hold, InOrder, "after %d of %d ms", held, hold)
	}
	for cause, at := range w.acked {
		// The store refuses raises of a flag that it knows to be killed, whenever they
		// were decided; for the rest a raise that was under way may still arrive.
		decided := e.Version
		if cause == ByKill && l.emptied < at {
			decided = e.At
		}
		check(decided <= at, Stopped, "decided at %d, and it was ended by a %s at %d", e.Version, cause, at)
	}
	if w.bad > 0 && e.Version > w.bad {
		check(rung <= max(w.badAt+1, w.first), Harmed, "whose on arm has failed since it stood on rung %d", w.badAt)
	}
}
