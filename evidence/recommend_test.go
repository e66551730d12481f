package evidence_test

import (
	"math"
	"slices"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

func TestRecommendations(t *testing.T) {
	steps := []float64{0.01, 0.05, 0.1, 0.25, 0.5}
	inf := math.Inf(1)
	for _, c := range []struct {
		name    string
		tau     float64
		threats []evidence.Threat
		want    float64
		binding string
	}{
		{"no harm beyond the risk", 0.05, []evidence.Threat{{Name: "errors", Upper: 1.1}}, 0.5, ""},
		{"no harm at all", 0.05, []evidence.Threat{{Name: "errors", Upper: 0.9}}, 0.5, ""},
		{"some harm", 0.05, []evidence.Threat{{Name: "errors", Upper: 1.12}}, 0.25, "errors"},
		{"the default risk", 0, []evidence.Threat{{Name: "errors", Upper: 1.1}}, 0.25, "errors"},
		{"the worst of them binds", 0.05, []evidence.Threat{{Name: "errors", Upper: 1.12}, {Name: "latency", Upper: 1.9}}, 0.05, "latency"},
		{"severity", 0.05, []evidence.Threat{{Name: "errors", Upper: 1.1, Severity: 10}}, 0.05, "errors"},
		{"nothing is known", 0.05, []evidence.Threat{{Name: "errors", Upper: inf}}, 0, "errors"},
	} {
		t.Run(c.name, func(t *testing.T) {
			share, binding, err := evidence.Recommend(steps, c.tau, c.threats...)
			require.NoError(t, err)
			require.Equal(t, c.want, share)
			if c.binding == "" {
				require.Nil(t, binding)
			} else {
				require.Equal(t, c.binding, binding.Name)
			}
		})
	}
	_, _, err := evidence.Recommend(steps, -1)
	require.ErrorContains(t, err, "a risk of -1 is none")
	_, _, err = evidence.Recommend(steps, 0.05, evidence.Threat{Name: "errors", Upper: math.NaN()})
	require.ErrorContains(t, err, "guardrail errors")
}

// TestTheRampToHalfTakesAsLongAsItsRisk walks the reference case without an effect up
// the ramp 1, 2, 5, 10, 20, 50 %, asking after every tick. The median time to 50 % is
// that of the specification to within a quarter. It is 0.84, 3.7 and 20.3 hours of these
// runs, and was 0.80, 3.3 and 22.5 hours of 201.
func TestTheRampToHalfTakesAsLongAsItsRisk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tau   float64
		hours float64
	}{{0.05, 0.85}, {0.025, 3.4}, {0.01, 20}} {
		var took []float64
		for run := range 41 {
			took = append(took, hoursToHalf(t, uint64(run), c.tau))
		}
		slices.Sort(took)
		t.Logf("tau %g: %.2f h", c.tau, took[len(took)/2])
		require.InEpsilon(t, c.hours, took[len(took)/2], 0.25, "at a risk of %g", c.tau)
	}
}

func hoursToHalf(t *testing.T, seed uint64, tau float64) float64 {
	t.Helper()
	cb, w := newCB(t, evidence.Config{}), reference(seed, 0.01, 1, 0)
	for i := range 240 * 24 * 4 {
		_, err := cb.Fold(w.tick(i), early)
		require.NoError(t, err)
		r := cb.Ratio(0.05, 1)
		if !r.Known {
			continue
		}
		share, _, err := evidence.Recommend([]float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5}, tau, evidence.Threat{Name: "errors", Upper: r.High})
		require.NoError(t, err)
		if w.exposure = max(w.exposure, share); w.exposure == 0.5 {
			return float64(i+1) / 240
		}
	}
	return math.Inf(1)
}
