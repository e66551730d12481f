package evidence_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/evidence"
)

// The flow of the reference case: 7,500 requests a tick, 0.5 % of them bad.
func flow(exposure float64) evidence.Flow {
	return evidence.Flow{N1: 7500 * exposure, N0: 7500 * (1 - exposure), Base: 0.005}
}

// TestHarmIsFoundAsSoonAsPowerSays is the source of DelayAtStart and DelayInMid: the
// engine on the streams of the reference case. The mean of a run's delay is about as
// large as its deviation, so that of 100 runs is known within a tenth (one standard
// error) and the bounds leave five of them.
func TestHarmIsFoundAsSoonAsPowerSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		exposure float64
		rho      float64
		level    float64
		onset    int
	}{
		{"a doubling from the start", 0.05, 2, 0.05, 0},
		{"half as much again", 0.05, 1.5, 0.05, 0},
		{"a quarter more at a fifth of the budget", 0.5, 1.25, 0.01, 0},
		{"a doubling at a fifth of the budget", 0.05, 2, 0.01, 0},
		{"five times as many at one percent exposure", 0.01, 5, 0.01, 0},
		{"a doubling after twelve hours", 0.05, 2, 0.05, 2880},
		{"half as much again after twelve hours", 0.05, 1.5, 0.01, 2880},
		{"a quarter more after twelve hours at half exposure", 0.5, 1.25, 0.05, 2880},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := evidence.Config{Schedule: dayPlan, Limit: -math.Log(c.level)}
			var ticks, runs float64
			for run := range 100 {
				if n := found(t, reference(uint64(run), c.exposure, c.rho, c.onset), cfg); n > 0 {
					ticks, runs = ticks+float64(n), runs+1
				}
			}
			told := flow(c.exposure).Delay(c.rho, c.level)
			if c.onset > 0 {
				told = flow(c.exposure).DelayWithin(c.rho, c.level, 5760)
			}
			t.Logf("%.1f ticks, %.1f told: %.2f", ticks/runs, told, ticks/runs/told)
			require.InDelta(t, 1, ticks/runs/told, 0.5)
		})
	}
}

// found is how many ticks after its onset harm is found at the level of the
// configuration; 0 or less is a cry of wolf before it.
func found(t *testing.T, w *world, cfg evidence.Config) int {
	t.Helper()
	cb := newCB(t, cfg)
	for i := 0; ; i++ {
		_, err := cb.Fold(w.tick(i), early)
		require.NoError(t, err)
		if cb.LogBoosted() >= cfg.Limit-1e-12 {
			return i + 1 - w.onset
		}
	}
}

func TestWhatAFlowCanShow(t *testing.T) {
	const level = 0.015 // a weight of 0.3 of 5 %
	day := 24. * 60 * 4 // ticks
	t.Run("it is what the rule for a pass asks", func(t *testing.T) {
		f := flow(0.05)
		rho := f.Detectable(level, day)
		require.InEpsilon(t, evidence.InformationNeeded(0.05, 0.3), day*f.Information(rho), 1e-6)
		require.InDelta(t, 1.038, rho, 0.001)
	})
	t.Run("more exposure, more time and more traffic show finer harm", func(t *testing.T) {
		rho := flow(0.05).Detectable(level, day)
		require.Less(t, flow(0.1).Detectable(level, day), rho)
		require.Less(t, flow(0.05).Detectable(level, 2*day), rho)
		require.Greater(t, flow(0.05).Detectable(level, day/10), rho)
	})
	t.Run("overdispersion tells less", func(t *testing.T) {
		f := flow(0.05)
		f.Phi = 4
		require.InEpsilon(t, flow(0.05).Information(2)/4, f.Information(2), 1e-12)
		require.InEpsilon(t, flow(0.05).Delay(1.25, level)*4, f.Delay(1.25, level), 1e-12)
	})
	t.Run("a margin is not harm", func(t *testing.T) {
		f := flow(0.5)
		f.Margin = 0.05
		require.Zero(t, f.Information(1.05))
		require.Greater(t, f.Detectable(level, day), 1.05)
		require.True(t, math.IsInf(f.Delay(1.04, level), 1))
	})
	t.Run("an empty arm shows nothing", func(t *testing.T) {
		require.True(t, math.IsInf(flow(0).Detectable(level, day), 1))
		require.True(t, math.IsInf(flow(1).Delay(2, level), 1))
	})
	t.Run("not more units can be bad than there are", func(t *testing.T) {
		f := evidence.Flow{N1: 100, N0: 100, Base: 0.4}
		require.Equal(t, f.Information(2.5), f.Information(5))
		f.Rate = true
		require.Greater(t, f.Information(5), f.Information(2.5))
	})
	t.Run("where lower is worse, harm divides", func(t *testing.T) {
		f := evidence.Flow{N1: 100, N0: 100, Base: 0.1, LowerIsWorse: true}
		require.Positive(t, f.Information(2))
		require.Less(t, f.Information(2), evidence.Flow{N1: 100, N0: 100, Base: 0.1}.Information(2))
	})
	t.Run("a gross harm takes a tick", func(t *testing.T) {
		require.EqualValues(t, 1, flow(0.5).Delay(5, level))
	})
}

