package workflows

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

func (l *launch) mayAmend(a rampart.Amendment) error {
	if err := checkAsk(rampart.Ask{By: a.By, Reason: a.Reason}); err != nil {
		return err
	}
	plan, err := json.Marshal(a.Plan)
	switch {
	case l.ending():
		return fmt.Errorf("the launch is %s", l.state)
	case !l.acquired:
		return fmt.Errorf("the launch has yet to take the pen")
	case l.raising && !exposing(l.flag): // which may take as long as the store is away
		return fmt.Errorf("the first exposure is being written; ask again once it is, or pause the launch first")
	case l.revised >= maxRevisions:
		return fmt.Errorf("the plan was amended %d times; turn the launch back, and start another", l.revised)
	case err != nil:
		return fmt.Errorf("the plan cannot be read: %w", err)
	case len(plan) > rampart.MaxPlanBytes:
		return fmt.Errorf("the plan has %d bytes, more than %d", len(plan), rampart.MaxPlanBytes)
	case a.Revision > 0 && a.Revision != 1+l.revised:
		return fmt.Errorf("it amends revision %d of the plan; the launch walks revision %d", a.Revision, 1+l.revised)
	}
	return nil
}

// amend makes the launch go on by another plan, under the stricter approvals of both.
// An activity compares the two, so that what came of it is in history: the rules of
// comparing may change with the product.
func (l *launch) amend(ctx workflow.Context, a rampart.Amendment) (rampart.Amended, error) {
	for {
		// A raise under way was consented to, and its answer settles where the launch stands.
		if err := workflow.Await(ctx, func() bool { return !l.raising || l.ending() }); err != nil {
			return rampart.Amended{}, err
		}
		revision, entered := l.revised, l.entered()
		var got rampart.Amended
		err := workflow.ExecuteActivity(l.writing(ctx, "amend the plan of "+l.plan.Flag), do.Amend,
			activities.AmendInput{Plan: l.plan, Next: a.Plan, Entered: entered}).Get(ctx, &got)
		switch {
		case err != nil:
			return got, fmt.Errorf("%s", message(err))
		case l.ending():
			return got, fmt.Errorf("the launch is ending")
		case l.revised != revision && a.Revision > 0:
			return got, fmt.Errorf("the plan was amended meanwhile; look at revision %d", 1+l.revised)
		case l.revised != revision || l.entered() != entered || l.raising:
			continue // compared with what is no longer so
		case l.version >= 2 && l.baking && len(got.Plan.Stages) > len(l.plan.Stages):
			return got, fmt.Errorf("no stage can be added: the holdout is released already")
		}
		l.install(ctx, a, got)
		return got, nil
	}
}

// entered is the last stage that the launch has entered and not stepped back from.
func (l *launch) entered() int {
	if l.inside {
		return l.at
	}
	return l.at - 1
}

func (l *launch) install(ctx workflow.Context, a rampart.Amendment, got rampart.Amended) {
	entered := l.entered()
	l.plan, l.source = got.Plan, a.Source
	l.revised++
	l.moved++
	l.amenders[a.By] = true
	if l.version >= 2 { // it would else be granted by a plan that whoever wished it has not seen
		l.answerAdvance(a.By + " amended the plan")
	}
	for _, phase := range got.Voided {
		l.voidApprovals(phase)
		if entered >= 0 && phase == l.plan.Stages[entered].Phase && l.stage().Approvals.Needed() > 0 {
			l.reconsent = true
		}
	}
	l.upsert(ctx, ownerKey.ValueSet(l.plan.Owner))
	l.record(ctx, a.By, "amended the plan (revision %d): %s%s", 1+l.revised, strings.Join(got.Changes, "; "), after(". ", a.Reason))
	l.notify(ctx, "amended", false, "%s amended the plan of %s: %s", a.By, l.plan.Flag, strings.Join(got.Changes, "; "))
}
