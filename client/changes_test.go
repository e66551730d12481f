package client_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
)

// heard collects what a listener is told.
type heard struct {
	mu      sync.Mutex
	changes []client.Change
}

func listen(t *testing.T, c *client.Client) *heard {
	t.Helper()
	h, over := &heard{}, make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(over)
		for change := range c.Changes(ctx) {
			h.mu.Lock()
			h.changes = append(h.changes, change)
			h.mu.Unlock()
		}
	}()
	t.Cleanup(func() { stop(); <-over })
	synctest.Wait()
	return h
}

// take returns what was heard since it was last asked.
func (h *heard) take() []client.Change {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	changes := h.changes
	h.changes = nil
	return changes
}

func TestListenerHearsWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, 500))
		c := open(t, feed)
		h := listen(t, c)
		require.Equal(t, []client.Change{{State: client.Current}}, h.take(), "where it stands, at once")

		feed.publish(feed.put(checkout(2, 1000)))
		require.Equal(t, []client.Change{{Flags: []string{"checkout-v2"}, State: client.Current}}, h.take())

		feed.publish(feed.kill("checkout-v2", 3, true))
		require.Equal(t, []client.Change{{Flags: []string{"checkout-v2"}, State: client.Current}}, h.take())

		feed.publish(feed.kill("never-seen", 3, true))
		feed.publish(feed.kill("never-seen", 4, false))
		for _, change := range h.take() {
			require.Equal(t, []string{"never-seen"}, change.Flags)
		}

		named := checkout(5, 1000)
		named.Include = []rampart.Rule{{Segment: "internal"}}
		feed.publish(feed.put(named))
		h.take()
		feed.publish(feed.putSegment(rampart.Segment{Name: "internal", Version: 1, Keys: []string{"ann"}}))
		require.Equal(t, []client.Change{{Flags: []string{"checkout-v2"}, State: client.Current}}, h.take(), "a segment changes the flags that name it")

		pass(time.Minute)
		require.Empty(t, h.take(), "nothing happened")
	})
}

func TestListenerHearsThatALeaseHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		leased := checkout(1, 500)
		leased.Lease = rampart.Duration(time.Minute)
		feed.put(leased)
		h := listen(t, open(t, feed))
		h.take()
		pass(time.Minute + time.Second)
		require.Equal(t, []client.Change{{Flags: []string{"checkout-v2"}, State: client.Current}}, h.take())
	})
}

func TestListenerHearsOfTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.setDown(true)
		c := open(t, feed, func(o *client.Options) { o.Wait = -1 })
		h := listen(t, c)
		require.Equal(t, []client.Change{{State: client.Starting}}, h.take())

		feed.setDown(false)
		pass(10 * time.Second)
		require.Equal(t, []client.Change{{State: client.Current}}, h.take())

		feed.setDown(true)
		pass(10*time.Second + 50*time.Millisecond)
		require.Equal(t, []client.Change{{State: client.Stale}}, h.take(), "as soon as it is, with nothing else happening")

		feed.setDown(false)
		pass(10 * time.Second)
		require.Equal(t, []client.Change{{State: client.Current}}, h.take())
	})
}

func TestSlowListenerHearsOnceOfAllThatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		c := open(t, feed)
		first := true
		for change := range c.Changes(t.Context()) {
			if first {
				first = false
				for version := range int64(100) {
					feed.publish(feed.put(checkout(version+1, 500)), feed.kill("other", version+1, version%2 == 0))
				}
				synctest.Wait()
				continue
			}
			require.Equal(t, client.Change{Flags: []string{"checkout-v2", "other"}, State: client.Current}, change)
			require.EqualValues(t, 500, exposure(c, "checkout-v2"), "it is served before it is told")
			break
		}
	})
}

func TestListeningEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := client.Open(t.Context(), client.Options{Environment: production, Feed: flagstore.Feed(newFakeFeed()), Logger: quiet})
		require.NoError(t, err)
		for range c.Changes(t.Context()) {
			require.NoError(t, c.Close())
		}
	})
}
