package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func leased(version int64, exposure rampart.Percent, lease time.Duration) rampart.Flag {
	f := checkout(version, exposure)
	f.Lease = rampart.Duration(lease)
	return f
}

func TestLeaseEndsWithNobodyWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(leased(1, rampart.Full, time.Hour))
		c := open(t, feed)
		f := c.Flag("checkout-v2")

		pass(59 * time.Minute)
		require.True(t, f.On(ann))
		pass(time.Minute)
		require.False(t, f.On(ann))
		require.Equal(t, rampart.ReasonLeaseEnded, f.Decide(ann).Reason)
		require.Equal(t, 1, c.Status().LeasesEnded)

		feed.publish(feed.put(leased(2, rampart.Full, time.Hour)))
		synctest.Wait()
		require.True(t, f.On(ann), "exposed anew under a new fence")
	})
}

func TestLeaseEndsWithoutAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(leased(1, rampart.Full, time.Hour))
		c := open(t, feed)
		feed.setDown(true)
		pass(time.Hour)
		require.False(t, c.On("checkout-v2", ann))
	})
}

func TestLeaseThatIsRenewedGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(leased(1, rampart.Full, time.Hour))
		c := open(t, feed)
		for range 300 {
			pass(time.Minute)
			feed.renew("checkout-v2", 1, time.Hour)
			require.True(t, c.On("checkout-v2", ann))
		}
		_, _, reads := feed.counts()
		require.Less(t, reads, 12, "read when a third of the time is left")
	})
}

func TestLeaseRenewedBehindAPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(leased(1, rampart.Full, time.Hour))
		c := open(t, feed)
		feed.setDown(true)
		pass(50 * time.Minute)
		feed.renew("checkout-v2", 1, time.Hour)
		pass(20 * time.Minute)
		require.False(t, c.On("checkout-v2", ann), "for this reader the guard is gone")
		feed.setDown(false)
		pass(20 * time.Second)
		require.True(t, c.On("checkout-v2", ann), "the lease never ended")
	})
}

func TestLeaseThatEndedBeforeTheStartIsNeverServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(leased(1, rampart.Full, time.Hour))
		pass(2 * time.Hour)
		c := open(t, feed)
		require.Equal(t, rampart.ReasonLeaseEnded, c.Decide("checkout-v2", ann).Reason)
	})
}

func TestLeaseOfAnotherVersionGuardsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(leased(1, rampart.Full, 10*time.Hour))
		change := feed.put(checkout(2, rampart.Full))
		flag := leased(3, rampart.Full, time.Hour)
		c := open(t, feed)
		feed.publish(change, feed.put(flag))
		feed.guard(rampart.LeaseTerm{Flag: "checkout-v2", Version: 1, End: time.Now().Add(10 * time.Hour).UnixMilli()})
		synctest.Wait()
		require.True(t, c.On("checkout-v2", ann))
		pass(time.Hour)
		require.False(t, c.On("checkout-v2", ann), "no longer than the document allows")
	})
}

func TestFlagThatExposesNobodyNeedsNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(leased(1, 0, time.Hour))
		c := open(t, feed)
		pass(2 * time.Hour)
		require.Equal(t, rampart.ReasonOff, c.Decide("checkout-v2", ann).Reason)
		_, _, reads := feed.counts()
		require.Zero(t, reads)
	})
}
