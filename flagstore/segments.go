package flagstore

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
)

// rounds bounds how often a write starts over because somebody else has written
// between its read and its script. Each round is lost to a write that succeeded.
const rounds = 100

// PutSegment writes a segment past its workflow, and returns it as stored. Segments
// have no pen: the last writer wins, under a version by the store's clock. A segment
// that says what is stored already is left alone.
func (s *Store) PutSegment(ctx context.Context, g rampart.Segment, by, reason string) (rampart.Segment, error) {
	do := "write segment " + g.Name
	if err := rampart.CheckSegment(g); err != nil {
		return g, wrap(do, err)
	}
	for range rounds {
		out, again, err := s.putSegment(ctx, do, g, by, reason)
		if !again {
			return out, err
		}
	}
	return g, refused(ErrStale, "try again", "%s: it is being written all the time", do)
}

// Segment reads one segment.
func (s *Store) Segment(ctx context.Context, name string) (rampart.Segment, error) {
	if err := rampart.CheckName("a segment", name); err != nil {
		return rampart.Segment{}, err
	}
	g, err := s.segment(ctx, name)
	if err != nil {
		return g, wrap("read segment "+name, err)
	}
	if g.Version == 0 || g.Removed {
		return rampart.Segment{}, notFound("segment", name)
	}
	return g, nil
}

// Segments reads all segments, sorted by name.
func (s *Store) Segments(ctx context.Context) ([]rampart.Segment, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	state, err := s.rdb.HGetAll(ctx, s.key("state")).Result()
	if err != nil {
		return nil, s.fault("list segments", err)
	}
	var all []rampart.Segment
	for _, field := range slices.Sorted(maps.Keys(state)) {
		name, ok := strings.CutPrefix(field, "s:")
		if g := readSegment(name, state[field]); ok && g.Version > 0 && !g.Removed {
			all = append(all, g)
		}
	}
	return all, nil
}

func (s *Store) putSegment(ctx context.Context, do string, g rampart.Segment, by, reason string) (out rampart.Segment, again bool, err error) {
	stored, err := s.segment(ctx, g.Name)
	if err != nil {
		return g, false, wrap(do, err)
	}
	if sameSegment(stored, g) {
		return stored, false, nil
	}
	now, err := s.Now(ctx)
	if err != nil {
		return g, false, wrap(do, err)
	}
	g.Format = g.NeedsFormat()
	g.Version, g.ChangedAt, g.ChangedBy = max(stored.Version+1, now.UnixMilli()), now.UnixMilli(), clip(by)
	document, err := json.Marshal(g)
	if err != nil {
		return g, false, wrap(do, err)
	}
	subject := "segment:" + g.Name
	got, err := s.run(ctx, do, segmentScript, subject, event{Flag: subject, Verb: "segment", By: by, Reason: reason},
		g.Name, stored.Version, g.Version, document)
	if err != nil {
		return g, false, err
	}
	return g, got.word() == "CHANGED", nil
}

func (s *Store) segment(ctx context.Context, name string) (rampart.Segment, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	field, err := s.rdb.HGet(ctx, s.key("state"), "s:"+name).Result()
	if err != nil && err != redis.Nil {
		return rampart.Segment{}, s.fault("read", err)
	}
	return readSegment(name, field), nil
}

// readSegment decodes a field; what cannot be decoded keeps its version only, so
// that it can be written again above it.
func readSegment(name, field string) rampart.Segment {
	version, text := split(field)
	if version == 0 {
		return rampart.Segment{}
	}
	g, _ := rampart.DecodeSegment([]byte(text))
	g.Name, g.Version = name, version
	return g
}

func sameSegment(a, b rampart.Segment) bool {
	b.Format, b.Version, b.ChangedAt, b.ChangedBy = a.Format, a.Version, a.ChangedAt, a.ChangedBy
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && a.Version > 0 && string(x) == string(y)
}
