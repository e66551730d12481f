package client_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
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

func TestKillWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, rampart.Full))
		c := open(t, feed)
		f := c.Flag("checkout-v2")
		require.True(t, f.On(ann))

		feed.publish(feed.kill("checkout-v2", 7, true))
		synctest.Wait()
		require.False(t, f.On(ann))
		require.Equal(t, rampart.ReasonKilled, f.Decide(ann).Reason)

		feed.publish(feed.put(checkout(9, rampart.Full)))
		synctest.Wait()
		require.False(t, f.On(ann), "no write lifts a kill")

		feed.forget("second")
		pass(5 * time.Second)
		require.False(t, f.On(ann), "a store that forgets lifts no kill")

		feed.publish(feed.kill("checkout-v2", 6, false))
		synctest.Wait()
		require.False(t, f.On(ann), "an older register lifts no kill")

		feed.publish(feed.kill("checkout-v2", 8, false))
		synctest.Wait()
		require.True(t, f.On(ann))
	})
}

func TestKillOfAFlagNobodyHasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.kill("checkout-v2", 7, true)
		c := open(t, feed)
		require.Equal(t, rampart.ReasonKilled, c.Decide("checkout-v2", ann).Reason)
		require.False(t, c.On("checkout-v2", ann))

		feed.publish(feed.put(checkout(1, rampart.Full)))
		synctest.Wait()
		require.False(t, c.On("checkout-v2", ann))
	})
}

func TestSegmentsChangeOnTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		flag := checkout(1, 0)
		flag.Include = []rampart.Rule{{Segment: "internal"}}
		feed.put(flag)
		c := open(t, feed)
		require.False(t, c.On("checkout-v2", ann), "a segment that is not there matches nobody")

		feed.publish(feed.putSegment(rampart.Segment{Format: 1, Name: "internal", Version: 1, Keys: []string{"ann"}}))
		synctest.Wait()
		d := c.Decide("checkout-v2", ann)
		require.True(t, d.On)
		require.Equal(t, rampart.ReasonIncluded, d.Reason)
		require.Equal(t, rampart.ArmNone, d.Arm)

		feed.publish(feed.putSegment(rampart.Segment{Format: 1, Name: "internal", Version: 2, Keys: []string{"bob"}}))
		synctest.Wait()
		require.False(t, c.On("checkout-v2", ann))
	})
}

func TestRemovedFlagServesTheCallersDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, rampart.Full))
		c := open(t, feed)
		tombstone := checkout(2, 0)
		tombstone.Removed = true
		feed.publish(feed.put(tombstone))
		feed.publish(feed.put(checkout(1, rampart.Full)))
		synctest.Wait()
		require.Equal(t, rampart.ReasonRemoved, c.Decide("checkout-v2", ann).Reason)
		require.True(t, c.Bool("checkout-v2", ann, true))
		require.False(t, c.Bool("checkout-v2", ann, false))
	})
}

func TestReaderWithoutAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, rampart.Full))
		feed.setDown(true)
		c := open(t, feed)
		require.False(t, c.Ready())
		require.Equal(t, client.Starting, c.Status().State)
		require.Equal(t, rampart.ReasonDefault, c.Decide("checkout-v2", ann).Reason)
		require.True(t, c.Bool("checkout-v2", ann, true))

		feed.setDown(false)
		require.NoError(t, c.WaitReady(t.Context()))
		require.True(t, c.On("checkout-v2", ann))

		feed.setDown(true)
		pass(11 * time.Second)
		require.True(t, c.On("checkout-v2", ann), "the last state is served")
		status := c.Status()
		require.Equal(t, client.Stale, status.State)
		require.GreaterOrEqual(t, status.Staleness, 10*time.Second)
		require.NotEmpty(t, status.Failure)

		feed.setDown(false)
		pass(10 * time.Second)
		require.Equal(t, client.Current, c.Status().State)
	})
}

func TestReaderConfirms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, 0))
		open(t, feed)
		synctest.Wait()
		first := feed.reader("reader-1")
		require.Equal(t, "checkout", first.Service)
		require.EqualValues(t, feed.revision, first.Revision)

		feed.publish(feed.put(checkout(2, 0)))
		synctest.Wait()
		require.Equal(t, first.Revision, feed.reader("reader-1").Revision, "nobody waits for it")

		asked := feed.put(checkout(3, 0))
		asked.Confirm = true
		feed.publish(asked)
		pass(time.Millisecond)
		require.Equal(t, asked.Revision, feed.reader("reader-1").Revision, "at once")

		later := feed.put(checkout(4, 0))
		feed.publish(later)
		pass(13 * time.Second)
		require.Equal(t, later.Revision, feed.reader("reader-1").Revision)
	})
}

func TestReaderThatIsClosedIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, 0))
		c := open(t, feed)
		synctest.Wait()
		require.NotZero(t, feed.reader("reader-1").Revision)
		require.NoError(t, c.Close())
		require.Zero(t, feed.reader("reader-1"))
	})
}

func TestReadersOfALargeFleetConfirmOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, 0))
		open(t, feed)
		for i := range 999 {
			_, err := feed.Confirm(t.Context(), flagstore.Reader{ID: fmt.Sprintf("other-%d", i)})
			require.NoError(t, err)
		}
		pass(13 * time.Second) // the next confirmation tells how many they are

		asked := feed.put(checkout(2, 0))
		asked.Confirm = true
		feed.publish(asked)
		pass(99 * time.Millisecond)
		require.Less(t, feed.reader("reader-1").Revision, asked.Revision, "first the change must reach everybody")
		pass(102 * time.Millisecond)
		require.Equal(t, asked.Revision, feed.reader("reader-1").Revision)
	})
}

func TestReaderConfirmsWhatItHasMissedAndLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, 0))
		open(t, feed)
		missed := feed.put(checkout(2, 0)) // the next probe finds it
		pass(3 * time.Second)
		require.Equal(t, missed.Revision, feed.reader("reader-1").Revision)
	})
}

// A feed that was busy and says nothing is more likely to be dead than one that is
// always quiet, and is looked after at once.
func TestBusyFeedThatFallsSilentIsLookedAfterSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, 0))
		c := open(t, feed)
		version := int64(1)
		for range 10 {
			for range 100 { // a change every 20 ms
				version++
				feed.publish(feed.put(checkout(version, 100)))
				pass(20 * time.Millisecond)
			}
			version++
			feed.put(checkout(version, 900)) // and one whose message is lost
			pass(500 * time.Millisecond)
			require.EqualValues(t, 900, exposure(c, "checkout-v2"), "a reader of a quiet feed would look once a second")
		}
	})
}

func TestQuietReaderAsksLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, 0))
		open(t, feed)
		pass(time.Hour)
		loads, follows, leases := feed.counts()
		require.Equal(t, []int{1, 1, 0}, []int{loads, follows, leases})
	})
}

func TestLateMessageEndsNoSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, 0))
		c := open(t, feed)
		pass(10 * time.Second)
		for version := int64(2); version < 30; version++ {
			late := feed.put(checkout(version, rampart.Percent(version)))
			pass(900 * time.Millisecond)
			feed.publish(late)
			synctest.Wait()
			require.Equal(t, rampart.Percent(version), exposure(c, "checkout-v2"))
		}
		pass(10 * time.Second)
		loads, follows, _ := feed.counts()
		require.Equal(t, 1, follows, "a feed that comes late is a feed")
		require.Greater(t, loads, 10, "but nobody waits for it")
	})
}

func TestSubscriptionThatStaysBehindIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, 0))
		c := open(t, feed)
		feed.setStarved(true)
		feed.publish(feed.put(checkout(2, 1000)))
		pass(1400 * time.Millisecond)
		require.EqualValues(t, 1000, exposure(c, "checkout-v2"), "what was missed is loaded at once")
		_, follows, _ := feed.counts()
		require.Equal(t, 1, follows)

		for version := int64(3); version < 6; version++ { // and more is missed meanwhile
			feed.publish(feed.put(checkout(version, rampart.Percent(version))))
			pass(time.Second)
		}
		_, follows, _ = feed.counts()
		require.GreaterOrEqual(t, follows, 2)
		feed.setStarved(false)
		pass(5 * time.Second) // it may be between two subscriptions
		feed.publish(feed.put(checkout(9, 900)))
		synctest.Wait()
		require.EqualValues(t, 900, exposure(c, "checkout-v2"), "the new one is heard")
	})
}

func TestStoreThatWasNeverSetUpProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, rampart.Full))
		c := open(t, feed)
		feed.forget("")
		pass(15 * time.Second)
		require.Equal(t, client.Stale, c.Status().State)
		require.True(t, c.On("checkout-v2", ann))
	})
}

func TestBadOptionsAreRefused(t *testing.T) {
	cases := map[string]client.Options{
		"no environment":              {Feed: newFakeFeed()},
		"an environment with a space": {Feed: newFakeFeed(), Environment: "pro duction"},
		"no store":                    {Environment: production},
		"no address":                  {Environment: production, Redis: "localhost"},
		"edges that fall":             {Environment: production, Feed: newFakeFeed(), Edges: []float64{1, 0.5}},
	}
	for name, options := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := client.Open(t.Context(), options)
			require.Equal(t, rampart.Invalid, rampart.KindOf(err))
			require.NotEmpty(t, rampart.HintOf(err))
		})
	}
}

func TestDefaultsAreLoggedOnceAFlag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(checkout(1, 5000))
		var lines bytes.Buffer
		c := open(t, feed, func(o *client.Options) { o.Logger = slog.New(slog.NewTextHandler(&lines, nil)) })
		for range 10 {
			require.Equal(t, "blue", c.String("checkout-v2", ann, "blue"))
			require.EqualValues(t, 7, c.Int("unheard-of", ann, 7))
			require.True(t, c.Bool("checkout-v2", &rampart.Subject{}, true))
		}
		require.Equal(t, 1, strings.Count(lines.String(), "flag=checkout-v2 reason=WRONG_TYPE"))
		require.Equal(t, 1, strings.Count(lines.String(), "flag=checkout-v2 reason=NO_UNIT"))
		require.Equal(t, 1, strings.Count(lines.String(), "flag=unheard-of reason=UNKNOWN_FLAG"))
		require.Equal(t, 3, strings.Count(lines.String(), "\n"))
	})
}
