package activities

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// SweepInput says how often to sweep.
type SweepInput struct {
	Every rampart.Duration `json:"every"`
}

// Swept is what the sweep has seen, kept from attempt to attempt.
type Swept struct {
	Kills    map[string]int64 `json:"kills,omitempty"`    // by flag, the version of its register that was passed on
	Restores int64            `json:"restores,omitempty"` // how often the whole store was restored
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
		seen.Kills = nil
		return fmt.Sprintf("the store had lost everything; %d flags restored", n), nil
	}
	entries, err := a.Store.List(ctx)
	if err != nil {
		return "", err
	}
	unguarded, exposing := 0, 0
	for _, e := range entries {
		if e.Flag.Launch != "" && (e.Flag.Exposure > 0 || len(e.Flag.Include) > 0) {
			exposing++
		}
		if e.Flag.Lease > 0 && e.Flag.Exposure > 0 && e.Lease != nil && e.Lease.End-a.Now().UnixMilli() < e.Flag.Lease.D().Milliseconds()/2 {
			unguarded++
		}
	}
	if err := a.passOnKills(ctx, seen, entries); err != nil {
		return "", err
	}
	a.Meter.swept(a.Store.Environment(), len(entries), exposing, unguarded, a.Now())
	return fmt.Sprintf("%d flags, %d unguarded, at %s", len(entries), unguarded, a.Now().UTC().Format(time.TimeOnly)), nil
}

// passOnKills tells the workflows of each flag of a register that they may not have
// heard of. The versions of two flags have nothing to do with each other, so what was
// passed on is known for each of them.
func (a *Activities) passOnKills(ctx context.Context, seen *Swept, entries []flagstore.Entry) error {
	var failed errorsOf
	known := map[string]int64{}
	for _, e := range entries {
		name := e.Flag.Name
		if e.Kill == nil {
			continue
		}
		if known[name] = seen.Kills[name]; e.Kill.Version <= known[name] {
			continue
		}
		if err := a.Workflows.Killed(ctx, *e.Kill); err != nil {
			failed.add(fmt.Errorf("pass on the kill of %s: %w", name, err))
		} else {
			known[name] = e.Kill.Version
		}
		activity.RecordHeartbeat(ctx, *seen)
	}
	seen.Kills = known
	return failed.err()
}

// restoring is how many flags are restored at once: so many that ten thousand take
// about a minute, and so few that launches are walked meanwhile.
const restoring = 20

// restoreAll has every flag's workflow write its intent. A flag under a launch is
// written by the launch itself, whose watch finds the loss. One that does not answer
// keeps the store without an epoch, but no other flag from coming back.
func (a *Activities) restoreAll(ctx context.Context) (int, error) {
	names, err := a.Workflows.Flags(ctx)
	if err != nil {
		return 0, err
	}
	var failed errorsOf
	var all errgroup.Group
	all.SetLimit(restoring)
	for _, name := range names {
		all.Go(func() error {
			if err := a.Workflows.Restore(ctx, name, "the store had lost everything"); err != nil {
				failed.add(fmt.Errorf("restore %s: %w", name, err))
			}
			activity.RecordHeartbeat(ctx)
			return nil
		})
	}
	_ = all.Wait()
	if err := failed.err(); err != nil {
		return 0, err
	}
	return len(names), a.Store.RestoreMeta(ctx, a.Namespace)
}

// errorsOf keeps the first error of many that are likely to be alike.
type errorsOf struct {
	mu    sync.Mutex
	first error
	n     int
}

func (e *errorsOf) add(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.n++; e.first == nil {
		e.first = err
	}
}

func (e *errorsOf) err() error {
	if e.n > 1 {
		return fmt.Errorf("%w (and %d more)", e.first, e.n-1)
	}
	return e.first
}
