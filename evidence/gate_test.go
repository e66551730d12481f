package evidence_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

// spread deals the events of a tick out over the buckets in clumps: of size 1
// they are Poisson, larger ones overdispersed by that factor.
func spread(rng *rand.Rand, t evidence.Tick, clump float64) *evidence.Buckets {
	var b evidence.Buckets
	for left := t.X1; left > 0; left -= clump {
		b.On[rng.IntN(20)] += min(left, clump)
	}
	for left := t.X0; left > 0; left -= clump {
		b.Off[rng.IntN(20)] += min(left, clump)
	}
	return &b
}

// inBursts multiplies the events of a tick, as if each came so many times over.
func inBursts(w *world, i int, size float64) evidence.Tick {
	t := w.tick(i)
	t.X1, t.N1, t.X0, t.N0 = t.X1*size, t.N1*size, t.X0*size, t.N0*size
	t.Buckets = spread(w.rng, t, size)
	return t
}

func TestBurstsTemperAGate(t *testing.T) {
	l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors", Ratio: evidence.Config{Schedule: dayPlan}})
	g, w := l.Gate("errors"), reference(5, 0.5, 1.3, 0)
	for i := range 40 {
		_, err := g.Fold(inBursts(w, i, 8), early)
		require.NoError(t, err)
		if i == 0 {
			require.Less(t, g.LogE(), g.CB().LogBoosted(), "on from the lesser of the two values")
		}
	}
	require.InDelta(t, 8, g.Phi(), 3)
	want := math.Log(0.7) + g.CB().LogE()/g.Phi()
	require.LessOrEqual(t, g.LogE(), want)
	require.Greater(t, g.CB().LogE(), 3*g.LogE(), "most of what looks like evidence is bursts")

	data, err := json.Marshal(l)
	require.NoError(t, err)
	var back evidence.Launch
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, g.LogE(), back.Gate("errors").LogE())
	require.Equal(t, g.Phi(), back.Gate("errors").Phi())
}

func TestATemperedGateNeverSwitchesBack(t *testing.T) {
	l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors", Ratio: evidence.Config{Schedule: dayPlan}})
	g, w := l.Gate("errors"), reference(6, 0.5, 1, 0)
	_, err := g.Fold(inBursts(w, 0, 20), early)
	require.NoError(t, err)
	require.Greater(t, g.Phi(), 1.2)
	for i := 1; i < 3000; i++ { // evenly dealt, until the bursts are forgotten
		tick := w.tick(i)
		tick.X1, tick.X0 = 20, 20
		tick.Buckets = &evidence.Buckets{}
		for b := range 20 {
			tick.Buckets.On[b], tick.Buckets.Off[b] = 1, 1
		}
		_, err := g.Fold(tick, early)
		require.NoError(t, err)
	}
	require.InDelta(t, 1, g.Phi(), 1e-9)
	require.LessOrEqual(t, g.LogE(), math.Log(0.7)+g.CB().LogE())
	require.NotEqual(t, g.CB().LogBoosted(), g.LogE())
}

func TestPoissonCountsAreNotTempered(t *testing.T) {
	l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors", Phi: 1.1, Ratio: evidence.Config{Schedule: dayPlan}})
	g, w := l.Gate("errors"), reference(8, 0.5, 1, 0)
	for i := range 50 {
		_, err := g.Fold(w.tick(i), early)
		require.NoError(t, err)
	}
	require.InDelta(t, 1.1, g.Phi(), 1e-12, "what was learnt before first exposure")
	require.Equal(t, g.CB().LogBoosted(), g.LogE())
}

// TestPersistentHeavyUsersSeldomTurnALaunchBack has two hundred users a bucket
// and arm, a few of whom cause most of the events for as long as they are there:
// the same counts without buckets are taken for harm far too often.
func TestPersistentHeavyUsersSeldomTurnALaunchBack(t *testing.T) {
	t.Parallel()
	const runs, ticks = 60, 250
	var tempered, blind int
	for run := range runs {
		rng := rand.New(rand.NewPCG(uint64(run), 77))
		var on, off [20]float64 // events a tick, by bucket
		for b := range 20 {
			on[b], off[b] = heavy(rng), heavy(rng)
		}
		l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors", Ratio: evidence.Config{Schedule: dayPlan}})
		plain := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors", Ratio: evidence.Config{Schedule: dayPlan}})
		for i := range ticks {
			tick := evidence.Tick{At: int64(i) * interval, N1: 1e5, N0: 1e5, Buckets: &evidence.Buckets{}}
			for b := range 20 {
				tick.Buckets.On[b], tick.Buckets.Off[b] = poisson(rng, on[b]), poisson(rng, off[b])
				tick.X1, tick.X0 = tick.X1+tick.Buckets.On[b], tick.X0+tick.Buckets.Off[b]
			}
			_, err := l.Gate("errors").Fold(tick, early)
			require.NoError(t, err)
			l.Look(tick.At)
			tick.Buckets = nil
			_, err = plain.Gate("errors").Fold(tick, early)
			require.NoError(t, err)
			plain.Look(tick.At)
		}
		if l.Look(0).Reached {
			tempered++
		}
		if plain.Look(0).Reached {
			blind++
		}
	}
	require.LessOrEqual(t, tempered, 6)
	require.Greater(t, blind, 12)
}

