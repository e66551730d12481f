package flagstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

// claiming asks for the pen of a new flag, with slots.
func claiming(name string, from, to rampart.Percent, except ...rampart.Rule) flagstore.AcquireInput {
	base := flag(name, 0)
	return flagstore.AcquireInput{
		Flag: name, Owner: "launch/production/" + name, At: began + 5, By: "ann", Baseline: &base,
		Claim: &flagstore.Claim{Layer: &rampart.Layer{Name: "checkout-page", From: from, To: to}, Except: except},
	}
}

func TestSlotsAreClaimedWithThePen(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	held := rampart.Rule{Segment: "holdout"}
	got := acquire(t, s, claiming("a", 0, 5000, held))
	require.Equal(t, 2, got.Flag.Format, "older readers serve it off")
	stored := get(t, s, "a").Flag
	require.Equal(t, &rampart.Layer{Name: "checkout-page", To: 5000}, stored.Layer)
	require.Equal(t, []rampart.Rule{held}, stored.Except)

	_, err := s.Acquire(ctx, claiming("b", 4900, 10000))
	require.Equal(t, rampart.Refused, rampart.KindOf(err))
	require.ErrorContains(t, err, "slots 49-100 % of layer checkout-page are taken: a has 0-50 %")
	require.Equal(t, "free in checkout-page: 50-100 %", rampart.HintOf(err))
	_, err = s.Get(ctx, "b")
	require.Equal(t, rampart.NotFound, rampart.KindOf(err), "nothing was written")
	acquire(t, s, claiming("b", 5000, 10000))
	acquire(t, s, claiming("a", 0, 5000, held)) // a retry finds its own slots

	baseline := stored
	baseline.Layer = nil
	put(t, s, flagstore.Write{Flag: baseline, Pen: rampart.Pen{Owner: "launch/production/a", Fence: got.Version + 1}, Verb: "turn-back", By: "ann"})
	acquire(t, s, claiming("c", 0, 5000))
}

func TestWhoClaimsNothingLeavesTheDocumentAsItIs(t *testing.T) {
	s, _ := open(t)
	in := claiming("a", 0, 5000, rampart.Rule{Segment: "holdout"})
	was := acquire(t, s, in).Flag
	in.At, in.Claim = began+50, nil
	is := acquire(t, s, in).Flag
	require.Equal(t, was.Layer, is.Layer)
	require.Equal(t, was.Except, is.Except)
}

func TestNobodyIsLetInByAClaim(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	w := expose(1, 500)
	w.Flag.Except, w.NewOwner = []rampart.Rule{{Segment: "holdout"}}, own
	put(t, s, w)
	in := ask(launch, 5)
	in.Takes = []string{own}
	in.Claim = &flagstore.Claim{}
	_, err := s.Acquire(ctx, in)
	require.Equal(t, rampart.Refused, rampart.KindOf(err))
	require.ErrorContains(t, err, "exposes somebody already")
	in.Claim.Except = []rampart.Rule{{Segment: "holdout"}, {Segment: "more"}}
	require.Len(t, acquire(t, s, in).Flag.Except, 2)
}

func TestNobodyIsMovedToOtherBucketsByAClaim(t *testing.T) {
	s, _ := open(t)
	w := expose(1, 500)
	w.Flag.Unit, w.NewOwner = rampart.Request, own
	put(t, s, w)
	in := ask(launch, 5)
	in.Takes = []string{own}
	in.Claim = &flagstore.Claim{Unit: rampart.User, Layer: &rampart.Layer{Name: "page", To: 5000}}
	_, err := s.Acquire(context.Background(), in)
	require.ErrorContains(t, err, "exposes somebody already, by request")
	in.Claim.Unit = ""
	require.Equal(t, rampart.Request, acquire(t, s, in).Flag.Unit)
}

func TestAKilledFlagIsNotWidenedByLeavingALayer(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	w := expose(1, 500)
	w.Flag.Layer, w.Flag.Except = &rampart.Layer{Name: "page", To: 5000}, []rampart.Rule{{Segment: "holdout"}}
	put(t, s, w)
	_, err := s.Kill(ctx, "f", "bo", "fire")
	require.NoError(t, err)
	next := w
	next.Pen.Fence++
	next.Flag.Layer = nil
	_, err = s.Put(ctx, next)
	require.ErrorIs(t, err, flagstore.ErrKilled)
	next.Flag.Layer, next.Flag.Except = w.Flag.Layer, nil
	_, err = s.Put(ctx, next)
	require.ErrorIs(t, err, flagstore.ErrKilled)
	next.Flag.Except, next.Flag.Exposure = w.Flag.Except, 100
	put(t, s, next)
}

