package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// Intents is how the sweep learns which documents are meant.
type Intents interface {
	// Attested returns for each flag that has a workflow of its own which document that
	// answers for, as [Attestation] writes it. It comes from Temporal's index, and may lag.
	Attested(ctx context.Context) (map[string]string, error)
	// Attest asks a flag's workflow to show that from now on.
	Attest(ctx context.Context, flag string) error
}

// The values of an attestation that are not a document.
const (
	Unattested = ""       // the workflow has not been asked to show it
	Launched   = "launch" // a launch answers, whose watch compares
)

// Attestation names a document in the memo of its flag's workflow, and the version of
// the kill register that belongs to it.
func Attestation(f rampart.Flag, k *rampart.Kill) string {
	var killed int64
	if k != nil {
		killed = k.Version
	}
	return fmt.Sprintf("%d %s %d", f.Version, flagstore.Digest(f), killed)
}

const (
	// comparedAlways is up to how many flags each pass compares all documents. Of more
	// than a page of the index, that is done once in compareEvery.
	comparedAlways = 1000
	compareEvery   = time.Minute
	// attestedAtOnce is how many flags are asked in one pass to attest their document,
	// which each of them is asked once in its life.
	attestedAtOnce = 200
	// wasAsked marks a difference of which a flag's workflow was told.
	wasAsked = " (told)"
)

// compareAll compares the documents that flags' own workflows answer for with what
// those hold to be true. A document under a launch is compared by its watch.
//
// The index may lag behind a change, so a difference counts once it was the same in two
// passes; and the flag's workflow, which is then asked to restore, knows best.
func (a *Activities) compareAll(ctx context.Context, seen *Swept, entries []flagstore.Entry, now sweepTime) (string, error) {
	if since := now.clock.Sub(time.UnixMilli(seen.Compared)); len(entries) > comparedAlways && since.Abs() < compareEvery {
		return "", nil
	}
	attested, err := a.Intents.Attested(ctx)
	if err != nil {
		return "", fmt.Errorf("documents were not compared: %w", err)
	}
	seen.Compared = now.clock.UnixMilli()
	differ, silent := a.differences(entries, attested)
	failed := a.attest(ctx, seen, silent)
	restored, err := a.restoreDiffering(ctx, seen, differ)
	if restored > 0 {
		return fmt.Sprintf(", %d edited by hand and restored", restored), errors.Join(failed, err)
	}
	return "", errors.Join(failed, err)
}

// differences returns by flag how what is stored differs from what is meant, and the
// flags of which nothing is known.
func (a *Activities) differences(entries []flagstore.Entry, attested map[string]string) (differ map[string]string, silent []string) {
	differ = map[string]string{}
	stored := map[string]bool{}
	for _, e := range entries {
		name := e.Flag.Name
		stored[name] = true
		if meant, known := attested[name]; known && a.answering(e) == "" && meant != Launched && meant != Unattested && !attests(meant, e) {
			differ[name] = meant + " / " + Attestation(e.Flag, e.Kill)
		}
	}
	for name, meant := range attested {
		switch {
		case meant == Unattested:
			silent = append(silent, name)
		case meant != Launched && !stored[name]: // removed by hand altogether
			differ[name] = meant
		}
	}
	return differ, silent
}

// attest asks flags to show what they mean, some in each pass.
func (a *Activities) attest(ctx context.Context, seen *Swept, silent []string) error {
	slices.Sort(silent)
	return a.each(ctx, seen, silent[:min(len(silent), attestedAtOnce)], func(name string) error { return a.Intents.Attest(ctx, name) })
}

// restoreDiffering asks the workflows of flags that differ as they did in the pass
// before to write what they mean. It returns how many were asked.
func (a *Activities) restoreDiffering(ctx context.Context, seen *Swept, differ map[string]string) (int, error) {
	var again []string
	for name, how := range differ {
		switch seen.Differ[name] {
		case how:
			again = append(again, name)
		case how + wasAsked: // its workflow sees no difference: the index is behind
			differ[name] = how + wasAsked
		}
	}
	var mu sync.Mutex
	restored := 0
	err := a.each(ctx, seen, again, func(name string) error {
		if err := a.Workflows.Restore(ctx, name, "edited by hand: another document than the one that was written"); err != nil {
			return err
		}
		a.Meter.drifted(a.Store.Environment(), "sweep")
		mu.Lock()
		defer mu.Unlock()
		restored++
		differ[name] += wasAsked
		return nil
	})
	seen.Differ = differ
	return restored, err
}

// each does something for flags, some at once.
func (a *Activities) each(ctx context.Context, seen *Swept, names []string, do func(name string) error) error {
	var failed errorsOf
	var all errgroup.Group
	all.SetLimit(restoring)
	for _, name := range names {
		all.Go(func() error {
			if err := do(name); err != nil {
				failed.add(fmt.Errorf("%s: %w", name, err))
			}
			activity.RecordHeartbeat(ctx, *seen)
			return nil
		})
	}
	_ = all.Wait()
	return failed.err()
}

// attests reports whether what is stored is what is meant. A later kill than the one
// that is known is news, and passed on; an earlier one is a kill that was lost.
func attests(meant string, e flagstore.Entry) bool {
	var version, meantKill, kill int64
	var digest string
	if _, err := fmt.Sscanf(meant, "%d %s %d", &version, &digest, &meantKill); err != nil {
		return true // of another form than this worker knows
	}
	if e.Kill != nil {
		kill = e.Kill.Version
	}
	return version == e.Flag.Version && e.Unreadable == "" && kill >= meantKill &&
		flagstore.SameDigest(digest, flagstore.Digest(e.Flag))
}
