package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

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
	differ, stored := map[string]string{}, map[string]bool{}
	var failed errorsOf
	asked, restored := 0, 0
	ask := func(name string) {
		if asked++; asked > attestedAtOnce {
			return
		}
		activity.RecordHeartbeat(ctx, *seen)
		if err := a.Intents.Attest(ctx, name); err != nil {
			failed.add(fmt.Errorf("ask what is meant by %s: %w", name, err))
		}
	}
	for _, e := range entries {
		name := e.Flag.Name
		stored[name] = true
		meant, known := attested[name]
		switch {
		case !known || a.answering(e) != "": // a flag without a workflow, or under a launch
		case meant == Unattested:
			ask(name)
		case meant != Launched && !attests(meant, e):
			differ[name] = meant + " / " + Attestation(e.Flag, e.Kill)
		}
	}
	for name, meant := range attested { // removed by hand altogether
		switch {
		case stored[name] || meant == Launched:
		case meant == Unattested:
			ask(name)
		default:
			differ[name] = meant
		}
	}
	for name, how := range differ {
		if seen.Differ[name] == how+wasAsked { // its workflow sees no difference: the index is behind
			differ[name] = how + wasAsked
		}
		if seen.Differ[name] != how {
			continue
		}
		activity.RecordHeartbeat(ctx, *seen)
		if err := a.Workflows.Restore(ctx, name, "edited by hand: another document than the one that was written"); err != nil {
			failed.add(fmt.Errorf("restore %s: %w", name, err))
			continue
		}
		restored++
		differ[name] = how + wasAsked
		a.Meter.drifted(a.Store.Environment(), "sweep")
	}
	seen.Differ = differ
	if restored > 0 {
		return fmt.Sprintf(", %d edited by hand and restored", restored), failed.err()
	}
	return "", failed.err()
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
