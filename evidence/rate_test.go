package evidence_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

func TestWhatNeverHappensHasAnUpperLimit(t *testing.T) {
	want := (math.Log(20) + 0.5*math.Log(61)) / 60_000 // by hand
	require.InEpsilon(t, want, evidence.UpperRate(0, 60_000, 0.05, 1000), 1e-9, "no event in 60,000 units")
	require.True(t, math.IsInf(evidence.UpperRate(0, 0, 0.05, 1000), 1))
	require.Greater(t, evidence.UpperRate(5, 60_000, 0.05, 1000), 5/60_000.0)
	require.InDelta(t, 0.01, evidence.UpperRate(1e6, 1e8, 0.05, 1000), 0.0001)
}

// TestAnUpperRateHoldsAtAllTimes looks after every tick, and allows five standard errors.
func TestAnUpperRateHoldsAtAllTimes(t *testing.T) {
	const runs, alpha = 1000, 0.05
	missed := 0.0
	for run := range runs {
		rng, x, n := rand.New(rand.NewPCG(uint64(run), 41)), 0.0, 0.0
		for range 400 {
			x, n = x+poisson(rng, 0.5), n+500
			if evidence.UpperRate(x, n, alpha, 1000) < 0.001 {
				missed++
				break
			}
		}
	}
	require.LessOrEqual(t, missed, runs*alpha+5*math.Sqrt(runs*alpha*(1-alpha)))
}
