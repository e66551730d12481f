package activities

import (
	"context"
	"slices"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// LiftInput asks to lift a kill.
type LiftInput struct {
	Flag   string `json:"flag"`
	By     string `json:"by"`
	Reason string `json:"reason"`

	// Known is the register as the flag's own workflow knows it: readers may hold it
	// though the store has forgotten it.
	Known *rampart.Kill `json:"known,omitempty"`
}

// KillState returns what the kill register of a flag says; nil where it was never set.
func (a *Activities) KillState(ctx context.Context, flag string) (*rampart.Kill, error) {
	k, found, err := a.Store.Killed(ctx, flag)
	if err != nil || !found {
		return nil, err
	}
	return &k, nil
}

// Lift lifts the kill register of a flag whose document is at its baseline already.
// It needs another person than any of those who killed.
//
// A kill that the store has lost is written back first: what is lifted must be later
// than what readers hold, or they keep the kill, and the sweep brings it back.
func (a *Activities) Lift(ctx context.Context, in LiftInput) (rampart.Kill, error) {
	if in.Known != nil {
		if err := a.Store.RestoreKill(ctx, *in.Known); err != nil { // which leaves a later one alone
			return rampart.Kill{}, err
		}
	}
	k, found, err := a.Store.Killed(ctx, in.Flag)
	switch {
	case err != nil:
		return k, err
	case !found || !k.Killed:
		return k, nil // lifted by an earlier attempt
	case slices.Contains(k.Killers(), in.By):
		return k, refused(rampart.Errorf(rampart.Refused, "%s was killed by %s, who cannot restore it", in.Flag, in.By).
			WithHint("restoring needs a second person"))
	}
	lifted, err := a.Store.Lift(ctx, in.Flag, in.By, in.Reason, k.Version)
	return lifted, refused(err)
}

// RestoreInput is the intent for a flag that no launch answers for.
type RestoreInput struct {
	Flag rampart.Flag  `json:"flag"`
	Kill *rampart.Kill `json:"kill,omitempty"`
	Pen  rampart.Pen   `json:"pen"` // the fence under which to write, should it be needed
	Why  string        `json:"why"`

	// Launch is the launch that answers for the document; then only the kill register
	// is restored here, and the launch writes its document itself.
	Launch string `json:"launch,omitempty"`
}

// Restored says what a restore found, and did. Its answer is written also where
// nothing had to be.
type Restored struct {
	Answer  Answer `json:"answer"`
	Version int64  `json:"version"` // of the document now
	Done    bool   `json:"done"`    // something was missing, and is back
}

// Restore writes a flag's intent again where the store has lost it or another
// document stands in its place. The kill register comes first, so that no reader
// ever sees the flag without it.
func (a *Activities) Restore(ctx context.Context, in RestoreInput) (Restored, error) {
	if in.Kill != nil {
		if err := a.Store.RestoreKill(ctx, *in.Kill); err != nil {
			return Restored{}, err
		}
	}
	if in.Launch != "" {
		return Restored{Answer: Written, Version: in.Flag.Version}, nil
	}
	entry, err := a.Store.Get(ctx, in.Flag.Name)
	missing := rampart.KindOf(err) == rampart.NotFound
	if err != nil && !missing {
		return Restored{}, err
	}
	if !missing && entry.Flag.Version == in.Flag.Version && entry.Owner == in.Pen.Owner && entry.Unreadable == "" && flagstore.Digest(entry.Flag) == flagstore.Digest(in.Flag) {
		return Restored{Answer: Written, Version: entry.Flag.Version}, nil
	}
	ack, err := a.Store.Put(ctx, flagstore.Write{
		Flag: in.Flag, Pen: in.Pen, Verb: "restore", By: in.Pen.Owner, Reason: in.Why,
	})
	answer, failed := answerTo(err)
	if failed != nil {
		return Restored{}, refused(failed)
	}
	if answer == Owned && entry.Flag.Version < in.Flag.Version {
		return Restored{Answer: Lost, Version: entry.Flag.Version}, a.takeLost(ctx, in, entry)
	}
	return Restored{Answer: answer, Version: ack.Version, Done: answer == Written}, nil
}

// takeLost takes the pen of a launch that has handed it back, which the store forgot:
// what it has is older than what this workflow saw acknowledged.
func (a *Activities) takeLost(ctx context.Context, in RestoreInput, was flagstore.Entry) error {
	_, err := a.Store.Acquire(ctx, flagstore.AcquireInput{
		Flag: in.Flag.Name, Owner: in.Pen.Owner, At: in.Pen.Fence, By: in.Pen.Owner, Reason: in.Why,
		Takes: []string{rampart.LaunchID(a.Store.Environment(), in.Flag.Name)}, Seen: was.Flag.Version, Baseline: &in.Flag, Restore: true,
	})
	return refused(err)
}
