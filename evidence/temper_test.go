package evidence_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

// geometric is the size of a burst, of mean 3: counts of such bursts have a phi of 5.
func geometric(rng *rand.Rand) float64 {
	n := 1.0
	for rng.Float64() > 1.0/3 {
		n++
	}
	return n
}

// bursts counts those of one arm, of which so many begin.
func bursts(rng *rand.Rand, mean float64, into *[20]float64) (x float64) {
	for range int(poisson(rng, mean)) {
		n := geometric(rng)
		into[rng.IntN(20)] += n
		x += n
	}
	return x
}

// TestRareBurstsAreNoHarm has some bursts an hour in the on arm, each of which is by
// itself several times what is to be expected, under a mixture that starts anew every
// ten minutes: as many chances to take the next burst for the beginning of harm.
func TestRareBurstsAreNoHarm(t *testing.T) {
	t.Parallel()
	const runs, ticks = 100, 1500
	stops := []*stop{{at: 500}, {at: ticks - 1}, {level: math.Log(2)}, {level: math.Log(10)}}
	turned := 0.0
	for run := range runs {
		rng := rand.New(rand.NewPCG(uint64(run), 60))
		l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "crashes", Phi: 5, Ratio: evidence.Config{Schedule: dayPlan}})
		for _, s := range stops {
			s.over = false
		}
		for i := range ticks {
			tick := evidence.Tick{At: int64(i+1) * 60_000, N1: 300, N0: 5700, Buckets: &evidence.Buckets{}}
			tick.X1 = bursts(rng, 0.05, &tick.Buckets.On)
			tick.X0 = bursts(rng, 0.95, &tick.Buckets.Off)
			_, err := l.Gate("crashes").Fold(tick, early)
			require.NoError(t, err)
			for _, s := range stops {
				s.look(i, l.LogE(), i == ticks-1)
			}
		}
		if l.Gate("crashes").Reached() {
			turned++
		}
	}
	for _, s := range stops {
		mean, se := s.mean()
		require.LessOrEqual(t, mean, 1+5*se)
	}
	require.LessOrEqual(t, turned/runs, 0.045+5*math.Sqrt(0.045*0.955/runs))
}

// TestHarmShowsInRareBurstsAllTheSame has five times as many of them.
func TestHarmShowsInRareBurstsAllTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 61))
	l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "crashes", Phi: 5, Ratio: evidence.Config{Schedule: dayPlan}})
	g := l.Gate("crashes")
	for i := 0; !g.Reached(); i++ {
		require.Less(t, i, 1000)
		tick := evidence.Tick{At: int64(i+1) * 60_000, N1: 300, N0: 5700, Buckets: &evidence.Buckets{}}
		tick.X1 = bursts(rng, 0.25, &tick.Buckets.On)
		tick.X0 = bursts(rng, 0.95, &tick.Buckets.Off)
		_, err := g.Fold(tick, early)
		require.NoError(t, err)
	}
}
