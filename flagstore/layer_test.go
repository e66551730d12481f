package flagstore_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
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
