package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
)

const production = "production"

// A fakeFeed is a store in memory whose messages can be lost, held, repeated and
// reordered, and which can forget.
type fakeFeed struct {
	mu       sync.Mutex
	down     bool
	starved  bool // published messages reach no subscription, which stays open
	epoch    string
	revision int64
	flags    map[string]flagstore.Document
	segments map[string]flagstore.Document
	kills    map[string]rampart.Kill
	terms    map[string]rampart.LeaseTerm
	subs     map[*fakeSubscription]bool
	readers  map[string]flagstore.Reader
	loads    int
	follows  int
	leases   int
}

func newFakeFeed() *fakeFeed {
	f := &fakeFeed{subs: map[*fakeSubscription]bool{}, readers: map[string]flagstore.Reader{}}
	f.forget("first")
	return f
}

var errDown = errors.New("connection refused")

// forget is an empty restart.
func (f *fakeFeed) forget(epoch string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch, f.revision = epoch, f.revision+1
	f.flags, f.segments = map[string]flagstore.Document{}, map[string]flagstore.Document{}
	f.kills, f.terms = map[string]rampart.Kill{}, map[string]rampart.LeaseTerm{}
}

func (f *fakeFeed) setDown(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
	if down {
		for s := range f.subs {
			s.fail()
		}
	}
}

func (f *fakeFeed) setStarved(starved bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.starved = starved
}

// write stores a change and returns its message, not yet published.
func (f *fakeFeed) write(store func(*flagstore.Change)) flagstore.Change {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := flagstore.Change{Previous: f.revision, Revision: f.revision + 10}
	f.revision = c.Revision
	store(&c)
	switch {
	case c.Flag != nil:
		f.flags[c.Flag.Name] = *c.Flag
	case c.Segment != nil:
		f.segments[c.Segment.Name] = *c.Segment
	case c.Kill != nil:
		f.kills[c.Kill.Flag] = *c.Kill
	}
	return c
}

func (f *fakeFeed) put(flag rampart.Flag) flagstore.Change {
	return f.write(func(c *flagstore.Change) {
		doc, _ := json.Marshal(flag)
		c.Flag = &flagstore.Document{Name: flag.Name, Version: flag.Version, JSON: doc}
		if flag.Lease > 0 {
			f.terms[flag.Name] = rampart.LeaseTerm{Flag: flag.Name, Version: flag.Version, End: time.Now().Add(flag.Lease.D()).UnixMilli()}
		}
	})
}

func (f *fakeFeed) putSegment(s rampart.Segment) flagstore.Change {
	return f.write(func(c *flagstore.Change) {
		doc, _ := json.Marshal(s)
		c.Segment = &flagstore.Document{Name: s.Name, Version: s.Version, JSON: doc}
	})
}

func (f *fakeFeed) kill(flag string, version int64, killed bool) flagstore.Change {
	return f.write(func(c *flagstore.Change) {
		c.Kill = &rampart.Kill{Flag: flag, Version: version, Killed: killed, By: "ann@example.com"}
	})
}

// renew is what a guard does at every tick.
func (f *fakeFeed) renew(flag string, version int64, term time.Duration) {
	f.guard(rampart.LeaseTerm{Flag: flag, Version: version, End: time.Now().Add(term).UnixMilli()})
}

func (f *fakeFeed) guard(t rampart.LeaseTerm) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.terms[t.Flag] = t
}

func (f *fakeFeed) publish(changes ...flagstore.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range changes {
		for s := range f.subs {
			if !f.starved {
				s.messages <- c
			}
		}
	}
}

func (f *fakeFeed) counts() (loads, follows, leases int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loads, f.follows, f.leases
}

func (f *fakeFeed) reader(id string) flagstore.Reader {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readers[id]
}

func (f *fakeFeed) Load(context.Context) (flagstore.Snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return flagstore.Snapshot{}, errDown
	}
	f.loads++
	s := flagstore.Snapshot{Epoch: f.epoch, Revision: f.revision, Now: time.Now()}
	for _, d := range f.flags {
		s.Flags = append(s.Flags, d)
	}
	for _, d := range f.segments {
		s.Segments = append(s.Segments, d)
	}
	for _, k := range f.kills {
		s.Kills = append(s.Kills, k)
	}
	return s, nil
}

func (f *fakeFeed) Revision(context.Context) (string, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return "", 0, errDown
	}
	return f.epoch, f.revision, nil
}

func (f *fakeFeed) Leases(context.Context) ([]rampart.LeaseTerm, time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, time.Time{}, errDown
	}
	f.leases++
	var terms []rampart.LeaseTerm
	for _, t := range f.terms {
		terms = append(terms, t)
	}
	return terms, time.Now(), nil
}

func (f *fakeFeed) Leave(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.readers, id)
	return nil
}

func (f *fakeFeed) Confirm(_ context.Context, r flagstore.Reader) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return 0, errDown
	}
	f.readers[r.ID] = r
	return len(f.readers), nil
}

func (f *fakeFeed) Follow(context.Context) (flagstore.Subscription, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, errDown
	}
	f.follows++
	s := &fakeSubscription{feed: f, messages: make(chan flagstore.Change, 1000), failed: make(chan struct{})}
	f.subs[s] = true
	return s, nil
}

type fakeSubscription struct {
	feed     *fakeFeed
	messages chan flagstore.Change
	failed   chan struct{}
	once     sync.Once
}

func (s *fakeSubscription) fail() { s.once.Do(func() { close(s.failed) }) }

func (s *fakeSubscription) Next(ctx context.Context) (flagstore.Change, error) {
	select {
	case c := <-s.messages:
		return c, nil
	case <-s.failed:
		return flagstore.Change{}, errDown
	case <-ctx.Done():
		return flagstore.Change{}, ctx.Err()
	}
}

func (s *fakeSubscription) Close() error {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	delete(s.feed.subs, s)
	return nil
}

// checkout is a flag at an exposure.
func checkout(version int64, exposure rampart.Percent) rampart.Flag {
	return rampart.Flag{
		Format: rampart.FlagFormat, Name: "checkout-v2", Version: version, Exposure: exposure,
		Off: []byte("false"), On: []byte("true"),
		Unit: rampart.User, Salt: "checkout-v2", HashVersion: rampart.HashVersion,
		Type: rampart.Release, Owner: "team-payments", Purpose: "One-page checkout",
	}
}

func open(t *testing.T, feed flagstore.Feed, change ...func(*client.Options)) *client.Client {
	t.Helper()
	o := client.Options{Environment: production, Service: "checkout", ID: "reader-1", Feed: feed, Logger: quiet}
	for _, f := range change {
		f(&o)
	}
	c, err := client.Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}
