package activities

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// RetakeInput asks for the pen again, for a launch that had it.
type RetakeInput struct {
	Baseline rampart.Flag `json:"baseline"` // written where the document itself is gone
	Owner    string       `json:"owner"`    // the launch's workflow ID
	At       int64        `json:"at"`       // above every version that readers may hold

	// Stands is what the launch exposes now; of one that turns back, nobody.
	Stands rampart.Flag `json:"stands,omitzero"`
}

// Retaken says whether the launch has its pen again, and under which version.
type Retaken struct {
	Answer  Answer `json:"answer"` // written or owned
	Version int64  `json:"version,omitempty"`
}

// Retake takes the pen back from the flag's own workflow, or from nobody, as it is
// after the store has lost writes. It goes through while the flag is killed and
// before the store is set up again, because a turning back may be waiting for it.
//
// To take a pen is to write the stored document again. That may be one that a hand has
// edited meanwhile, or of before; where it exposes somebody whom the launch does not,
// the baseline is written in its place.
func (a *Activities) Retake(ctx context.Context, in RetakeInput) (Retaken, error) {
	if err := a.coverUp(ctx, in); err != nil {
		return Retaken{}, err
	}
	got, err := a.Store.Acquire(ctx, flagstore.AcquireInput{
		Flag: in.Baseline.Name, Owner: in.Owner, At: in.At, By: in.Owner, Reason: "the store had lost the pen",
		Baseline: &in.Baseline, Restore: true,
	})
	if errors.Is(err, flagstore.ErrOwned) {
		return Retaken{Answer: Owned}, nil
	}
	return Retaken{Answer: Written, Version: got.Version}, err
}

// coverUp writes the baseline over a document that exposes somebody whom the launch does
// not, under the pen of the flag's own workflow, of which it is taken then. Where somebody
// else holds the pen, or has written since, it changes nothing, and the taking says so.
func (a *Activities) coverUp(ctx context.Context, in RetakeInput) error {
	e, err := a.Store.Get(ctx, in.Baseline.Name)
	if rampart.KindOf(err) == rampart.NotFound || err == nil && (e.Unreadable != "" || in.Stands.Name == "" || !exposesMore(e.Flag, in.Stands)) {
		return nil
	}
	if err != nil {
		return err
	}
	baseline := in.Baseline
	baseline.ChangedAt = in.At
	_, err = a.Store.Put(ctx, flagstore.Write{
		Flag: baseline, Pen: rampart.Pen{Owner: rampart.FlagID(a.Store.Environment(), baseline.Name), Fence: in.At},
		Verb: "restore", By: in.Owner, Reason: "the store had lost the pen, and has another document than the launch wrote",
	})
	if errors.Is(err, flagstore.ErrOwned) || errors.Is(err, flagstore.ErrStale) {
		return nil
	}
	return err
}

// exposesMore reports whether f may expose somebody whom g does not.
func exposesMore(f, g rampart.Flag) bool {
	if !exposes(f) {
		return false
	}
	same := func(a, b []rampart.Rule) bool { return slices.EqualFunc(a, b, sameRule) }
	return f.Exposure > g.Exposure || !same(f.Where, g.Where) || len(f.Include) > 0 && !same(f.Include, g.Include)
}

func sameRule(a, b rampart.Rule) bool { return reflect.DeepEqual(a, b) }
