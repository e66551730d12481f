package flagstore

import (
	"context"
	"encoding/json"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
)

// A SegmentWrite is a segment as its own workflow writes it: whole, under a version
// that the workflow has given it.
type SegmentWrite struct {
	Segment rampart.Segment
	Verb    string
	By      string
	Reason  string
}

// WriteSegment writes a segment under its version, also into a store that has lost
// everything. The same document under the same version is there already after a retry.
// Where that version, or a later one, is there with something else it is [ErrStale];
// then the workflow writes again above it.
func (s *Store) WriteSegment(ctx context.Context, w SegmentWrite) (Ack, error) {
	g := w.Segment
	do := "write segment " + g.Name
	if err := rampart.CheckSegment(g); err != nil {
		return Ack{}, wrap(do, err)
	}
	if err := checkVersion(g.Version); err != nil {
		return Ack{}, wrap(do, err)
	}
	g.ChangedBy = clip(g.ChangedBy)
	document, err := json.Marshal(g)
	if err != nil {
		return Ack{}, wrap(do, err)
	}
	const unseen = -1
	subject := "segment:" + g.Name
	got, err := s.run(ctx, do, segmentScript, subject, event{Flag: subject, Verb: w.Verb, By: clip(w.By), Reason: clip(w.Reason)},
		g.Name, unseen, g.Version, document)
	if err != nil {
		return Ack{}, err
	}
	ack := Ack{Version: got.number(1), Revision: got.number(2), Duplicate: got.word() == "DUP"}
	if got.word() == "STALE" {
		return ack, s.refusal(do, subject, got)
	}
	return ack, nil
}

// segmentsAtOnce is how many documents of segments are read in one go.
const segmentsAtOnce = 20

// SegmentDigests returns the digests of those of the named segments that are stored,
// by name. Of what cannot be read it returns the digest of what could.
func (s *Store) SegmentDigests(ctx context.Context, names ...string) (map[string]SegmentDigest, error) {
	digests := map[string]SegmentDigest{}
	for len(names) > 0 {
		some := names[:min(len(names), segmentsAtOnce)]
		names = names[len(some):]
		fields, err := s.segmentFields(ctx, some)
		if err != nil {
			return nil, err
		}
		for i, name := range some {
			text, _ := fields[i].(string)
			if g := readSegment(name, text); g.Version > 0 {
				digests[name] = SegmentDigest{Version: g.Version, Digest: DigestSegment(g)}
			}
		}
	}
	return digests, nil
}

// A SegmentDigest tells one document of a segment from another.
type SegmentDigest struct {
	Version int64  `json:"version"`
	Digest  string `json:"digest"`
}

func (s *Store) segmentFields(ctx context.Context, names []string) ([]any, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	fields := make([]string, len(names))
	for i, name := range names {
		fields[i] = "s:" + name
	}
	got, err := s.rdb.HMGet(ctx, s.key("state"), fields...).Result()
	if err != nil && err != redis.Nil {
		return nil, s.fault("read segments", err)
	}
	return got, nil
}
