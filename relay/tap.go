package relay

import (
	"context"
	"time"

	"github.com/rampart-dev/rampart"
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
	before, asked := t.relay.held.at(), time.Now()
	state, err := t.store.LoadState(ctx)
	if err != nil {
		return flagstore.Snapshot{}, err
	}
	t.relay.held.load(state, before)
	t.relay.leases.setClock(state.Now, asked)
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
