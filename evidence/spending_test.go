package evidence_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

func TestSpendingEndsAtAlpha(t *testing.T) {
	for _, s := range []evidence.Spending{{}, {Power: 1}, {Power: 3}} {
		require.Zero(t, s.At(0, 0.05))
		require.Equal(t, 0.05, s.At(1, 0.05))
		require.Equal(t, 0.05, s.At(1.2, 0.05), "an extension spends no more")
		require.Less(t, s.At(0.3, 0.05), s.At(0.6, 0.05))
	}
}

func TestLooksMustRise(t *testing.T) {
	for _, c := range []struct {
		name  string
		looks []float64
		alpha float64
		want  string
	}{
		{"a fraction of nothing", []float64{0}, 0.05, "look 1 does not rise"},
		{"a fraction that falls", []float64{0.5, 0.4}, 0.05, "look 2 does not rise"},
		{"more than all", []float64{0.5, 1.1}, 0.05, "look 2 does not rise"},
		{"an alpha of everything", []float64{1}, 1, "alpha 1 is not"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := evidence.Spending{}.Bounds(c.looks, c.alpha)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestALookWithoutNewInformationHasTheBoundOfTheLast(t *testing.T) {
	once, err := evidence.Spending{}.Bounds([]float64{0.5, 1}, 0.05)
	require.NoError(t, err)
	twice, err := evidence.Spending{}.Bounds([]float64{0.5, 0.5, 1}, 0.05)
	require.NoError(t, err)
	require.Equal(t, []float64{once[0], once[0], once[1]}, twice)
}

func TestASingleLookIsAFixedTest(t *testing.T) {
	lower, upper, err := evidence.Spending{}.FutilityBounds([]float64{1}, 0.05, 0.2)
	require.NoError(t, err)
	require.InDelta(t, 1.6449, upper[0], 1e-4)
	require.Equal(t, upper, lower)
	_, _, err = evidence.Spending{}.FutilityBounds([]float64{1}, 0.05, 0.96)
	require.ErrorContains(t, err, "beta 0.96")
}

// TestDailyLooksSpendWhatTheyMay walks random paths past the bounds of four weeks of
// daily looks, whose information comes unevenly, and allows five standard errors.
func TestDailyLooksSpendWhatTheyMay(t *testing.T) {
	t.Parallel()
	const runs, alpha = 100_000, 0.025
	var fractions, information []float64
	for day := 1; day <= 28; day++ {
		fractions = append(fractions, float64(day)/28)
		information = append(information, 1000*math.Pow(float64(day), 0.7)) // fewer new users every day
	}
	for _, c := range []struct {
		name     string
		spending evidence.Spending
		from     float64
	}{
		{"Kim and DeMets", evidence.KimDeMets(), 0},
		{"O'Brien and Fleming", evidence.OBrienFleming(), 0},
		{"with some of it spent before", evidence.KimDeMets(), 0.03},
	} {
		t.Run(c.name, func(t *testing.T) {
			bounds, err := c.spending.BoundsOver(c.from, fractions, information, alpha)
			require.NoError(t, err)
			rng, crossed := rand.New(rand.NewPCG(21, 22)), make([]float64, len(bounds))
			for range runs {
				var sum, last float64
				for i, v := range information {
					sum += math.Sqrt(v-last) * rng.NormFloat64()
					last = v
					if sum/math.Sqrt(v) >= bounds[i] {
						crossed[i]++
						break
					}
				}
			}
			var so float64
			for i, n := range crossed {
				so += n
				want := runs * (c.spending.At(fractions[i], alpha) - c.spending.At(c.from, alpha))
				require.InDelta(t, want, so, 5*math.Sqrt(want)+1, "up to day %d", i+1)
			}
		})
	}
}

func TestBoundsOverOtherInformation(t *testing.T) {
	even := []float64{0.25, 0.5, 1}
	plain, err := evidence.KimDeMets().Bounds(even, 0.025)
	require.NoError(t, err)
	same, err := evidence.KimDeMets().BoundsOver(0, even, []float64{250, 500, 1000}, 0.025)
	require.NoError(t, err)
	require.InDeltaSlice(t, plain, same, 1e-9)
	hardly, err := evidence.KimDeMets().BoundsOver(0, even, []float64{250, 250.02, 1000}, 0.025)
	require.NoError(t, err)
	require.Equal(t, 8.0, hardly[1], "a look with hardly anything new finds nothing and spends nothing")
	for _, c := range []struct {
		name string
		from float64
		info []float64
		want string
	}{
		{"too few", 0, []float64{1, 2}, "2 fractions for 3 looks"},
		{"information that stands still", 0, []float64{1, 1, 2}, "look 2 does not rise"},
		{"more spent than there is", 0.3, []float64{1, 2, 3}, "have spent more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := evidence.KimDeMets().BoundsOver(c.from, even, c.info, 0.025)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func BenchmarkBoundsOfFourWeeks(b *testing.B) {
	var t []float64
	for day := 1; day <= 28; day++ {
		t = append(t, float64(day)/28)
	}
	for b.Loop() {
		if _, err := evidence.KimDeMets().Bounds(t, 0.025); err != nil {
			b.Fatal(err)
		}
	}
}
