package flagstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// A store whose clock jumps ahead ends leases early, which is safe; it never keeps a flag
// from being turned off, nor moves anything backwards when its clock is right again.
func TestAStoreWhoseClockIsAnHourAheadEndsLeasesAndTurnsFlagsOff(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	put(t, s, with(expose(1, 500), leased(10*time.Minute)))
	t.Run("ahead", func(t *testing.T) {
		flagstore.SetClock(t, time.Hour)
		_, err := s.RenewLease(ctx, "f", began+1, 10*time.Minute)
		require.ErrorIs(t, err, flagstore.ErrLeaseEnded)
		put(t, s, expose(2, 0))
		requireKilled(t, s, "ahead")
	})
	ahead := requireRight(t, s)
	require.Greater(t, ahead.Kill.Version, time.Now().Add(50*time.Minute).UnixMilli(), "it was made by the wrong clock")
	requireKilled(t, s, "right again")
	require.Greater(t, get(t, s, "f").Kill.Version, ahead.Kill.Version)
	put(t, s, expose(1000, 0))
}

// A store whose clock falls behind keeps leases for longer, and no lease ends later than
// an hour after it would have; versions of now look like those of a clock that is ahead,
// of which the one next to what is stored is always taken.
func TestAStoreWhoseClockIsAnHourBehindKeepsNobodyFromTurningAFlagOff(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	put(t, s, with(expose(1, 500), leased(10*time.Minute)))
	end := get(t, s, "f").Lease.End
	kill := requireKilled(t, s, "right")
	t.Run("behind", func(t *testing.T) {
		flagstore.SetClock(t, -2*time.Hour)
		g, err := s.RenewLease(ctx, "f", began+1, 10*time.Minute)
		require.NoError(t, err)
		require.Equal(t, end, g.Term.End, "no earlier, and no later")
		_, err = s.Put(ctx, expose(1000, 0))
		require.ErrorIs(t, err, flagstore.ErrAhead)
		put(t, s, expose(2, 0))
		require.Greater(t, requireKilled(t, s, "behind"), kill)
	})
	requireRight(t, s)
	put(t, s, expose(1000, 0))
}

// requireKilled kills the flag and returns the version of the register.
func requireKilled(t *testing.T, s *flagstore.Store, why string) int64 {
	t.Helper()
	_, err := s.Kill(context.Background(), "f", "ann", why)
	require.NoError(t, err)
	k := get(t, s, "f").Kill
	require.True(t, k.Killed)
	require.Equal(t, why, k.Reason)
	return k.Version
}

// requireRight finds the flag off, with a revision that has not gone back.
func requireRight(t *testing.T, s *flagstore.Store) flagstore.Entry {
	t.Helper()
	e := get(t, s, "f")
	require.Equal(t, rampart.Percent(0), e.Flag.Exposure)
	_, before, err := s.Revision(context.Background())
	require.NoError(t, err)
	put(t, s, expose(2+500, 0))
	_, after, err := s.Revision(context.Background())
	require.NoError(t, err)
	require.Greater(t, after, before)
	return e
}
