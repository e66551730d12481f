package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/rampart-dev/rampart"
)

// SweepInput says how often to sweep.
type SweepInput struct {
	Every rampart.Duration `json:"every"`
}

// Swept is what the sweep has seen, kept from attempt to attempt.
type Swept struct {
	Kills    int64 `json:"kills"`    // the highest version of a kill that was passed on
	Restores int64 `json:"restores"` // how often the whole store was restored
}

// Sweep keeps the store and the workflows of an environment in step. It passes on
// kills that were written while Temporal was away, and where the store has lost its
// epoch, and so everything, it has every flag's workflow write its intent again;
// only then does the store get a new epoch, so a sweep that dies starts over.
//
// Like a watch it fails benignly, and Temporal's retry timer is the loop.
func (a *Activities) Sweep(ctx context.Context, in SweepInput) error {
	var seen Swept
	if activity.HasHeartbeatDetails(ctx) {
		_ = activity.GetHeartbeatDetails(ctx, &seen) // unreadable: start over
	}
	note, err := a.sweep(ctx, &seen)
	activity.RecordHeartbeat(ctx, seen)
	if err != nil {
		note = "will try again: " + err.Error()
		activity.GetLogger(ctx).Warn("sweep", "error", err)
	}
	return temporal.NewApplicationErrorWithOptions(note, TypeHolding, temporal.ApplicationErrorOptions{
		NextRetryDelay: in.Every.D(), Category: temporal.ApplicationErrorCategoryBenign,
	})
}

func (a *Activities) sweep(ctx context.Context, seen *Swept) (string, error) {
	meta, err := a.Store.Meta(ctx)
	if err != nil {
		return "", err
	}
	if meta.Epoch == "" {
		n, err := a.restoreAll(ctx)
		if err != nil {
			return "", err
		}
		seen.Restores++
		seen.Kills = 0
		return fmt.Sprintf("the store had lost everything; %d flags restored", n), nil
	}
	entries, err := a.Store.List(ctx)
	if err != nil {
		return "", err
	}
	unguarded := 0
	for _, e := range entries {
		if e.Flag.Lease > 0 && e.Flag.Exposure > 0 && e.Lease != nil && e.Lease.End-a.Now().UnixMilli() < e.Flag.Lease.D().Milliseconds()/2 {
			unguarded++
		}
		if e.Kill == nil || e.Kill.Version <= seen.Kills {
			continue
		}
		if err := a.Workflows.Killed(ctx, *e.Kill); err != nil {
			return "", fmt.Errorf("pass on the kill of %s: %w", e.Flag.Name, err)
		}
	}
	for _, e := range entries {
		if e.Kill != nil {
			seen.Kills = max(seen.Kills, e.Kill.Version)
		}
	}
	a.Meter.swept(a.Store.Environment(), len(entries), unguarded, a.Now())
	return fmt.Sprintf("%d flags, %d unguarded, at %s", len(entries), unguarded, a.Now().UTC().Format(time.TimeOnly)), nil
}

// restoreAll has every flag's workflow write its intent. A flag under a launch is
// written by the launch itself, whose watch finds the loss.
func (a *Activities) restoreAll(ctx context.Context) (int, error) {
	names, err := a.Workflows.Flags(ctx)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		activity.RecordHeartbeat(ctx)
		if err := a.Workflows.Restore(ctx, name, "the store had lost everything"); err != nil {
			return 0, fmt.Errorf("restore %s: %w", name, err)
		}
	}
	return len(names), a.Store.RestoreMeta(ctx, a.Namespace)
}
