package starter

import (
	"context"

	"github.com/rampart-dev/rampart"
)

// Amendment asks the launch of a plan's flag to go on by that plan.
type Amendment struct {
	Plan   rampart.Plan
	Source rampart.Source
	By     string
	Reason string
	DryRun bool // say what it would change, and change nothing
}

// Amend makes the launch of a plan's flag go on by that plan. What cannot be amended
// is told with its places, and nothing is sent.
func (s *Starter) Amend(ctx context.Context, in Amendment) (rampart.Amended, error) {
	plan := in.Plan.WithDefaults()
	if err := s.walkable(plan); err != nil {
		return rampart.Amended{}, err
	}
	p, err := s.Progress(ctx, plan.Flag)
	switch {
	case err != nil:
		return rampart.Amended{}, err
	case p.State.Ended() || Broken(p.State):
		return rampart.Amended{}, rampart.Errorf(rampart.Refused, "no launch of %s is under way: the last is %s", plan.Flag, p.State).
			WithHint("rampart start begins another")
	}
	would, err := p.Plan.Amend(plan, p.Entered)
	if err != nil {
		return would, &rampart.Error{Kind: rampart.Refused, Msg: "the plan cannot be amended so",
			Hint: "rampart status " + plan.Flag + " shows where the launch stands", Err: err}
	}
	if in.DryRun {
		return would, nil
	}
	var got rampart.Amended
	return got, s.update(ctx, plan.Flag, rampart.LaunchID(s.Environment(), plan.Flag), rampart.UpdateAmend,
		rampart.Amendment{Plan: plan, Source: in.Source, By: in.By, Reason: in.Reason, Revision: p.Revision}, &got)
}