func TestWhatALineShows(t *testing.T) {
	require.Zero(t, evidence.LineInformation(1000, 0.01, 0.01))
	require.Zero(t, evidence.LineInformation(1000, 0.005, 0.01))
	// All of ten units bad: 10 ln(1/0.01).
	require.InEpsilon(t, 10*math.Log(100), evidence.LineInformation(10, 1, 0.01), 1e-12)
	p := evidence.LineDetectable(1e6, 0.01, 0.01)
	require.InEpsilon(t, evidence.InformationNeeded(0.01, 1), evidence.LineInformation(1e6, p, 0.01), 1e-6)
	require.True(t, math.IsInf(evidence.LineDetectable(1, 0.5, 0.01), 1))
}

func TestWhatADecisionNeeds(t *testing.T) {
	// 2 % of a ratio of 10 % at half and half.
	fixed := evidence.FixedSize(0.025, 0.8, 0.09, 0.5, 0.002)
	require.InEpsilon(t, 706_399, fixed, 0.001)
	week, err := evidence.PlanRamp(0.025, 0.8, 7)
	require.NoError(t, err)
	units := week.Units(0.09, 0.5, 0.002)
	require.InDelta(t, 1.08, units/fixed, 0.01)
	require.InEpsilon(t, 0.002, week.Effect(0.09, 0.5, units, 7), 1e-9)
	month, err := evidence.PlanRamp(0.025, 0.8, 28)
	require.NoError(t, err)
	require.Greater(t, month.Effect(0.09, 0.5, units, 7), 0.0028, "a quarter of the way little of the error is spent")
	year, err := evidence.PlanRamp(0.025, 0.8, 365)
	require.NoError(t, err)
	require.Equal(t, month.Units(1, 0.5, 1), year.Units(1, 0.5, 1))
	_, err = evidence.PlanRamp(0, 0.8, 7)
	require.Error(t, err)
	require.InDelta(t, 5.3, evidence.HoldoutCost(0.95), 0.05)
	require.InEpsilon(t, units*evidence.HoldoutCost(0.95), week.Units(0.09, 0.95, 0.002), 1e-9)
	require.InEpsilon(t, 0.125, evidence.MeanInformation(100, 100, 1, math.Sqrt(200)), 1e-9)
	require.Zero(t, evidence.MeanInformation(0, 100, 1, 1))
	// A tenth fewer are found sooner than three in a hundred, and soonest at half and half.
	require.Less(t, evidence.RatioUnits(0.5, 0.9, 0.001), evidence.RatioUnits(0.5, 0.97, 0.001))
	require.Less(t, evidence.RatioUnits(0.5, 0.9, 0.001), evidence.RatioUnits(0.05, 0.9, 0.001))
}

// TestARampOfThatManyUnitsShowsWhatItIsFor walks ramps of 28 days whose goal is met just
// so. 80 % of 4,000 runs have a standard error of 0.6 %; looks before the last find a few
// more than the last alone would.
func TestARampOfThatManyUnitsShowsWhatItIsFor(t *testing.T) {
	const days, runs, alpha, power = 28, 4000, 0.025, 0.8
	fractions := make([]float64, days)
	for i := range fractions {
		fractions[i] = float64(i+1) / days
	}
	bounds, err := evidence.KimDeMets().Bounds(fractions, alpha)
	require.NoError(t, err)
	ramp, err := evidence.PlanRamp(alpha, power, days)
	require.NoError(t, err)
	drift := math.Sqrt(ramp.Units(0.25, 0.5, 1)) // variance 1/4 at half and half: one a unit
	var shown float64
	for run := range runs {
		rng, sum := rand.New(rand.NewPCG(uint64(run), 3)), 0.0
		for i, f := range fractions {
			sum += drift/days + rng.NormFloat64()/math.Sqrt(days)
			if sum/math.Sqrt(f) >= bounds[i] {
				shown++
				break
			}
		}
	}
	require.InDelta(t, power, shown/runs, 0.035)
}
