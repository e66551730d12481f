package evidence_test

import (
	"math"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

func TestTheIntervalCoversTheRatioAtAllTicksTogether(t *testing.T) {
	t.Parallel()
	const runs, ticks = 150, 400
	for _, c := range []struct {
		name          string
		exposure, rho float64
	}{
		{"no effect at 5 % exposure", 0.05, 1},
		{"a doubling at 5 % exposure", 0.05, 2},
		{"no effect at half exposure", 0.5, 1},
		{"fewer events with 1 % off", 0.99, 0.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			var missed int
			for run := range runs {
				w, cb := reference(uint64(run), c.exposure, c.rho, 0), newCB(t, evidence.Config{})
				for i := range ticks {
					_, err := cb.Fold(w.tick(i), evidence.Moment{})
					require.NoError(t, err)
					if i%8 != 0 {
						continue
					}
					if r := cb.Ratio(0.05, 1); r.Known && (c.rho < r.Low || c.rho > r.High) {
						missed++
						break
					}
				}
			}
			require.LessOrEqual(t, float64(missed)/runs, 0.05+3*math.Sqrt(0.05*0.95/runs))
		})
	}
}

func TestTheRatioShown(t *testing.T) {
	fold := func(ticks ...evidence.Tick) *evidence.CB {
		cb := newCB(t, evidence.Config{})
		for i, tick := range ticks {
			tick.At = int64(i)
			_, err := cb.Fold(tick, evidence.Moment{})
			require.NoError(t, err)
		}
		return cb
	}
	t.Run("nothing is known before there are events", func(t *testing.T) {
		require.False(t, fold().Ratio(0.05, 1).Known)
		require.False(t, fold(evidence.Tick{X1: 9, N1: 100, X0: 50, N0: 100}).Ratio(0.05, 1).Known)
	})
	t.Run("an interval around the estimate", func(t *testing.T) {
		r := fold(evidence.Tick{X1: 104, N1: 1000, X0: 1000, N0: 10000}).Ratio(0.05, 1)
		require.True(t, r.Known)
		require.InDelta(t, 1.04, r.Estimate, 1e-9)
		require.InDelta(t, 0.75, r.Low, 0.05)
		require.InDelta(t, 1.4, r.High, 0.1)
	})
	t.Run("overdispersion widens it", func(t *testing.T) {
		cb := fold(evidence.Tick{X1: 104, N1: 1000, X0: 1000, N0: 10000})
		require.Less(t, cb.Ratio(0.05, 4).Low, cb.Ratio(0.05, 1).Low)
	})
	t.Run("a change of allocation in mid-incident has no effect on it", func(t *testing.T) {
		r := fold(evidence.Tick{X1: 10, N1: 1000, X0: 190, N0: 19000}, evidence.Tick{X1: 1000, N1: 10000, X0: 1000, N0: 10000}).Ratio(0.05, 1)
		require.InDelta(t, 1, r.Estimate, 1e-9)
	})
	t.Run("few events leave the far end open", func(t *testing.T) {
		r := fold(evidence.Tick{X1: 10, N1: 10, X0: 10, N0: 1e6}).Ratio(1e-6, 1)
		require.True(t, r.Known)
		require.True(t, math.IsInf(r.High, 1) || r.High > 1e5)
	})
}
