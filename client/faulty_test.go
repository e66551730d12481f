package client_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
)

// A faultyFeed has a defect in everything that a reader asks it for, some times over.
type faultyFeed struct {
	*fakeFeed
	defects atomic.Int64
}

func (f *faultyFeed) fault() {
	if f.defects.Add(-1) >= 0 {
		panic("defect")
	}
}

func (f *faultyFeed) Load(ctx context.Context) (flagstore.Snapshot, error) {
	f.fault()
	return f.fakeFeed.Load(ctx)
}

func (f *faultyFeed) Revision(ctx context.Context) (string, int64, error) {
	f.fault()
	return f.fakeFeed.Revision(ctx)
}

func (f *faultyFeed) Leases(ctx context.Context) ([]rampart.LeaseTerm, time.Time, error) {
	f.fault()
	return f.fakeFeed.Leases(ctx)
}

func (f *faultyFeed) Confirm(ctx context.Context, r flagstore.Reader) (int, error) {
	f.fault()
	return f.fakeFeed.Confirm(ctx, r)
}

func (f *faultyFeed) Follow(ctx context.Context) (flagstore.Subscription, error) {
	f.fault()
	sub, err := f.fakeFeed.Follow(ctx)
	return faultySubscription{sub, f}, err
}

type faultySubscription struct {
	flagstore.Subscription
	feed *faultyFeed
}

func (s faultySubscription) Next(ctx context.Context) (flagstore.Change, error) {
	s.feed.fault()
	return s.Subscription.Next(ctx)
}

// A service goes on whatever is wrong with its reader of flags, and the reader goes on
// once it is not.
func TestDefectOfAReaderTakesNoServiceDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := &faultyFeed{fakeFeed: newFakeFeed()}
		feed.defects.Store(10)
		leased := checkout(1, rampart.Full)
		leased.Lease = rampart.Duration(time.Hour)
		feed.put(leased)
		var lines bytes.Buffer
		c := open(t, feed, func(o *client.Options) { o.Logger = slog.New(slog.NewTextHandler(&lines, nil)) })
		pass(time.Minute)
		require.True(t, c.On("checkout-v2", ann))
		require.Contains(t, lines.String(), "flag reader recovered from a defect")

		feed.defects.Store(10) // and once more, while it follows
		feed.publish(feed.put(checkout(2, 0)))
		pass(time.Minute)
		require.Negative(t, feed.defects.Load())
		require.False(t, c.On("checkout-v2", ann))
		require.Equal(t, client.Current, c.Status().State)
	})
}

func TestBootstrapFileThatCannotBeUsedIsToldAndNotUsed(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":                 "flags: []",
		"cut short":               `{"format":1,"environment":"production","flags":[{"name":"checkout-v2"`,
		"of a newer format":       `{"format":2,"environment":"production","flags":[]}`,
		"of another environment":  `{"format":1,"environment":"staging","flags":[]}`,
		"of nothing":              "",
		"of something else's":     `[]`,
		"with a flag of no shape": `{"format":1,"environment":"production","flags":[7]}`,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "flags.json")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			synctest.Test(t, func(t *testing.T) {
				feed := newFakeFeed()
				feed.setDown(true)
				var lines bytes.Buffer
				c := open(t, feed, func(o *client.Options) {
					o.Bootstrap, o.Logger = file, slog.New(slog.NewTextHandler(&lines, nil))
				})
				synctest.Wait()
				require.False(t, c.Ready())
				require.True(t, c.Bool("checkout-v2", ann, true), "the caller's default")
				require.Contains(t, lines.String(), "bootstrap file cannot be used")

				feed.put(checkout(1, 0))
				feed.setDown(false)
				pass(10 * time.Second)
				require.False(t, c.Bool("checkout-v2", ann, true), "it goes on without the file")
			})
		})
	}
}
