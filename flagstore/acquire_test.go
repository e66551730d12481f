package flagstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

func ask(owner string, at int64) flagstore.AcquireInput {
	return flagstore.AcquireInput{Flag: "f", Owner: owner, At: began + at, By: "ann", Reason: "start"}
}

func acquire(t *testing.T, s *flagstore.Store, in flagstore.AcquireInput) flagstore.Acquired {
	t.Helper()
	got, err := s.Acquire(context.Background(), in)
	require.NoError(t, err)
	return got
}

func TestAcquireWritesTheBaselineOfANewFlag(t *testing.T) {
	s, _ := open(t)
	_, err := s.Acquire(context.Background(), ask(launch, 5))
	require.Equal(t, rampart.NotFound, rampart.KindOf(err))
	require.ErrorIs(t, err, flagstore.ErrNotFound)

	in, base := ask(launch, 5), flag("ignored", 0)
	in.Baseline = &base
	got := acquire(t, s, in)
	require.False(t, got.Exists)
	require.Equal(t, began+5, got.Version)
	require.Equal(t, got.Flag, get(t, s, "f").Flag)
	require.Equal(t, launch, get(t, s, "f").Owner)
}

func TestAcquireWritesTheStoredDocumentAgain(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	put(t, s, with(expose(1, 500), func(w *flagstore.Write) { w.NewOwner = own }))
	sub, err := s.Follow(ctx)
	require.NoError(t, err)
	defer func() { _ = sub.Close() }()

	in, base := ask(launch, 5), flag("f", 0)
	in.Baseline = &base
	got := acquire(t, s, in)
	require.True(t, got.Exists)
	require.Equal(t, rampart.Percent(500), got.Flag.Exposure)
	require.Equal(t, own, got.PreviousOwner)
	c, err := sub.Next(ctx)
	require.NoError(t, err)
	require.True(t, c.Confirm, "the parachute check waits for the readers")
	require.Equal(t, got.Revision, c.Revision)
}

func TestAcquireOvertakesEveryEarlierPen(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	put(t, s, expose(1000, 500))
	got := acquire(t, s, ask(launch, 5)) // a clock behind the one before
	require.Equal(t, began+1001, got.Version)
	_, err := s.Put(ctx, expose(1000, 500))
	require.ErrorIs(t, err, flagstore.ErrStale)
}

func TestRetriedAcquireTakesThePenOnce(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	put(t, s, with(expose(1, 500), by(own)))
	first := acquire(t, s, ask(launch, 5))
	again := acquire(t, s, ask(launch, 5))
	require.Equal(t, first.Version, again.Version)
	require.Equal(t, first.Flag, again.Flag)
	history, err := s.History(ctx, "f", 10)
	require.NoError(t, err)
	require.Len(t, history, 2)

	put(t, s, with(expose(6, 0), func(w *flagstore.Write) { w.NewOwner = own }))
	_, err = s.Acquire(ctx, ask(launch, 5))
	require.ErrorIs(t, err, flagstore.ErrOwned, "a zombie cannot take again what was handed on")
	later := acquire(t, s, ask(launch, 7))
	require.Equal(t, began+7, later.Version, "the next launch can")
}

func TestAcquireTakesOnlyFromWhomItMay(t *testing.T) {
	ctx := context.Background()
	tests := []struct {
		name   string
		holder string
		takes  []string
		want   error
	}{
		{name: "the owner's own pen", holder: launch},
		{name: "that of the flag's own workflow", holder: own},
		{name: "that of another launch", holder: "launch/test/other", want: flagstore.ErrOwned},
		{name: "that of another flag's workflow", holder: "flag/test/other", want: flagstore.ErrOwned},
		{name: "one that is named", holder: "launch/test/dead", takes: []string{"x", "launch/test/dead"}},
		{name: "one that is not among the named", holder: "launch/test/live", takes: []string{"launch/test/dead"}, want: flagstore.ErrOwned},
	}
	s, srv := open(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			empty(t, s, srv)
			put(t, s, with(expose(1, 100), by(test.holder)))
			in := ask(launch, 5)
			in.Takes = test.takes
			_, err := s.Acquire(ctx, in)
			require.ErrorIs(t, err, test.want)
			if test.want != nil {
				require.ErrorContains(t, err, test.holder)
			}
		})
	}
}

