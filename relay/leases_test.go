package relay_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// A reader that starts behind a relay which is cut off has the flags of the last state,
// and must have their leases too, or each start would begin them anew.
func TestLeaseIsNotBegunAnewBehindARelayThatIsCutOff(t *testing.T) {
	s := newStand(t)
	leased := func(w *flagstore.Write) { w.Lease = 6 * time.Second }
	s.write(checkout(1, rampart.Full), leased)
	s.process()
	// Of this one the relay has heard by a message alone when the store goes.
	told := checkout(1, rampart.Full)
	told.Name = "new-cart"
	first := s.read()
	terms, now, err := s.feed().Leases(t.Context())
	require.NoError(t, err)
	require.Len(t, terms, 1)
	s.write(told, leased)
	eventually(t, "it is there", func() bool { return first.On("new-cart", ann) })

	s.redis.Freeze()
	feed := s.feed()
	eventually(t, "the relay tells of leases by the clock of the store", func() bool {
		_, later, err := feed.Leases(t.Context())
		return err == nil && later.Sub(now) > 2*time.Second
	})
	for _, flag := range []string{"checkout-v2", "new-cart"} {
		eventually(t, "the lease ends", func() bool { return first.Decide(flag, ann).Reason == rampart.ReasonLeaseEnded })
	}
	late := s.read()
	for _, flag := range []string{"checkout-v2", "new-cart"} {
		require.Equal(t, rampart.ReasonLeaseEnded, late.Decide(flag, ann).Reason, flag)
	}
}
