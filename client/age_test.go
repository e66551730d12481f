package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
)

// agedFeed hands out what it knew an hour ago, as a relay does that is cut off.
type agedFeed struct{ *fakeFeed }

func (f agedFeed) Load(ctx context.Context) (flagstore.Snapshot, error) {
	s, err := f.fakeFeed.Load(ctx)
	s.Age = time.Hour
	return s, err
}

func (agedFeed) Revision(context.Context) (string, int64, error) { return "", 0, errDown }

func TestSnapshotThatIsOldIsServedAndSaidToBeStale(t *testing.T) {
	feed := newFakeFeed()
	feed.put(checkout(1, rampart.Full))
	c := open(t, agedFeed{feed})
	require.True(t, c.On("checkout-v2", ann))
	s := c.Status()
	require.Equal(t, client.Stale, s.State)
	require.GreaterOrEqual(t, s.Staleness, time.Hour)
}