// A launch that lost its document, or had left its layer for the bake, writes it again:
// then its slots may be another flag's.
func TestSlotsThatWereLostOrLeftAreClaimedAgain(t *testing.T) {
	ctx := context.Background()
	for name, gone := range map[string]func(t *testing.T, s *flagstore.Store, r *redistest.Server, w flagstore.Write){
		"lost": func(t *testing.T, s *flagstore.Store, r *redistest.Server, _ flagstore.Write) {
			empty(t, s, r)
		},
		"left": func(t *testing.T, s *flagstore.Store, _ *redistest.Server, w flagstore.Write) {
			w.Flag.Layer, w.Flag.Exposure = nil, rampart.Full
			put(t, s, w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := open(t)
			w := flagstore.Write{Flag: acquire(t, s, claiming("a", 0, 5000)).Flag, Verb: "restore", By: "ann", Claims: true,
				Pen: rampart.Pen{Owner: "launch/production/a", Fence: began + 100}}
			gone(t, s, r, w)
			w.Pen.Fence += 10
			put(t, s, w)
			_, err := s.Acquire(ctx, claiming("b", 4000, 6000))
			require.ErrorIs(t, err, flagstore.ErrTaken, "what was claimed again is taken")

			w.Pen.Fence += 10
			gone(t, s, r, w)
			acquire(t, s, claiming("b", 4000, 6000))
			w.Pen.Fence += 10
			_, err = s.Put(ctx, w)
			require.ErrorIs(t, err, flagstore.ErrTaken)
			require.ErrorContains(t, err, "slots 0-50 % of layer checkout-page are taken: b has 40-60 %")
			w.Flag.Layer = nil
			put(t, s, w) // nobody is kept from turning back
		})
	}
}

// A write that claims and the taking of a pen that does so exclude each other, too.
func TestOfAWriteAndAnAcquireThatClaimAtOnceOneHasTheSlots(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	const rounds = 30
	for round := range rounds {
		layer := &rampart.Layer{Name: fmt.Sprintf("layer-%d", round), From: 1000, To: 6000}
		left := flag(fmt.Sprintf("a-%d", round), 0)
		w := flagstore.Write{Flag: left, Verb: "step-back", By: "ann", Claims: true, Pen: rampart.Pen{Owner: "launch/production/a", Fence: began + 100}}
		put(t, s, w)
		w.Flag.Layer, w.Pen.Fence = layer, began+101
		in := claiming(fmt.Sprintf("b-%d", round), 5000, 7000)
		in.Claim.Layer.Name = layer.Name
		var all errgroup.Group
		var wrote, acquired error
		all.Go(func() error { _, wrote = s.Put(ctx, w); return nil })
		all.Go(func() error { _, acquired = s.Acquire(ctx, in); return nil })
		require.NoError(t, all.Wait())
		require.True(t, (wrote == nil) != (acquired == nil), "round %d: %v, %v", round, wrote, acquired)
		if wrote == nil {
			wrote = acquired
		}
		require.ErrorIs(t, wrote, flagstore.ErrTaken)
	}
}

func TestADocumentThatCannotBeReadMayHaveAnySlots(t *testing.T) {
	ctx := context.Background()
	s, r := open(t)
	acquire(t, s, claiming("a", 0, 5000))
	document, err := r.Client().HGet(ctx, "rampart:{"+env+"}:state", "f:a").Result()
	require.NoError(t, err)
	require.NoError(t, r.Client().HSet(ctx, "rampart:{"+env+"}:state", "f:a", strings.Replace(document, `"format":2`, `"format":3`, 1)).Err())
	_, err = s.Acquire(ctx, claiming("b", 0, 5000))
	require.ErrorIs(t, err, flagstore.ErrTaken)
	require.ErrorContains(t, err, "the document of a cannot be read")
	in := claiming("c", 0, 5000)
	in.Claim.Layer = nil
	acquire(t, s, in)
}

// Whoever starts at the same moment is told so, and no slot is ever given twice.
func TestOfTwoThatClaimAtOnceOneHasTheSlots(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	const rounds, starters = 20, 4
	for round := range rounds {
		layer := fmt.Sprintf("layer-%d", round)
		won := make([]bool, starters)
		var all errgroup.Group
		for i := range starters {
			all.Go(func() error {
				in := claiming(fmt.Sprintf("f-%d-%d", round, i), 1000, 6000)
				in.Claim.Layer.Name = layer
				_, err := s.Acquire(ctx, in)
				if err != nil && rampart.KindOf(err) != rampart.Refused {
					return err
				}
				won[i] = err == nil
				return nil
			})
		}
		require.NoError(t, all.Wait())
		n := 0
		for _, w := range won {
			if w {
				n++
			}
		}
		require.Equal(t, 1, n, "round %d: %v", round, won)
	}
}
