package flagstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

func leased(term time.Duration) func(*flagstore.Write) {
	return func(w *flagstore.Write) { w.Lease = term }
}

func TestRenewedLeaseRunsFromNowAndNeverEndsEarlier(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	put(t, s, with(expose(1, 500), leased(time.Hour)))
	first := get(t, s, "f").Lease.End
	before, err := s.Load(ctx)
	require.NoError(t, err)

	g, err := s.RenewLease(ctx, "f", began+1, 2*time.Hour)
	require.NoError(t, err)
	require.GreaterOrEqual(t, g.Term.End, first+time.Hour.Milliseconds())
	require.Equal(t, g.Term, *get(t, s, "f").Lease)
	require.Equal(t, began+1, g.Stored)
	require.Equal(t, get(t, s, "f").Flag, g.Flag)
	require.Nil(t, g.Kill)
	require.Equal(t, g.Now.Add(2*time.Hour).UnixMilli(), g.Term.End)

	shorter, err := s.RenewLease(ctx, "f", began+1, time.Second)
	require.NoError(t, err)
	require.Equal(t, g.Term, shorter.Term)

	after, err := s.Load(ctx)
	require.NoError(t, err)
	require.Equal(t, before.Revision, after.Revision, "renewing is no change of the flag")
	terms, now, err := s.Leases(ctx)
	require.NoError(t, err)
	require.Equal(t, []rampart.LeaseTerm{g.Term}, terms)
	require.False(t, now.Before(g.Now))
}

func TestRenewingIsRefused(t *testing.T) {
	ctx := context.Background()
	tests := []struct {
		name   string
		given  func(*testing.T, *flagstore.Store)
		fence  int64
		term   time.Duration
		want   error
		stored int64
	}{
		{name: "for a version that was overtaken", fence: 9, term: time.Hour, want: flagstore.ErrStale, stored: 10},
		{name: "for a version that is lost", fence: 11, term: time.Hour, want: flagstore.ErrLost, stored: 10},
		{
			name: "for an exposure without a lease", fence: 20, term: time.Hour, want: flagstore.ErrLeaseEnded, stored: 20,
			given: func(t *testing.T, s *flagstore.Store) { t.Helper(); put(t, s, expose(20, 500)) },
		},
		{
			name: "after its end", fence: 20, term: time.Hour, want: flagstore.ErrLeaseEnded, stored: 20,
			given: func(t *testing.T, s *flagstore.Store) { t.Helper(); ended(t, s, 20) },
		},
		{
			name: "after its end, to who only looks", fence: 20, want: flagstore.ErrLeaseEnded, stored: 20,
			given: func(t *testing.T, s *flagstore.Store) { t.Helper(); ended(t, s, 20) },
		},
		{
			name: "not to who only looks at an exposure without one", fence: 20, stored: 20,
			given: func(t *testing.T, s *flagstore.Store) { t.Helper(); put(t, s, expose(20, 500)) },
		},
	}
	s, srv := open(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			empty(t, s, srv)
			put(t, s, with(expose(10, 500), leased(time.Hour)))
			if test.given != nil {
				test.given(t, s)
			}
			before := get(t, s, "f").Lease
			_, err := s.Kill(ctx, "f", "ann", "fire")
			require.NoError(t, err)

			g, err := s.RenewLease(ctx, "f", began+test.fence, test.term)
			require.ErrorIs(t, err, test.want)
			require.Equal(t, began+test.stored, g.Stored)
			require.Equal(t, "fire", g.Kill.Reason, "the register is told whatever the answer")
			require.Equal(t, before, get(t, s, "f").Lease)
		})
	}
}

// ended exposes under a lease and waits until it has ended by the store's clock.
func ended(t *testing.T, s *flagstore.Store, fence int64) {
	t.Helper()
	put(t, s, with(expose(fence, 500), leased(time.Millisecond)))
	end := get(t, s, "f").Lease.End
	require.Eventually(t, func() bool {
		now, err := s.Now(context.Background())
		return err == nil && now.UnixMilli() > end
	}, 10*time.Second, time.Millisecond)
}

