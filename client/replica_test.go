package client_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	ann   = &rampart.Subject{Key: "ann"}
)

// exposure reads what a client serves as the exposure of a flag.
func exposure(c *client.Client, flag string) rampart.Percent {
	d := c.Decide(flag, ann)
	if doc, ok := c.Flag(flag).Document(); ok && !d.Reason.Default() && d.Reason >= rampart.ReasonOff {
		return doc.Exposure
	}
	return 0
}

// pass lets virtual time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestReaderFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, 500))
		c := open(t, feed)
		require.True(t, c.Ready())
		require.EqualValues(t, 500, exposure(c, "checkout-v2"))

		feed.publish(feed.put(checkout(2, 1000)))
		synctest.Wait()
		require.EqualValues(t, 1000, exposure(c, "checkout-v2"))
		loads, _, _ := feed.counts()
		require.Equal(t, 1, loads, "a change needs no load")
	})
}

func TestReaderNeverGoesBackwards(t *testing.T) {
	cases := map[string]struct {
		do   func(*fakeFeed)
		wait time.Duration
		want rampart.Percent
	}{
		"a message that comes twice": {
			do: func(f *fakeFeed) {
				one, two := f.put(checkout(2, 500)), f.put(checkout(3, 1000))
				f.publish(one, two, one, two)
			},
			want: 1000,
		},
		"messages in the wrong order": {
			do: func(f *fakeFeed) {
				one, two := f.put(checkout(2, 500)), f.put(checkout(3, 1000))
				f.publish(two, one)
			},
			want: 1000,
		},
		"a lost message, seen by the gap before the next": {
			do: func(f *fakeFeed) {
				f.put(checkout(2, 1000))
				f.publish(f.putSegment(rampart.Segment{Name: "internal", Version: 2}))
			},
			want: 1000,
		},
		"a lost message and silence, seen by the revision": {
			do:   func(f *fakeFeed) { f.put(checkout(2, 1000)) },
			wait: 2 * time.Second,
			want: 1000,
		},
		"a message that cannot be understood": {
			do: func(f *fakeFeed) {
				f.put(checkout(2, 1000))
				f.publish(flagstore.Change{})
			},
			want: 1000,
		},
		"an empty restart": {
			do:   func(f *fakeFeed) { f.forget("second") },
			wait: 3 * time.Second,
			want: 100,
		},
		"an empty restart and an older version restored": {
			do: func(f *fakeFeed) {
				f.publish(f.put(checkout(5, 500)))
				synctest.Wait()
				f.forget("second")
				f.publish(f.put(checkout(4, 9000)))
			},
			wait: 3 * time.Second,
			want: 500,
		},
		"a starved subscription": {
			do: func(f *fakeFeed) {
				f.setStarved(true)
				f.publish(f.put(checkout(2, 1000)))
			},
			wait: 2 * time.Second,
			want: 1000,
		},
		"a store out of reach while it changes": {
			do: func(f *fakeFeed) {
				f.setDown(true)
				pass(time.Minute)
				f.put(checkout(2, 1000))
				f.setDown(false)
			},
			wait: 10 * time.Second,
			want: 1000,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				feed := newFakeFeed()
				feed.put(checkout(1, 100))
				c := open(t, feed)
				tc.do(feed)
				pass(tc.wait)
				require.Equal(t, tc.want, exposure(c, "checkout-v2"))
				require.Equal(t, client.Current, c.Status().State)
			})
		})
	}
}
