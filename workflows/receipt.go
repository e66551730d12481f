package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// receipt computes what the launch cost from its own ticks.
func (l *launch) receipt(ctx workflow.Context, out rampart.Outcome, e confirmedBy, harm gates.Harm) rampart.Receipt {
	r := rampart.Receipt{
		StartedAt: l.startedAt.UnixMilli(), EndedAt: workflow.Now(ctx).UnixMilli(), Highest: l.highest,
		Readers: e.Readers, Confirmed: e.Confirmed.Confirmed, Gate: l.gateOf(out),
		Requests: harm.Units, Looks: l.memory.Looks, BlindFor: l.memory.Blind.D().Milliseconds(), Approvals: len(l.approved),
	}
	if !l.firstExposed.IsZero() {
		r.FirstExposed = l.firstExposed.UnixMilli()
	}
	if out.State != rampart.Launched {
		r.OffAt = l.offAt
	}
	if r.OffAt > 0 && e.Readers > 0 && e.Confirmed.Confirmed == e.Readers {
		r.Everywhere = e.at
	}
	if out.Cause == rampart.CauseBreach {
		r.BreachAt, r.Affected = l.memory.Tick, harm.Bad
		if !harm.Since.IsZero() {
			r.HarmSince = harm.Since.UnixMilli()
		}
	}
	if gone := max(r.OffAt, r.Everywhere); r.HarmSince > 0 && gone > 0 {
		r.HarmToOff = max(0, gone-r.HarmSince)
	}
	if arms := l.memory.Verdict.SampleRatio; arms != nil {
		r.Units = arms.On
	}
	top := l.highestBeforeFinish()
	r.HoldoutClean = top < rampart.Full && l.before <= top // earlier launches count: the salt is the same
	r.Text = l.receiptText(out, r)
	return r
}

func (l *launch) gateOf(out rampart.Outcome) string {
	if out.Cause == rampart.CauseBreach && l.stopped != nil {
		return l.stopped.gate
	}
	return ""
}

func (l *launch) highestBeforeFinish() rampart.Percent {
	var top rampart.Percent
	for _, s := range l.plan.Stages {
		for _, st := range s.Steps {
			top = max(top, st.Percent)
		}
	}
	return top
}

func (l *launch) receiptText(out rampart.Outcome, r rampart.Receipt) string {
	took := rampart.Duration((time.Duration(r.EndedAt-r.StartedAt) * time.Millisecond).Truncate(time.Second))
	switch {
	case out.State == rampart.Launched:
		return fmt.Sprintf("%s is launched at %s after %s: %s, %d looks at the gates, %s requests compared%s",
			l.plan.Flag, l.flag.Exposure, took, approvals(r.Approvals), r.Looks, rampart.Grouped(r.Requests), l.holdout())
	case out.State == rampart.Superseded:
		return fmt.Sprintf("%s: %s; this launch ended without touching it", l.plan.Flag, out.Reason)
	case r.FirstExposed == 0:
		return fmt.Sprintf("%s %s before anybody was exposed: %s", l.plan.Flag, out.State, out.Reason)
	}
	text := fmt.Sprintf("%s %s in %s: %s.", l.plan.Flag, out.State, l.phase, out.Reason)
	off, by := "Off", ""
	if r.HarmSince > 0 {
		text += fmt.Sprintf(" Harm began about %s.", clock(r.HarmSince))
		off, by = fmt.Sprintf("Turned back %s, off", clock(r.OffAt)), fmt.Sprintf(", %s after harm began", brief(r.HarmToOff))
	}
	if r.Everywhere > 0 {
		text += fmt.Sprintf(" %s everywhere %s (%d of %d readers)%s.", off, clock(r.Everywhere), r.Confirmed, r.Readers, by)
	} else {
		text += fmt.Sprintf(" Off in the store %s%s; %d of %d readers confirmed.", clock(r.OffAt), by, r.Confirmed, r.Readers)
	}
	if r.HarmSince > 0 && r.Affected > 0 { // a bound tells that there is harm, and not whom it hit
		text += fmt.Sprintf(" At least %s of %s requests affected.", rampart.Grouped(r.Affected), rampart.Grouped(r.Requests))
	}
	if r.Units > 0 {
		// Whom several processes served is counted by each, and who came on later by none.
		text += fmt.Sprintf(" %s %s were on when a process first saw them.", rampart.Grouped(float64(r.Units)), many(l.plan.Unit))
	}
	return text
}

// many names units, if they are what a person counts.
func many(u rampart.Unit) string {
	if u == rampart.User {
		return "users"
	}
	return "units"
}

// brief writes a span in milliseconds as people speak of it.
func brief(ms int64) string {
	switch {
	case ms < 10_000:
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	case ms < 60_000:
		return fmt.Sprintf("%d s", ms/1000)
	}
	return fmt.Sprint(rampart.Duration((time.Duration(ms) * time.Millisecond).Truncate(time.Second)))
}

// holdout says whether the units that were kept off to the end had ever been on.
func (l *launch) holdout() string {
	switch top := l.highestBeforeFinish(); {
	case top >= rampart.Full:
		return ""
	case l.before > top:
		return fmt.Sprintf("; the holdout above %s was not clean: an earlier launch had exposed %s", top, l.before)
	default:
		return fmt.Sprintf("; the holdout above %s was clean", top)
	}
}

func approvals(n int) string {
	if n == 1 {
		return "1 approval"
	}
	return fmt.Sprintf("%d approvals", n)
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04:05") }