func TestEndedLeaseIsNeverRevived(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	ended(t, s, 10)
	end := *get(t, s, "f").Lease

	_, err := s.RenewLease(ctx, "f", began+10, time.Hour)
	require.ErrorIs(t, err, flagstore.ErrLeaseEnded)
	ack := put(t, s, with(expose(10, 500), leased(time.Millisecond))) // a retry of the write
	require.True(t, ack.Duplicate)
	require.Equal(t, end, *get(t, s, "f").Lease)

	put(t, s, with(expose(11, 500), leased(time.Hour))) // only a new version exposes anew
	_, err = s.RenewLease(ctx, "f", began+11, time.Hour)
	require.NoError(t, err)
	_, err = s.RenewLease(ctx, "f", began+10, time.Hour)
	require.ErrorIs(t, err, flagstore.ErrStale)

	put(t, s, expose(12, 500))
	require.Nil(t, get(t, s, "f").Lease, "a write without a lease removes it")
}

func TestRenewingAfterLossSaysSo(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	put(t, s, with(expose(10, 500), leased(time.Hour)))
	srv.Restart()
	g, err := s.RenewLease(ctx, "f", began+10, time.Hour)
	require.ErrorIs(t, err, flagstore.ErrLost)
	require.Zero(t, g.Stored)
	_, err = s.RenewLease(ctx, "f", 0, time.Hour) // by whom knows of the loss already
	require.ErrorIs(t, err, flagstore.ErrLost)
	_, err = s.RenewLease(ctx, "f", began+10, -1)
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
	_, err = s.RenewLease(ctx, "f!", began+10, 0)
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
}

func TestEvidenceNeverGoesBack(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	tick, blob, err := s.Evidence(ctx, "f", "run-1")
	require.NoError(t, err)
	require.Zero(t, tick)
	require.Nil(t, blob)

	require.NoError(t, s.PutEvidence(ctx, "f", "run-1", began+30, []byte("a\x00\xff")))
	require.NoError(t, s.PutEvidence(ctx, "f", "run-1", began+30, []byte("a\x00\xff")), "a retry")
	require.ErrorIs(t, s.PutEvidence(ctx, "f", "run-1", began+30, []byte("b")), flagstore.ErrStale)
	require.ErrorIs(t, s.PutEvidence(ctx, "f", "run-1", began+20, []byte("b")), flagstore.ErrStale)
	require.NoError(t, s.PutEvidence(ctx, "f", "run-2", began+10, []byte("of another launch")))
	tick, blob, err = s.Evidence(ctx, "f", "run-1")
	require.NoError(t, err)
	require.Equal(t, began+30, tick)
	require.Equal(t, []byte("a\x00\xff"), blob)

	life, err := srv.Client().PTTL(ctx, "rampart:{test}:evidence:f:run-1").Result()
	require.NoError(t, err)
	require.Greater(t, life, flagstore.EvidenceLife-time.Hour)
	for name, err := range map[string]error{
		"too large":         s.PutEvidence(ctx, "f", "run-1", began+40, make([]byte, flagstore.MaxEvidenceBytes+1)),
		"no tick":           s.PutEvidence(ctx, "f", "run-1", 0, nil),
		"a run with braces": s.PutEvidence(ctx, "f", "{}", began, nil),
		"no flag":           s.PutEvidence(ctx, "", "run-1", began, nil),
	} {
		require.Equal(t, rampart.Invalid, rampart.KindOf(err), name)
	}
	require.NoError(t, s.PutEvidence(ctx, "f", "run-1", began+40, make([]byte, flagstore.MaxEvidenceBytes)))
}

func TestOfManyWatchesOneJudgesATick(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	const many = 16
	results := make(chan error, many)
	for i := range many {
		go func() { results <- s.PutEvidence(ctx, "f", "run-1", began, fmt.Appendf(nil, "watch %d", i)) }()
	}
	won := 0
	for range many {
		if err := <-results; err == nil {
			won++
		} else {
			require.ErrorIs(t, err, flagstore.ErrStale)
		}
	}
	require.Equal(t, 1, won)
}
