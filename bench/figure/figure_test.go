package figure_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/bench/figure"
)

// upTo returns 1 to n, the largest first.
func upTo(n int) figure.Samples {
	s := make(figure.Samples, n)
	for i := range s {
		s[i] = float64(n - i)
	}
	return s
}

func TestQuantileIsASampleAtTheNearestRank(t *testing.T) {
	for _, c := range []struct {
		name string
		s    figure.Samples
		q    float64
		want float64
	}{
		{"the p99 of 300 is the fourth largest", upTo(300), 0.99, 297},
		{"the p99 of 100 is the second largest", upTo(100), 0.99, 99},
		{"the p99 of fewer than 100 is the largest", upTo(99), 0.99, 99},
		{"the p50 of an odd number is the middle one", upTo(5), 0.5, 3},
		{"the p50 of an even number is the lower of the two", upTo(4), 0.5, 2},
		{"rounding makes no rank higher", upTo(100), 0.07, 7},
		{"the least", upTo(10), 0, 1},
		{"the largest", upTo(10), 1, 10},
		{"of one sample", figure.Samples{42}, 0.99, 42},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.s.Quantile(c.q)) })
	}
	require.True(t, math.IsNaN(figure.Samples{}.Quantile(0.5)))
}

func TestQuantileLeavesTheSamplesInTheirOrder(t *testing.T) {
	s := figure.Samples{3, 1, 2}
	require.Equal(t, 2.0, s.Median())
	require.Equal(t, figure.Samples{3, 1, 2}, s)
}

func TestRatiosAreOfPairs(t *testing.T) {
	// Both were slowed down in the second pair: the ratio of each pair is still 2.
	require.Equal(t, figure.Samples{2, 2}, figure.Samples{20, 200}.Over(figure.Samples{10, 100}))
	require.Panics(t, func() { figure.Samples{1}.Over(figure.Samples{1, 2}) })
	require.Equal(t, figure.Samples{5, 50}, figure.Samples{20, 200}.Less(figure.Samples{10, 100}).By(2))
}

func TestPromiseIsKeptUpToItsLimit(t *testing.T) {
	require.True(t, figure.Figure{Value: 2, Most: 2}.Kept())
	require.False(t, figure.Figure{Value: 2.001, Most: 2}.Kept())
	require.True(t, figure.Figure{Value: 0, Most: 0}.Kept())
	require.True(t, figure.Figure{Value: 0.99, Least: 0.99}.Kept())
	require.False(t, figure.Figure{Value: 0.98, Least: 0.99}.Kept())
	require.True(t, figure.Figure{Text: "redis"}.Kept())
	require.True(t, figure.Figure{Value: 7, Told: true}.Kept())
}

func TestMergeKeepsWhatItDoesNotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out", "bench.json")
	require.NoError(t, figure.Merge(path, []figure.Figure{{Name: "a", Value: 1.23456}, {Name: "b", Value: 2}}, map[string]string{"cores": "2"}))
	require.NoError(t, figure.Merge(path, []figure.Figure{{Name: "b", Value: 0}, {Name: "c", Text: "redis"}}, map[string]string{"go": "go1.26"}))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.JSONEq(t, `{"a": 1.235, "b": 0, "c": "redis", "about": {"cores": "2", "go": "go1.26"}}`, string(b))
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestMergeRefusesWhatIsNoFigureAndLeavesTheFile(t *testing.T) {
	for _, c := range []struct {
		name   string
		before string
		f      figure.Figure
	}{
		{"not a number", `{"a":1}`, figure.Figure{Name: "a", Value: math.NaN()}},
		{"no bound", `{"a":1}`, figure.Figure{Name: "a", Value: math.Inf(1)}},
		{"the name of the facts", `{"a":1}`, figure.Figure{Name: "about", Value: 1}},
		{"a file that is no JSON", `figures`, figure.Figure{Name: "a", Value: 1}},
		{"a file that is no object", `[1]`, figure.Figure{Name: "a", Value: 1}},
		{"facts that are none", `{"about":1}`, figure.Figure{Name: "a", Value: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bench.json")
			require.NoError(t, os.WriteFile(path, []byte(c.before), 0o600))
			require.Error(t, figure.Merge(path, []figure.Figure{c.f}, nil))
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, c.before, string(b))
		})
	}
}