// heavy is the rate of a bucket of two hundred users, one in forty of them with
// a taste for errors.
func heavy(rng *rand.Rand) float64 {
	var rate float64
	for range 200 {
		if rng.IntN(40) == 0 {
			rate += 0.2 * rng.ExpFloat64()
		}
	}
	return rate
}

func TestWhereLowerIsWorse(t *testing.T) {
	for _, c := range []struct {
		name  string
		lower bool
		x1    float64
		harm  bool
	}{
		{"fewer errors are no harm", false, 300, false},
		{"more errors are", false, 600, true},
		{"fewer checkouts are", true, 300, true},
		{"more checkouts are no harm", true, 600, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cb := newCB(t, evidence.Config{LowerIsWorse: c.lower})
			_, err := cb.Fold(evidence.Tick{At: 1, X1: c.x1, N1: 1e4, X0: 450, N0: 1e4}, early)
			require.NoError(t, err)
			require.Equal(t, c.harm, cb.LogE() > math.Log(20))
			require.InDelta(t, c.x1/450, cb.Ratio(0.05, 1).Estimate, 1e-12, "the ratio shown is always on to off")
		})
	}
}

// TestCommonEventsAreCountedByTheirComplement compares 90 % of checkouts
// completed with 88 %: hardly fewer completed, but a fifth more abandoned.
func TestCommonEventsAreCountedByTheirComplement(t *testing.T) {
	counted := newCB(t, evidence.Config{LowerIsWorse: true})
	fixed := newCB(t, evidence.Config{LowerIsWorse: true, Margin: 1e-9})
	for i := range 10 {
		tick := evidence.Tick{At: int64(i), X1: 880, N1: 1000, X0: 900, N0: 1000}
		for _, cb := range []*evidence.CB{counted, fixed} {
			_, err := cb.Fold(tick, evidence.Moment{Detect: 1.05})
			require.NoError(t, err)
		}
	}
	require.Greater(t, counted.LogE(), math.Log(20))
	require.Less(t, fixed.LogE(), math.Log(2), "a margin is a ratio of what is counted, so the side stays")
	require.Greater(t, counted.Information(), 5*fixed.Information())
}

func TestAServiceThatNeverFailsIsJudgedAtTheLeastRate(t *testing.T) {
	quiet := evidence.Tick{N1: 1000, N0: 9000}
	fold := func(m evidence.Moment) *evidence.Gate {
		g := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors", Weight: 0.2}).Gate("errors")
		for i := range 100 {
			quiet.At = int64(i+1) * 15_000
			_, err := g.Fold(quiet, m)
			require.NoError(t, err)
		}
		return g
	}
	without := fold(evidence.Moment{Detect: 2})
	require.Zero(t, without.CB().Information(), "twice nothing is nothing")
	with := fold(evidence.Moment{Detect: 2, LeastRate: 0.001})
	require.InDelta(t, 100*evidence.Information(1000, 9000, 0.001, 2), with.CB().Information(), 1e-9)
	require.True(t, with.CouldHaveSeen())
	require.Equal(t, without.LogE(), with.LogE(), "the floor decides passes, never evidence")
}

func TestAGatePassesOnlyIfItCouldHaveSeenHarm(t *testing.T) {
	l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors", Weight: 0.2})
	g, w := l.Gate("errors"), reference(4, 0.05, 1, 0)
	require.False(t, g.CouldHaveSeen())
	// At this level the limit is 6.8 ticks, and 1.75 times it is 11.9.
	limit := evidence.DetectionLimit(375, 7125, 0.005, 2, 0.05*0.2)
	require.InDelta(t, 6.79, limit, 0.01)
	m := evidence.Moment{Restart: evidence.RestartEarly, Detect: 2}
	for i := range 60 {
		_, err := g.Fold(w.tick(i), m)
		require.NoError(t, err)
		if i == 8 {
			require.False(t, g.CouldHaveSeen())
		}
	}
	require.True(t, g.CouldHaveSeen())
	require.InDelta(t, 60*evidence.Information(375, 7125, 0.005, 2), g.CB().Information(), 6)
	require.InDelta(t, evidence.InformationNeeded(0.05, 0.2), 1.75*g.Limit(), 1e-9)

	m.Step++
	_, err := g.Fold(w.tick(60), m)
	require.NoError(t, err)
	require.False(t, g.CouldHaveSeen(), "each step must have its own")
}
