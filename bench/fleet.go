package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/bench/deciding"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
)

// A tally is told by each of a number of readers that it has seen something, and
// knows when the last one of them did.
type tally struct {
	seen    []atomic.Bool
	missing atomic.Int64
	last    time.Time // once done is closed
	done    chan struct{}
	look    func(reader int) bool // asks a reader that has told nothing; nil: there is no other way
}

func newTally(n int, look func(reader int) bool) *tally {
	t := &tally{seen: make([]atomic.Bool, n), done: make(chan struct{}), look: look}
	t.missing.Store(int64(n))
	return t
}

func (t *tally) tell(reader int) {
	if !t.seen[reader].Swap(true) && t.missing.Add(-1) == 0 {
		t.last = time.Now()
		close(t.done)
	}
}

// overdue is when readers are looked at that have told nothing: one that has lost a
// message learns of it by loading everything, which is nothing that it is told.
const overdue = 50 * time.Millisecond

func (t *tally) wait(ctx context.Context) (last time.Time, err error) {
	timeout := time.NewTimer(killPatience)
	defer timeout.Stop()
	tick := time.NewTicker(overdue)
	defer tick.Stop()
	for {
		select {
		case <-t.done:
			return t.last, nil
		case <-tick.C:
			tick.Reset(overdue / 10)
			for i := range t.seen {
				if t.look != nil && !t.seen[i].Load() && t.look(i) {
					t.tell(i)
				}
			}
		case <-timeout.C:
			return last, fmt.Errorf("%d have not seen it after %s", t.missing.Load(), killPatience)
		case <-ctx.Done():
			return last, ctx.Err()
		}
	}
}

// fleet is many services in one process: each has a client of its own, with its own
// replica and its own connections, as if it were alone.
type fleet struct {
	feeds    []*watchedFeed
	expected atomic.Pointer[expectation]
}

type expectation struct {
	flag string
	on   bool
	*tally
}

func openFleet(ctx context.Context, redisURL, environment string) (*fleet, error) {
	f := &fleet{feeds: make([]*watchedFeed, readers)}
	var all errgroup.Group
	all.SetLimit(50)
	for i := range f.feeds {
		all.Go(func() error {
			store, err := flagstore.Open(flagstore.Options{URL: redisURL, Environment: environment})
			if err != nil {
				return err
			}
			w := &watchedFeed{Store: store, fleet: f, reader: i}
			f.feeds[i] = w
			return w.open(ctx)
		})
	}
	if err := all.Wait(); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// expect begins to count the readers that decide so.
func (f *fleet) expect(flag string, on bool) *tally {
	e := &expectation{flag: flag, on: on, tally: newTally(readers, func(i int) bool { return f.feeds[i].decides(flag, on) })}
	f.expected.Store(e)
	return e.tally
}

func (f *fleet) close() {
	var all errgroup.Group
	for _, w := range f.feeds {
		if w != nil {
			all.Go(w.close)
		}
	}
	_ = all.Wait()
}

var subject = &rampart.Subject{Key: deciding.Key}

// watchedFeed is the feed of one client. It notices when the client has applied a
// change, because then the client asks for the next one.
type watchedFeed struct {
	*flagstore.Store
	fleet  *fleet
	reader int
	client atomic.Pointer[client.Client]
}

func (w *watchedFeed) open(ctx context.Context) error {
	c, err := client.Open(ctx, client.Options{
		Environment: w.Environment(), Service: "bench", ID: fmt.Sprintf("reader-%d", w.reader), Feed: w,
		Logger: slog.New(slog.DiscardHandler), Wait: killPatience,
	})
	if err != nil {
		return err
	}
	w.client.Store(c)
	for i := range killedFlags {
		if !w.decides(killed(i), true) {
			return fmt.Errorf("reader %d does not have %s on", w.reader, killed(i))
		}
	}
	return nil
}

func (w *watchedFeed) close() error {
	if c := w.client.Load(); c != nil {
		_ = c.Close()
	}
	return w.Store.Close()
}

func (w *watchedFeed) decides(flag string, on bool) bool {
	return w.client.Load().On(flag, subject) == on
}

// Follow implements flagstore.Feed.
func (w *watchedFeed) Follow(ctx context.Context) (flagstore.Subscription, error) {
	s, err := w.Store.Follow(ctx)
	if err != nil {
		return nil, err
	}
	return &watchedSubscription{s, w, false}, nil
}

type watchedSubscription struct {
	flagstore.Subscription
	feed    *watchedFeed
	changed bool
}

// Next implements flagstore.Subscription.
func (s *watchedSubscription) Next(ctx context.Context) (flagstore.Change, error) {
	if s.changed {
		s.feed.applied()
	}
	change, err := s.Subscription.Next(ctx)
	s.changed = err == nil && change.Kill != nil
	return change, err
}

// applied tells what the client decides now.
func (w *watchedFeed) applied() {
	if e := w.fleet.expected.Load(); e != nil && w.decides(e.flag, e.on) {
		e.tell(w.reader)
	}
}

// subscribers listen to a channel of Redis and do nothing else.
type subscribers struct {
	rdb      *redis.Client
	expected atomic.Pointer[tally]
	stop     context.CancelFunc
	all      sync.WaitGroup
}

const bareChannel = "bench:bare"

func subscribe(ctx context.Context, redisURL string) (*subscribers, error) {
	rdb, err := dial(redisURL)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	s := &subscribers{rdb: rdb, stop: stop}
	for i := range readers {
		pubsub := rdb.Subscribe(ctx, bareChannel) // on a connection of its own
		if _, err := pubsub.Receive(ctx); err != nil {
			s.close()
			return nil, fmt.Errorf("subscribe: %w", err)
		}
		context.AfterFunc(ctx, func() { _ = pubsub.Close() })
		s.all.Go(func() { s.listen(ctx, pubsub, i) })
	}
	return s, nil
}

func (s *subscribers) listen(ctx context.Context, pubsub *redis.PubSub, i int) {
	for {
		if _, err := pubsub.ReceiveMessage(ctx); err != nil {
			return // a message that is missed then is told by the tally
		}
		if t := s.expected.Load(); t != nil {
			t.tell(i)
		}
	}
}

func (s *subscribers) expect() *tally {
	t := newTally(readers, nil)
	s.expected.Store(t)
	return t
}

func (s *subscribers) close() {
	s.stop()
	s.all.Wait()
	_ = s.rdb.Close()
}

func dial(url string) (*redis.Client, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("dial Redis: %w", err)
	}
	return redis.NewClient(o), nil
}
