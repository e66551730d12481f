package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// SweepInput says how often to sweep.
type SweepInput struct {
	Every rampart.Duration `json:"every"`
}

// Swept is what the sweep has seen, kept from attempt to attempt. All of it may be
// lost: then the sweep waits, or asks, once more than it had to.
type Swept struct {
	Kills    map[string]int64   `json:"kills,omitempty"`    // by flag, the version of its register that was passed on
	Restores int64              `json:"restores,omitempty"` // how often the whole store was restored
	Revision int64              `json:"revision,omitempty"` // the highest that the store has had
	Missing  map[string]Absence `json:"missing,omitempty"`  // by flag, launches that Temporal does not know
	Recent   []int64            `json:"recent,omitempty"`   // ms: when a flag was swept, for as long as that counts
	Held     int64              `json:"held,omitempty"`     // ms: since when flags are held back
	Paged    []string           `json:"paged,omitempty"`    // channels that were told of it
	Allowed  int64              `json:"allowed,omitempty"`  // the last allowance that was used, by its time
	Differ   map[string]string  `json:"differ,omitempty"`   // by flag, how its document differed from the intent at the last pass
	Compared int64              `json:"compared,omitempty"` // ms: when documents were last compared

	SegmentsDiffer   map[string]string `json:"segmentsDiffer,omitempty"`   // the same of segments
	SegmentsCompared int64             `json:"segmentsCompared,omitempty"` // ms
}

// sweepTime is what the clocks say at the beginning of a pass.
type sweepTime struct {
	clock time.Time // as it is believed to be
	store time.Time // the store's own, by which leases end
}

// Sweep keeps the store and the workflows of an environment in step. It passes on
// kills that were written while Temporal was away; it turns back what launches have
// left behind that are gone; it has edited documents restored; and where the store has
// lost its epoch, and so everything, it has every flag's workflow write its intent
// again; only then does the store get a new epoch, so a sweep that dies starts over.
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
	every := in.Every.D()
	if a.SweepEvery > 0 { // the worker that sweeps sets the pace
		every = a.SweepEvery
	}
	return temporal.NewApplicationErrorWithOptions(note, TypeHolding, temporal.ApplicationErrorOptions{
		NextRetryDelay: every, Category: temporal.ApplicationErrorCategoryBenign,
	})
}

func (a *Activities) sweep(ctx context.Context, seen *Swept) (string, error) {
	now, err := a.sweepTime(ctx)
	if err != nil {
		return "", err
	}
	meta, err := a.Store.Meta(ctx)
	if err != nil {
		return "", err
	}
	if why := seen.lossOf(meta); why != "" {
		restored, err := a.restoreAll(ctx, seen, why)
		if err != nil {
			return "", err
		}
		return why + "; " + restored, nil
	}
	seen.Revision = meta.Revision
	entries, err := a.Store.List(ctx)
	if err != nil {
		return "", err
	}
	note := a.count(entries, now)
	var errs []error
	errs = append(errs, a.passOnKills(ctx, seen, entries))
	swept, err := a.sweepLeft(ctx, seen, entries, now)
	errs = append(errs, err)
	drifted, err := a.compareAll(ctx, seen, entries, now)
	errs = append(errs, err)
	segments, err := a.compareSegments(ctx, seen, now)
	errs = append(errs, err)
	return note + swept + drifted + segments, errors.Join(errs...)
}

func (a *Activities) sweepTime(ctx context.Context) (sweepTime, error) {
	asked := a.Now()
	store, err := a.Store.Now(ctx)
	if err != nil {
		return sweepTime{}, err
	}
	a.stores.hear(store, asked, a.Now())
	return sweepTime{clock: a.clock(ctx).now(), store: store}, nil
}

// lossOf says what the store has lost: all of it, where it has no epoch; or the last
// writes, where its revision is lower than it was, as after a restore from an old copy
// and after a failover to a replica that lagged.
func (s *Swept) lossOf(meta flagstore.Meta) string {
	switch {
	case meta.Epoch == "":
		return "the store had lost everything"
	case meta.Revision < s.Revision:
		return "the store had gone back in time"
	}
	return ""
}

// count tells how many flags there are, and how they stand.
func (a *Activities) count(entries []flagstore.Entry, now sweepTime) string {
	exposing, alone := 0, 0
	for _, e := range entries {
		if e.Flag.Launch != "" && exposes(e.Flag) {
			exposing++
		}
		if unguarded(e, now.store) {
			alone++
		}
	}
	a.Meter.swept(a.Store.Environment(), len(entries), exposing, alone, a.Now())
	return fmt.Sprintf("%d flags, %d unguarded, at %s", len(entries), alone, now.clock.UTC().Format(time.TimeOnly))
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

// restoreAll has every flag's workflow write its intent, and every segment's. A flag
// under a launch is written by the launch itself, whose watch finds the loss. One that
// does not answer keeps the store without an epoch, but no other from coming back.
// Segments come first: who is held out by one must not be exposed by a flag that is back
// before it.
func (a *Activities) restoreAll(ctx context.Context, seen *Swept, why string) (string, error) {
	segments, unsaid := a.restoreSegments(ctx, seen, why)
	names, err := a.Workflows.Flags(ctx)
	if err != nil {
		return "", err
	}
	failed := a.each(ctx, seen, names, func(name string) error { return a.Workflows.Restore(ctx, name, why) })
	if failed != nil {
		failed = fmt.Errorf("restore %w", failed)
	}
	if err := errors.Join(failed, unsaid); err != nil {
		return "", err
	}
	if err := a.Store.RestoreMeta(ctx, a.Namespace); err != nil { // which leaves an epoch alone
		return "", err
	}
	meta, err := a.Store.Meta(ctx)
	if err != nil {
		return "", err
	}
	seen.Restores++
	seen.Revision, seen.Kills, seen.Differ, seen.SegmentsDiffer = meta.Revision, nil, nil, nil
	return fmt.Sprintf("%d flags restored, %d segments", len(names), segments), nil
}

// errorsOf keeps the first error of many that are likely to be alike.
type errorsOf struct {
	mu    sync.Mutex
	first error
	n     int
}

func (e *errorsOf) add(err error) {
	if err == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.n++; e.first == nil {
		e.first = err
	}
}

func (e *errorsOf) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.n
}

func (e *errorsOf) err() error {
	if e.n > 1 {
		return fmt.Errorf("%w (and %d more)", e.first, e.n-1)
	}
	return e.first
}
