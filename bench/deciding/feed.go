package deciding

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// fixed is a store that never changes.
type fixed struct{ flagstore.Snapshot }

func fixedFeed(flags []rampart.Flag) (flagstore.Feed, error) {
	s := flagstore.Snapshot{Epoch: "fixed", Revision: 1, Now: time.Now()}
	for _, f := range flags {
		doc, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", f.Name, err)
		}
		s.Flags = append(s.Flags, flagstore.Document{Name: f.Name, Version: f.Version, JSON: doc})
	}
	return fixed{s}, nil
}

// Load implements flagstore.Feed.
func (f fixed) Load(context.Context) (flagstore.Snapshot, error) { return f.Snapshot, nil }

// Revision implements flagstore.Feed.
func (f fixed) Revision(context.Context) (string, int64, error) {
	return f.Epoch, f.Snapshot.Revision, nil
}

// Leases implements flagstore.Feed.
func (f fixed) Leases(context.Context) ([]rampart.LeaseTerm, time.Time, error) {
	return nil, time.Now(), nil
}

// Confirm implements flagstore.Feed.
func (f fixed) Confirm(context.Context, flagstore.Reader) (int, error) { return 1, nil }

// Leave implements flagstore.Feed.
func (f fixed) Leave(context.Context, string) error { return nil }

// Follow implements flagstore.Feed.
func (f fixed) Follow(context.Context) (flagstore.Subscription, error) { return silent{}, nil }

type silent struct{}

// Next implements flagstore.Subscription.
func (silent) Next(ctx context.Context) (flagstore.Change, error) {
	<-ctx.Done()
	return flagstore.Change{}, ctx.Err()
}

// Close implements flagstore.Subscription.
func (silent) Close() error { return nil }
