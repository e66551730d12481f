package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// Segments is how the sweep speaks to the workflows of segments.
type Segments interface {
	// SegmentsMeant returns for each segment that has a workflow of its own which document
	// that answers for, as [SegmentAttestation] writes it. It comes from Temporal's index,
	// and may lag.
	SegmentsMeant(ctx context.Context) (map[string]string, error)
	// RestoreSegment asks a segment's workflow to write its document again.
	RestoreSegment(ctx context.Context, segment, why string) error
}

// SegmentAttestation names a document in the memo of its segment's workflow.
func SegmentAttestation(g rampart.Segment) string {
	return fmt.Sprintf("%d %s", g.Version, flagstore.DigestSegment(g))
}

// PutSegmentInput is a segment under the version that its workflow has given it.
type PutSegmentInput struct {
	Segment rampart.Segment `json:"segment"`
	Verb    string          `json:"verb"`
	By      string          `json:"by"`
	Reason  string          `json:"reason,omitempty"`
}

// SegmentPut is the store's answer: written, or stale and by what.
type SegmentPut struct {
	Answer Answer `json:"answer"`
	Stored int64  `json:"stored"` // the version that is there now
}

// PutSegment writes a segment, unless something else stands under its version or a
// later one.
func (a *Activities) PutSegment(ctx context.Context, in PutSegmentInput) (SegmentPut, error) {
	ack, err := a.Store.WriteSegment(ctx, flagstore.SegmentWrite(in))
	answer, failed := answerTo(err)
	if failed != nil {
		return SegmentPut{}, refused(failed)
	}
	return SegmentPut{Answer: answer, Stored: ack.Version}, nil
}

// SegmentLook asks whether the store has a segment as it is meant.
type SegmentLook struct {
	Segment string `json:"segment"`
	Meant   string `json:"meant"` // its attestation
}

// LookForSegment reports whether the store has a segment as it is meant. A look is
// little beside the document, which is handed over only where it is missing.
func (a *Activities) LookForSegment(ctx context.Context, in SegmentLook) (bool, error) {
	stored, err := a.Store.SegmentDigests(ctx, in.Segment)
	return stands(in.Meant, stored[in.Segment]), err
}

// stands reports whether what is stored needs no repair. A later version than the one
// that is meant was written past the workflow, by an older rampart for one; it is left
// alone until the segment is applied again.
func stands(meant string, stored flagstore.SegmentDigest) bool {
	var is flagstore.SegmentDigest
	if _, err := fmt.Sscanf(meant, "%d %s", &is.Version, &is.Digest); err != nil {
		return true // of another form than this worker knows
	}
	return stored.Version > is.Version || stored.Version == is.Version && flagstore.SameDigest(stored.Digest, is.Digest)
}

// restoreSegments has every segment's workflow write what the store lacks.
func (a *Activities) restoreSegments(ctx context.Context, seen *Swept, why string) (int, error) {
	meant, err := a.Segments.SegmentsMeant(ctx)
	if err != nil {
		return 0, fmt.Errorf("restore segments: %w", err)
	}
	names := slices.Sorted(maps.Keys(meant))
	err = a.each(ctx, seen, names, func(name string) error { return a.Segments.RestoreSegment(ctx, name, why) })
	if err != nil {
		return 0, fmt.Errorf("restore segment %w", err)
	}
	return len(names), nil
}

// compareSegments compares, once a minute, the segments that are stored with those that
// are meant. As with flags a difference counts once it was the same in two comparisons,
// and the segment's workflow knows best.
func (a *Activities) compareSegments(ctx context.Context, seen *Swept, now sweepTime) (string, error) {
	if now.clock.Sub(time.UnixMilli(seen.SegmentsCompared)).Abs() < compareEvery {
		return "", nil
	}
	meant, err := a.Segments.SegmentsMeant(ctx)
	if err != nil {
		return "", fmt.Errorf("segments were not compared: %w", err)
	}
	stored, err := a.Store.SegmentDigests(ctx, slices.Sorted(maps.Keys(meant))...)
	if err != nil {
		return "", fmt.Errorf("segments were not compared: %w", err)
	}
	seen.SegmentsCompared = now.clock.UnixMilli()
	differ := map[string]string{}
	for name, document := range meant {
		if is := stored[name]; document != Unattested && !stands(document, is) {
			differ[name] = fmt.Sprintf("%s / %d %s", document, is.Version, is.Digest)
		}
	}
	var again []string
	for name, how := range differ {
		if seen.SegmentsDiffer[name] == how {
			again = append(again, name)
			delete(differ, name) // asked now, and again only if that does not help
		}
	}
	seen.SegmentsDiffer = differ
	err = a.each(ctx, seen, again, func(name string) error {
		return a.Segments.RestoreSegment(ctx, name, "lost, or edited by hand: not the segment that was written")
	})
	if len(again) > 0 {
		return fmt.Sprintf(", %d segments edited by hand or lost", len(again)), err
	}
	return "", err
}
