package relay

import (
	"context"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client/relayed"
	"github.com/rampart-dev/rampart/flagstore"
)

// A tap is the store's feed as the relay's own client follows it, with all that a client
// knows of gaps, starved subscriptions and lost connections. Everything that passes is
// taken down.
type tap struct {
	store *flagstore.Store
	relay *Relay
}

var _ flagstore.Feed = tap{}

// Load implements flagstore.Feed.
func (t tap) Load(ctx context.Context) (flagstore.Snapshot, error) {
	before := t.relay.held.at()
	state, err := t.store.LoadState(ctx)
	if err != nil {
		return flagstore.Snapshot{}, err
	}
	t.relay.held.load(state, before)
	return state.Snapshot(), nil
}

// Revision implements flagstore.Feed.
func (t tap) Revision(ctx context.Context) (epoch string, revision int64, err error) {
	return t.store.Revision(ctx)
}

// Leases implements flagstore.Feed.
func (t tap) Leases(ctx context.Context) ([]rampart.LeaseTerm, time.Time, error) {
	got, err := t.relay.leases.read(ctx)
	return got.Terms, got.Now, err
}

// Follow implements flagstore.Feed.
func (t tap) Follow(ctx context.Context) (flagstore.Subscription, error) {
	messages, err := t.store.FollowMessages(ctx)
	if err != nil {
		return nil, err
	}
	return tapped{messages, t.relay.held}, nil
}

// Confirm implements flagstore.Feed. The relay serves no flag itself, so it is no reader.
func (t tap) Confirm(context.Context, flagstore.Reader) (int, error) { return 1, nil }

// Leave implements flagstore.Feed.
func (t tap) Leave(context.Context, string) error { return nil }

type tapped struct {
	*flagstore.Messages
	held *held
}

// Next implements flagstore.Subscription.
func (t tapped) Next(ctx context.Context) (flagstore.Change, error) {
	m, err := t.Messages.Next(ctx)
	if err != nil {
		return flagstore.Change{}, err
	}
	t.held.take(m)
	return m.Change(), nil
}

// leases reads the lease registers once for all who ask at about the same time.
type leases struct {
	store *flagstore.Store
	mu    sync.Mutex
	last  relayed.Leases
	at    time.Time // by our clock; zero: never read
}

// leasesLast is for how long an answer serves others: a twentieth of the shortest time
// between two reads of one reader.
const leasesLast = 10 * time.Millisecond

func (l *leases) read(ctx context.Context) (relayed.Leases, error) {
	l.mu.Lock() // so that those who come meanwhile have the same answer
	defer l.mu.Unlock()
	if since := time.Since(l.at); !l.at.IsZero() && since < leasesLast {
		return relayed.Leases{Terms: l.last.Terms, Now: l.last.Now.Add(since)}, nil
	}
	terms, now, err := l.store.Leases(ctx)
	if err != nil {
		return relayed.Leases{}, err
	}
	l.last, l.at = relayed.Leases{Terms: terms, Now: now}, time.Now()
	return l.last, nil
}
