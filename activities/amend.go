package activities

import (
	"context"

	"github.com/rampart-dev/rampart"
)

// AmendInput asks what a launch goes on by, when one plan replaces another.
type AmendInput struct {
	Plan    rampart.Plan `json:"plan"`
	Next    rampart.Plan `json:"next"`
	Entered int          `json:"entered"` // the last stage of Plan that was entered; -1: none
}

// Amend checks and completes a plan as the start of a launch does, and compares it with
// the one that is walked.
func (a *Activities) Amend(_ context.Context, in AmendInput) (rampart.Amended, error) {
	next := in.Next.WithDefaults()
	if err := a.walkable(next); err != nil {
		return rampart.Amended{}, refused(err)
	}
	amended, err := in.Plan.Amend(next, in.Entered)
	if err != nil {
		return amended, refused(rampart.Errorf(rampart.Refused, "the plan cannot be amended so").Because(err))
	}
	return amended, nil
}
