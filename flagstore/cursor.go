package flagstore

import (
	"context"
	"slices"
	"time"

	"github.com/rampart-dev/rampart"
)

// HoldCursor claims or keeps a place in the audit stream, so that of several followers
// with the same name one follows and another goes on where it was when it dies. Place is
// the ID of the last event that the holder is done with, or empty where it does not know.
// It returns the place that is kept, and whether the holder holds it, until the time is
// over unless it asks again.
//
// Events may be seen twice: by whoever was done with one and died before saying so.
func (s *Store) HoldCursor(ctx context.Context, name, holder string, life time.Duration, place string) (kept string, held bool, err error) {
	if err := rampart.CheckName("a cursor", name); err != nil {
		return "", false, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	got, err := cursorScript.Run(ctx, s.rdb, []string{s.key("cursor:" + name)}, holder, life.Milliseconds(), place).StringSlice()
	if err != nil {
		return "", false, s.fault("hold a place in the history", err)
	}
	a := answer(got)
	return a.text(1), a.word() == "OK", nil
}

// ReleaseCursor lets the next follower hold a place at once, where the holder has it.
func (s *Store) ReleaseCursor(ctx context.Context, name, holder string) error {
	_, _, err := s.HoldCursor(ctx, name, holder, 0, "")
	return err
}

// HistoryBefore returns the events of a flag, or of a segment as History has it, before
// the event with an ID, the newest first.
func (s *Store) HistoryBefore(ctx context.Context, flag, id string, limit int) ([]rampart.Event, error) {
	return s.eventsBetween(ctx, "history:"+flag, "-", "("+id, limit)
}

// maxBacklog bounds what is read at once of the events that a follower is behind.
const maxBacklog = 10_000

// EventsAfter returns the events of the environment after a place in the audit stream,
// the oldest first. Of more than ten thousand it returns the last.
func (s *Store) EventsAfter(ctx context.Context, place string) ([]rampart.Event, error) {
	all, err := s.eventsBetween(ctx, "audit", "("+place, "+", maxBacklog)
	slices.Reverse(all)
	return all, err
}
