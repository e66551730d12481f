package activities

import (
	"context"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// Stored is what the store has of a flag; Found is false where it has nothing.
type Stored struct {
	Found bool          `json:"found,omitempty"`
	Flag  rampart.Flag  `json:"flag,omitzero"`
	Owner string        `json:"owner,omitempty"` // who holds the pen
	Kill  *rampart.Kill `json:"kill,omitempty"`
}

// Look returns what the store has of a flag. The flag's own workflow asks before it
// makes the flag: it may have been ended from outside, and be a new one.
func (a *Activities) Look(ctx context.Context, flag string) (Stored, error) {
	e, err := a.Store.Get(ctx, flag)
	if rampart.KindOf(err) == rampart.NotFound {
		return Stored{}, nil
	}
	if err == nil && e.Unreadable != "" {
		err = rampart.Errorf(rampart.Refused, "the document of %s cannot be read: %s", flag, e.Unreadable)
	}
	if err != nil {
		return Stored{}, refused(err)
	}
	return Stored{Found: true, Flag: e.Flag, Owner: e.Owner, Kill: e.Kill}, nil
}

// TakeInput asks for the pen of a launch that may have left without giving it back.
type TakeInput struct {
	Flag   string `json:"flag"`
	Launch string `json:"launch"` // workflow ID
	Owner  string `json:"owner"`  // the flag's own workflow
	At     int64  `json:"at"`
	By     string `json:"by"`

	Seen     int64         `json:"seen,omitempty"`     // the version that the flag must still have, if not 0
	Baseline *rampart.Flag `json:"baseline,omitempty"` // instead of a document that cannot be read
}

// Taken says whether the flag's own workflow has the pen.
type Taken struct {
	Open  bool         `json:"open,omitempty"`  // the launch is under way and keeps it
	Found bool         `json:"found,omitempty"` // the pen is the flag's own workflow's now
	Flag  rampart.Flag `json:"flag,omitzero"`   // as stored then
}

// Take takes the pen of a launch whose workflow was ended from outside, so that it
// turned nothing back. A launch that is under way keeps it, and so does one that
// began while this was looked at.
func (a *Activities) Take(ctx context.Context, in TakeInput) (Taken, error) {
	seen, err := a.Store.Get(ctx, in.Flag)
	lost := rampart.KindOf(err) == rampart.NotFound // which says nothing about the launch
	switch {
	case lost:
		err = nil
	case err == nil && seen.Unreadable != "" && in.Baseline == nil:
		err = rampart.Errorf(rampart.Refused, "the document of %s cannot be read: %s", in.Flag, seen.Unreadable)
	}
	if err != nil {
		return Taken{}, refused(err)
	}
	if open, err := a.Workflows.Open(ctx, in.Launch); err != nil || open {
		return Taken{Open: open}, err
	}
	if lost {
		return Taken{}, nil
	}
	if seen.Owner != in.Launch {
		return Taken{Found: seen.Owner == in.Owner, Flag: seen.Flag}, nil
	}
	if in.Seen != 0 && in.Seen != seen.Flag.Version {
		return Taken{}, refused(rampart.Errorf(rampart.Refused, "%s has moved on: version %d was seen, %d is stored", in.Flag, in.Seen, seen.Flag.Version))
	}
	got, err := a.Store.Acquire(ctx, flagstore.AcquireInput{
		Flag: in.Flag, Owner: in.Owner, At: in.At, By: in.By, Reason: "its launch was ended from outside",
		Takes: []string{in.Launch}, Seen: seen.Flag.Version, Baseline: in.Baseline, Restore: true,
	})
	if err != nil {
		return Taken{}, refused(err)
	}
	return Taken{Found: true, Flag: got.Flag}, nil
}
