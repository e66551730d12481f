package main

import (
	"context"
	"slices"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/ledger"
)

// consent gives one of the approvals that are missing, now and then by a signal past
// the starter, as from Temporal UI.
func (l *launch) consent(ctx context.Context, p rampart.Progress) {
	if !l.meddled[p.Asking] {
		l.meddled[p.Asking] = true
		l.meddle(ctx, p)
		return
	}
	have := 0
	for _, given := range p.Approvals {
		if given.Phase == p.Asking {
			have++
		}
	}
	a := rampart.Approval{Phase: p.Asking, By: l.names[min(have, len(l.names)-1)]}
	if i := slices.IndexFunc(p.Plan.Stages, func(s rampart.Stage) bool { return s.Phase == p.Asking }); i >= 0 {
		a.Group = groupFor(p.Plan.Stages[i].Approvals, p.Approvals, p.Asking)
	}
	taken := l.ledger.Consent(l.walk, a, now())
	what, give := "approve "+string(a.Phase)+" as "+a.By, func() error { _, err := l.people.Approve(ctx, l.flag, a); return err }
	if l.chance.IntN(4) == 0 {
		what, give = what+" by a signal", func() error { return l.signal(ctx, a) }
	}
	if l.try(what, give) {
		taken(now())
	}
}

// groupFor returns a group that has not consented yet; empty: none is asked for.
func groupFor(need *rampart.Approvals, given []rampart.Approval, phase rampart.Phase) string {
	if need == nil {
		return ""
	}
	for _, group := range need.Groups {
		if !slices.ContainsFunc(given, func(a rampart.Approval) bool { return a.Phase == phase && a.Group == group }) {
			return group
		}
	}
	return ""
}

func (l *launch) signal(ctx context.Context, payload any) error {
	return l.people.Temporal.SignalWorkflow(ctx, rampart.LaunchID(environment, l.flag), l.walk.Run, rampart.SignalApprove, payload)
}

// meddle does what must change nothing.
func (l *launch) meddle(ctx context.Context, p rampart.Progress) {
	forged := rampart.Approval{Phase: p.Asking, By: starts, Group: "product"}
	switch l.chance.IntN(5) {
	case 0:
		_, err := l.people.Approve(ctx, l.flag, forged)
		l.book.Check(err != nil, ledger.Refused, l.flag, "%s started launch %d, and approved %s", starts, l.walk.Number, p.Asking)
	case 1:
		l.try("approve as who has started it, by a signal", func() error { return l.signal(ctx, forged) })
	case 2:
		l.try("approve with a mistyped signal", func() error { return l.signal(ctx, []int{1, 2, 3}) })
	case 3:
		doc := l.plan.NewFlag()
		_, err := l.people.Set(ctx, rampart.FlagChange{Flag: doc, By: meddles, Reason: "by hand"})
		l.story.tell(l.flag, "set by hand: %v", err)
		if err == nil { // it is granted once the launch has ended
			got, gone := l.people.ProgressOf(ctx, l.flag, l.walk.Run)
			l.book.Check(gone != nil || got.State.Ended(), ledger.Refused, l.flag, "%s was set by hand during launch %d", l.flag, l.walk.Number)
			return
		}
		l.book.Check(true, ledger.Refused, l.flag, "")
	}
}
