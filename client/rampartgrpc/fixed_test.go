package rampartgrpc_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
)

// A fixed store has one flag, which never changes.
type fixed rampart.Flag

func (f fixed) Load(context.Context) (flagstore.Snapshot, error) {
	doc, err := json.Marshal(rampart.Flag(f))
	return flagstore.Snapshot{Epoch: "e", Revision: 1, Now: time.Now(), Flags: []flagstore.Document{{Name: f.Name, Version: f.Version, JSON: doc}}}, err
}

func (fixed) Revision(context.Context) (string, int64, error) { return "e", 1, nil }
func (fixed) Leases(context.Context) ([]rampart.LeaseTerm, time.Time, error) {
	return nil, time.Now(), nil
}
func (fixed) Confirm(context.Context, flagstore.Reader) (int, error) { return 1, nil }
func (fixed) Leave(context.Context, string) error                    { return nil }
func (f fixed) Follow(context.Context) (flagstore.Subscription, error) {
	return f, nil
}

func (fixed) Next(ctx context.Context) (flagstore.Change, error) {
	<-ctx.Done()
	return flagstore.Change{}, ctx.Err()
}
func (fixed) Close() error { return nil }

// reader reads a store with one flag, by request at a half.
func reader(t *testing.T, change ...func(*rampart.Flag)) (*client.Client, *prometheus.Registry) {
	t.Helper()
	flag := rampart.Flag{
		Format: rampart.FlagFormat, Name: "checkout-v2", Version: 1, Exposure: 5000,
		Off: []byte("false"), On: []byte("true"), Unit: rampart.Request, Salt: "checkout-v2", HashVersion: rampart.HashVersion,
		Launch: rampart.LaunchID("production", "checkout-v2"), Phase: rampart.Debug,
	}
	for _, f := range change {
		f(&flag)
	}
	registry := prometheus.NewRegistry()
	c, err := client.Open(t.Context(), client.Options{
		Environment: "production", Feed: fixed(flag), Registerer: registry, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	require.NoError(t, c.WaitReady(t.Context()))
	return c, registry
}
