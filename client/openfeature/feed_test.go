package openfeature_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	provider "github.com/rampart-dev/rampart/client/openfeature"
	"github.com/rampart-dev/rampart/flagstore"
)

const (
	production = "production"
	patience   = time.Minute
	tick       = 5 * time.Millisecond
)

var quiet = slog.New(slog.DiscardHandler)

// A feed is a store in memory, for values that no plan makes. It publishes nothing by
// itself, and answers nothing while it is down.
type feed struct {
	mu      sync.Mutex
	down    bool
	state   flagstore.Snapshot
	changed chan flagstore.Change
}

func newFeed(flags ...rampart.Flag) *feed {
	f := &feed{changed: make(chan flagstore.Change, 100)}
	f.state.Epoch, f.state.Revision = "first", 1
	for _, flag := range flags {
		doc, _ := json.Marshal(flag)
		f.state.Flags = append(f.state.Flags, flagstore.Document{Name: flag.Name, Version: flag.Version, JSON: doc})
	}
	return f
}

// kill is the register of a flag; the store keeps it also of one that nobody has written.
func (f *feed) kill(flag string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := rampart.Kill{Flag: flag, Version: 1, Killed: true, By: "ann@example.com"}
	f.state.Kills = append(f.state.Kills, k)
	f.state.Revision++
	f.changed <- flagstore.Change{Previous: f.state.Revision - 1, Revision: f.state.Revision, Kill: &k}
}

func (f *feed) setDown(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

var errDown = errors.New("connection refused")

func (f *feed) answers() error {
	if f.down {
		return errDown
	}
	return nil
}

func (f *feed) Load(context.Context) (flagstore.Snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state, f.answers()
}

func (f *feed) Revision(context.Context) (string, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Epoch, f.state.Revision, f.answers()
}

func (f *feed) Leases(context.Context) ([]rampart.LeaseTerm, time.Time, error) {
	return nil, time.Now(), nil
}

func (f *feed) Confirm(context.Context, flagstore.Reader) (int, error) { return 1, nil }

func (f *feed) Leave(context.Context, string) error { return nil }

func (f *feed) Follow(context.Context) (flagstore.Subscription, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return subscription{f}, f.answers()
}

type subscription struct{ feed *feed }

func (s subscription) Next(ctx context.Context) (flagstore.Change, error) {
	select {
	case c := <-s.feed.changed:
		return c, nil
	case <-ctx.Done():
		return flagstore.Change{}, ctx.Err()
	}
}

func (s subscription) Close() error { return nil }

// newFlag is a flag at an exposure.
func newFlag(name string, version int64, off, on string, exposure rampart.Percent) rampart.Flag {
	return rampart.Flag{
		Format: rampart.FlagFormat, Name: name, Version: version, Exposure: exposure,
		Off: json.RawMessage(off), On: json.RawMessage(on),
		Unit: rampart.User, Salt: name, HashVersion: rampart.HashVersion,
		Type: rampart.Release, Owner: "team-payments", Purpose: "One-page checkout",
	}
}

func openClient(tb testing.TB, f flagstore.Feed, change ...func(*client.Options)) *client.Client {
	tb.Helper()
	o := client.Options{Environment: production, Service: "shop", Feed: f, Logger: quiet, Wait: patience}
	for _, c := range change {
		c(&o)
	}
	flags, err := client.Open(tb.Context(), o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, flags.Close()) })
	return flags
}

// register sets the provider in an API of the test's own, so that tests do not meet.
func register(tb testing.TB, p *provider.Provider) *openfeature.EvaluationAPI {
	tb.Helper()
	api := newAPI(tb)
	require.NoError(tb, api.SetProviderAndWait(tb.Context(), p))
	return api
}

func newAPI(tb testing.TB) *openfeature.EvaluationAPI {
	tb.Helper()
	api := isolated.NewAPI()
	tb.Cleanup(func() { _ = api.Shutdown(context.Background()) })
	return api
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, patience, tick, what)
}
