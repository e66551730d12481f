package evidence_test

import (
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
