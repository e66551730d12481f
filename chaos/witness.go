package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/ledger"
)

// readHistory tells the ledger every entry of the store's audit stream, in order.
func (s *soak) readHistory(ctx context.Context) {
	last, page := "", 200
	for pause(ctx, 50*time.Millisecond) {
		events, err := s.people.Store.Events(ctx, "", page)
		if err != nil {
			continue // the store is away
		}
		i := slices.IndexFunc(events, func(e rampart.Event) bool { return earlier(e.ID, last) || e.ID == last })
		if i < 0 && len(events) == page {
			page *= 2
			continue
		}
		page = 200
		if i >= 0 {
			events = events[:i]
		}
		for _, e := range slices.Backward(events) {
			last = e.ID
			s.writes.Add(1)
			s.story.tell(e.Flag, "%s %s, version %d, by %s at %d: %s", e.Verb, e.Exposure, e.Version, e.Owner, e.At, e.Reason)
			s.ledger.Wrote(e)
		}
	}
}

// earlier compares the IDs of two entries, which are times that also grow past the
// loss of the stream.
func earlier(a, b string) bool {
	a, _, _ = strings.Cut(a, "-")
	b, _, _ = strings.Cut(b, "-")
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// followFeed tells the ledger every document that is published: of a store that is
// emptied this may be the last that anybody hears.
func (s *soak) followFeed(ctx context.Context) {
	for pause(ctx, tick) {
		feed, err := s.people.Store.Follow(ctx)
		if err != nil {
			continue
		}
		for {
			change, err := feed.Next(ctx)
			if err != nil {
				break
			}
			var doc rampart.Flag
			if change.Flag == nil || json.Unmarshal(change.Flag.JSON, &doc) != nil {
				continue
			}
			s.ledger.Published(change.Flag.Name, change.Flag.Version, doc.Exposure, now())
		}
		_ = feed.Close()
	}
}

// readLeases tells the ledger how long exposures may last.
func (s *soak) readLeases(ctx context.Context) {
	for pause(ctx, 250*time.Millisecond) {
		terms, _, err := s.people.Store.Leases(ctx)
		if err != nil {
			continue
		}
		for _, t := range terms {
			s.ledger.Lease(t)
		}
	}
}

// hear takes in a line of a service.
func (s *soak) hear(life string, line []byte) {
	var u utterance
	if json.Unmarshal(line, &u) != nil {
		s.story.tell(life, "said what cannot be read: %.100s", line)
		return
	}
	s.mu.Lock()
	name, _, _ := strings.Cut(life, "/")
	if s.lives[name] == nil {
		s.lives[name] = map[string]bool{}
	}
	s.lives[name][life] = true
	if u.Flag != "" {
		if s.asked[u.Flag] == nil {
			s.asked[u.Flag] = map[string]announced{}
		}
		s.asked[u.Flag][life] = announced{made: u.Made, limit: u.Limit}
	}
	if u.Sight != nil {
		s.samples++
	}
	s.mu.Unlock()
	if u.Sight != nil {
		if !u.Again {
			s.story.tell(life, "serves %s at %s, version %d: %s", u.Sight.Flag, u.Sight.Served, u.Sight.Version, u.Sight.Reason)
		}
		s.ledger.Saw(life, *u.Sight)
	}
}

// mute forgets a life of a service that is over.
func (s *soak) mute(life string) {
	name, _, _ := strings.Cut(life, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.lives[name], life)
}

// begins remembers how many requests services had made when a launch began.
func (s *soak) begins(w *ledger.Walk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.baseline[w] = map[string]int64{}
	for life, a := range s.asked[w.Flag] {
		s.baseline[w][life] = a.made
	}
}

// counts remembers how many requests the evidence of a launch has counted.
func (s *soak) counts(w *ledger.Walk, v *rampart.Verdict) {
	if v == nil {
		return
	}
	for _, g := range v.Gates {
		if g.Gate == errorsGate {
			s.mu.Lock()
			s.counted[w] = max(s.counted[w], g.OnN+g.OffN)
			s.mu.Unlock()
		}
	}
}

// checkCounts compares that with what services have announced.
func (s *soak) checkCounts(w *ledger.Walk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var limit int64
	for life, a := range s.asked[w.Flag] {
		limit += a.limit - s.baseline[w][life]
	}
	if got := s.counted[w]; got > 0 {
		s.book.Check(got <= float64(limit), ledger.Counted, w.Flag, "launch %d has counted %.0f requests, and services made at most %d", w.Number, got, limit)
	}
}
