package client_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
)

// A lateFeed has one more message under way when its reader is closed.
type lateFeed struct {
	*fakeFeed
	message flagstore.Change
}

func (f *lateFeed) Follow(ctx context.Context) (flagstore.Subscription, error) {
	sub, err := f.fakeFeed.Follow(ctx)
	return &lateSubscription{Subscription: sub, message: &f.message}, err
}

type lateSubscription struct {
	flagstore.Subscription
	message *flagstore.Change
}

func (s *lateSubscription) Next(ctx context.Context) (flagstore.Change, error) {
	change, err := s.Subscription.Next(ctx)
	if err == nil || s.message == nil {
		return change, err
	}
	<-time.After(time.Second) // by then, everything else of the client has ended
	change, s.message = *s.message, nil
	return change, nil
}

// A kill that is served while the client closes must not be gone for the next process.
func TestBootstrapFileKnowsWhatCameWhileTheClientWasClosed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flags.json")
	bootstrapped := func(o *client.Options) { o.Bootstrap = file }
	synctest.Test(t, func(t *testing.T) {
		feed := &lateFeed{fakeFeed: newFakeFeed()}
		feed.put(checkout(1, 10000))
		feed.message = feed.kill("checkout-v2", 7, true)
		feed.forget("second") // the store has lost it
		feed.put(checkout(1, 10000))
		c := open(t, feed, bootstrapped)
		pass(10 * time.Second)
		require.True(t, c.On("checkout-v2", ann))
		require.NoError(t, c.Close())
		require.False(t, c.On("checkout-v2", ann), "it is killed")

		feed.setDown(true)
		next := open(t, feed, bootstrapped)
		require.False(t, next.On("checkout-v2", ann), "and is so for the next process")
	})
}