func TestAcquireIsRefused(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	put(t, s, expose(1, 100))

	in := ask(own, 5)
	in.Takes, in.Seen = []string{launch}, began+7
	_, err := s.Acquire(ctx, in)
	require.ErrorIs(t, err, flagstore.ErrStale, "the flag is not what the sweep has seen")
	_, err = s.Acquire(ctx, ask(launch, 3*3600*1000))
	require.ErrorIs(t, err, flagstore.ErrAhead)
	_, err = s.Acquire(ctx, ask("", 5))
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
	_, err = s.Acquire(ctx, flagstore.AcquireInput{Flag: "F!", Owner: launch, At: began})
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))

	_, err = s.Kill(ctx, "f", "ann", "fire")
	require.NoError(t, err)
	_, err = s.Acquire(ctx, ask(launch, 5))
	require.ErrorIs(t, err, flagstore.ErrKilled)
	require.ErrorContains(t, err, "fire")
	in.Seen, in.Restore = began+1, true
	require.Equal(t, began+5, acquire(t, s, in).Version, "who puts things right is let through")

	require.NoError(t, srv.Client().FlushAll(ctx).Err())
	in = ask(launch, 9)
	base := flag("f", 0)
	in.Baseline = &base
	_, err = s.Acquire(ctx, in)
	require.ErrorIs(t, err, flagstore.ErrNotSetUp)
	in.Restore = true
	require.False(t, acquire(t, s, in).Exists)
}

func TestAcquireDoesNotRewriteWhatItCannotRead(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	require.NoError(t, srv.Client().HSet(ctx, state, "f:f", `7 {"format":99,"name":"f","exposure":5}`).Err())
	in, base := ask(launch, 5), flag("f", 0)
	in.Baseline = &base
	_, err := s.Acquire(ctx, in)
	require.Equal(t, rampart.Refused, rampart.KindOf(err))
	require.ErrorContains(t, err, "newer")

	require.NoError(t, srv.Client().HSet(ctx, state, "f:f", "7 rubbish").Err())
	_, err = s.Acquire(ctx, ask(launch, 5))
	require.Equal(t, rampart.Refused, rampart.KindOf(err))
	require.Equal(t, began+5, acquire(t, s, in).Version, "the baseline takes its place")
}

func TestAcquireOfARemovedFlagStartsAnew(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	put(t, s, with(expose(9, 0), func(w *flagstore.Write) { w.Flag.Removed = true }))
	_, err := s.Get(ctx, "f")
	require.ErrorIs(t, err, flagstore.ErrNotFound)
	_, err = s.Acquire(ctx, ask(launch, 5))
	require.ErrorIs(t, err, flagstore.ErrNotFound)

	in, base := ask(launch, 5), flag("f", 0)
	in.Baseline = &base
	got := acquire(t, s, in)
	require.False(t, got.Exists)
	require.Equal(t, began+10, got.Version, "above the tombstone")
}

func TestOfManyWhoAcquireAtOnceOneHoldsThePen(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	put(t, s, with(expose(1, 0), by(own)))
	const many = 16
	won := make(chan string, many)
	for i := range many {
		go func() {
			owner := fmt.Sprintf("launch/test/f%d", i)
			got, err := s.Acquire(ctx, ask(owner, 5))
			switch {
			case err == nil:
				_, err = s.Put(ctx, flagstore.Write{Flag: got.Flag, Pen: rampart.Pen{Owner: owner, Fence: got.Version + 1}, Acknowledged: got.Version})
				if err != nil {
					owner = err.Error()
				}
				won <- owner
			case errors.Is(err, flagstore.ErrOwned):
				won <- ""
			default:
				won <- err.Error()
			}
		}()
	}
	var winners []string
	for range many {
		if w := <-won; w != "" {
			winners = append(winners, w)
		}
	}
	require.Len(t, winners, 1)
	require.Equal(t, winners[0], get(t, s, "f").Owner)
}

func TestAcquireNeverRevivesAnEndedLease(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	exposed := with(with(expose(1, 500), include("internal")), leased(time.Hour))
	tests := []struct {
		name     string
		lease    string // by hand, after the write
		exposure rampart.Percent
	}{
		{name: "a lease that runs begins anew", lease: fmt.Sprintf("%d %d", began+1, began+3600_000), exposure: 500},
		{name: "of one that has ended nothing is left", lease: fmt.Sprintf("%d %d", began+1, began-1)},
		{name: "nor of one of another version", lease: fmt.Sprintf("%d %d", began, began+3600_000)},
		{name: "nor of one that is missing"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			empty(t, s, srv)
			put(t, s, exposed)
			require.NoError(t, srv.Client().Del(ctx, "rampart:{test}:leases").Err())
			if test.lease != "" {
				require.NoError(t, srv.Client().HSet(ctx, "rampart:{test}:leases", "f", test.lease).Err())
			}
			got := acquire(t, s, ask(launch, 5))
			e := get(t, s, "f")
			require.Equal(t, got.Flag, e.Flag)
			require.Equal(t, test.exposure, e.Flag.Exposure)
			require.Equal(t, rampart.Percent(500), e.Flag.HighWater)
			if test.exposure == 0 {
				require.Empty(t, e.Flag.Include)
				require.Nil(t, e.Lease)
				return
			}
			require.Len(t, e.Flag.Include, 1)
			require.Equal(t, got.Version, e.Lease.Version)
			require.Greater(t, e.Lease.End, began+3600_000)
		})
	}
}
