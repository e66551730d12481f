package activities

import (
	"context"
	"errors"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// RetakeInput asks for the pen again, for a launch that had it.
type RetakeInput struct {
	Baseline rampart.Flag `json:"baseline"` // written where the document itself is gone
	Owner    string       `json:"owner"`    // the launch's workflow ID
	At       int64        `json:"at"`       // above every version that readers may hold
}

// Retaken says whether the launch has its pen again, and under which version.
type Retaken struct {
	Answer  Answer `json:"answer"` // written or owned
	Version int64  `json:"version,omitempty"`
}

// Retake takes the pen back from the flag's own workflow, or from nobody, as it is
// after the store has lost writes. It goes through while the flag is killed and
// before the store is set up again, because a turning back may be waiting for it.
func (a *Activities) Retake(ctx context.Context, in RetakeInput) (Retaken, error) {
	got, err := a.Store.Acquire(ctx, flagstore.AcquireInput{
		Flag: in.Baseline.Name, Owner: in.Owner, At: in.At, By: in.Owner, Reason: "the store had lost the pen",
		Baseline: &in.Baseline, Restore: true,
	})
	if errors.Is(err, flagstore.ErrOwned) {
		return Retaken{Answer: Owned}, nil
	}
	return Retaken{Answer: Written, Version: got.Version}, err
}
