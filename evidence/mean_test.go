package evidence_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/evidence"
)

func newMean(t *testing.T, cfg evidence.MeanConfig) *evidence.Mean {
	t.Helper()
	m, err := evidence.NewMean(cfg)
	require.NoError(t, err)
	return m
}

// A shop has users who come back and spend what people of their kind spend. Who is
// on is decided by a place in a row that never changes.
type shop struct {
	rng      *rand.Rand
	users    []shopper
	visits   int     // of a tick
	exposure float64 // share of the users that is on
	effect   float64 // what somebody who is on spends, as a multiple
	at       int64
	step     int
	phase    int
}

type shopper struct {
	bucket int
	place  float64
	spends float64
	seen   bool
}

func newShop(seed uint64, users, visits int) *shop {
	s := &shop{rng: rand.New(rand.NewPCG(seed, 3)), visits: visits, effect: 1}
	for range users {
		s.users = append(s.users, shopper{s.rng.IntN(20), s.rng.Float64(), math.Exp(s.rng.NormFloat64()), false})
	}
	return s
}

// tick serves some visits and tells what was counted.
func (s *shop) tick() (evidence.MeanTick, evidence.Moment) {
	s.at += 30_000
	t := evidence.MeanTick{At: s.at, Exposure: s.exposure}
	for range s.visits {
		u := &s.users[s.rng.IntN(len(s.users))]
		values, units, effect := &t.Values.Off, &t.Units.Off, 1.0
		if u.place < s.exposure {
			values, units, effect = &t.Values.On, &t.Units.On, s.effect
		}
		values[u.bucket] += effect * u.spends * s.rng.ExpFloat64()
		if !u.seen {
			u.seen = true
			units[u.bucket]++
		}
	}
	return t, evidence.Moment{Phase: s.phase, Step: s.step, Detect: 1.25}
}

// ramp moves on to the next phase.
func (s *shop) ramp(exposure float64) {
	s.exposure = exposure
	s.phase++
	s.step++
}

func (s *shop) fold(t *testing.T, m *evidence.Mean, ticks int) {
	t.Helper()
	for range ticks {
		tick, at := s.tick()
		counted, err := m.Fold(tick, at)
		require.NoError(t, err)
		require.True(t, counted)
	}
}

// TestAMeanWithoutHarmSeldomReachesItsLimit walks two phases of users whose values
// differ widely, and looks after every tick. Of 400 runs 5 % may reach the limit, and
// five standard errors more; E where it was stopped is at most 20, so the mean of it
// may exceed 1 by five times sqrt(20/400).
func TestAMeanWithoutHarmSeldomReachesItsLimit(t *testing.T) {
	t.Parallel()
	const runs, alpha = 400, 0.05
	for _, lower := range []bool{false, true} {
		var reached, sum float64
		for run := range runs {
			s := newShop(uint64(run), 4000, 60)
			m := newMean(t, evidence.MeanConfig{Detect: 0.1, LowerIsWorse: lower, Phases: 2})
			s.exposure = 0.1
			over := false
			for i := 0; i < 250 && !over; i++ {
				if i == 100 {
					s.ramp(0.5)
				}
				s.fold(t, m, 1)
				over = m.LogE() >= -math.Log(alpha)
			}
			if over {
				reached++
			}
			sum += min(1/alpha, math.Exp(m.LogE()))
		}
		require.LessOrEqual(t, reached/runs, alpha+5*math.Sqrt(alpha*(1-alpha)/runs))
		require.LessOrEqual(t, sum/runs, 1+5*math.Sqrt(1/alpha/runs))
		t.Logf("lower is worse %v: %.1f %% of the runs, mean of E %.2f", lower, 100*reached/runs, sum/runs)
	}
}

func TestAMeanThatFallsIsSeen(t *testing.T) {
	s := newShop(1, 20_000, 400)
	m := newMean(t, evidence.MeanConfig{Detect: 0.1, LowerIsWorse: true, Phases: 2})
	s.exposure = 0.1
	s.fold(t, m, 200)
	require.Less(t, m.LogE(), math.Log(20))
	s.ramp(0.5)
	s.effect = 0.8
	s.fold(t, m, 600)
	require.Greater(t, m.LogE(), math.Log(20))
	d := m.Difference(0.05)
	require.True(t, d.Known)
	require.InDelta(t, 0.8, d.Ratio, 0.07)
	require.Less(t, d.High, 1.0)
	require.Greater(t, m.Information(), evidence.InformationNeeded(0.05, 1))

	other := newMean(t, evidence.MeanConfig{Detect: 0.1, Phases: 2})
	s = newShop(1, 20_000, 400)
	s.exposure, s.effect = 0.5, 0.8
	s.fold(t, other, 300)
	require.Less(t, other.LogE(), 0.0, "a fall is no harm where higher is worse")
	within := newMean(t, evidence.MeanConfig{Detect: 0.1, Margin: 0.4, LowerIsWorse: true})
	s.fold(t, within, 300)
	require.Less(t, within.LogE(), 0.0, "nor is one within the margin")
}

// TestAStepMovesTheUnits ramps in three steps. Units are counted once, in the arm that
// they were first seen in, and yet the means of the arms stay comparable.
func TestAStepMovesTheUnits(t *testing.T) {
	s := newShop(5, 20_000, 1000)
	m := newMean(t, evidence.MeanConfig{})
	s.exposure = 0.01
	for _, exposure := range []float64{0.05, 0.5, 0.95, 0.25} {
		s.fold(t, m, 60)
		s.exposure = exposure
		s.step++
	}
	s.fold(t, m, 60)
	d := m.Difference(0.05)
	require.InDelta(t, 1, d.Ratio, 0.1)
	require.Less(t, d.Low, 1.0)
	require.Greater(t, d.High, 1.0)
	all := d.UnitsOn + d.UnitsOff
	require.InDelta(t, 0.25, d.UnitsOn/all, 0.02, "in force, wherever they were first seen")
}

func TestOfAMeanFoldingDoesNotDependOnHowTicksAreSplit(t *testing.T) {
	cfg := evidence.MeanConfig{Detect: 0.1, Phases: 2, LowerIsWorse: true}
	whole, split := newMean(t, cfg), newMean(t, cfg)
	s := newShop(8, 3000, 100)
	s.exposure = 0.1
	for i := range 300 {
		if i%80 == 79 {
			s.ramp(s.exposure + 0.2) // three times, of which the plan foresaw one
		}
		tick, at := s.tick()
		_, err := whole.Fold(tick, at)
		require.NoError(t, err)
		if s.rng.IntN(3) == 0 {
			split = stored(t, split, new(evidence.Mean))
		}
		_, err = split.Fold(tick, at)
		require.NoError(t, err)
		tick.At -= 30_000 * int64(s.rng.IntN(3)) // a retry
		counted, err := split.Fold(tick, at)
		require.NoError(t, err)
		require.False(t, counted)
		require.Equal(t, whole.LogE(), split.LogE())
		require.Equal(t, whole.Information(), split.Information())
		require.Equal(t, whole.Difference(0.05), split.Difference(0.05))
	}
	blob, err := json.Marshal(whole)
	require.NoError(t, err)
	require.Less(t, len(blob), 1100)
}

func TestAMeanWaitsForAllBucketsAndAHundredUnits(t *testing.T) {
	m := newMean(t, evidence.MeanConfig{})
	require.Equal(t, "the on arm has units in 0 of 20 telemetry buckets", m.Missing())
	tick := evidence.MeanTick{At: 30_000, Exposure: 0.5}
	for i := range 20 {
		tick.Units.On[i], tick.Units.Off[i] = 4, 50
		tick.Values.On[i], tick.Values.Off[i] = float64(40+i), float64(500-i)
	}
	tick.Units.Off[7] = 0
	fold := func() {
		counted, err := m.Fold(tick, evidence.Moment{})
		require.NoError(t, err)
		require.True(t, counted)
		tick.At += 30_000
	}
	fold()
	require.Equal(t, "the off arm has units in 19 of 20 telemetry buckets", m.Missing())
	tick.Units.Off[7] = 50
	fold()
	require.Empty(t, m.Missing())
	require.True(t, m.Difference(0.05).Known, "160 units on")

	young := newMean(t, evidence.MeanConfig{})
	tick.Units.On = [20]float64{}
	for i := range 20 {
		tick.Units.On[i] = 4
	}
	_, err := young.Fold(tick, evidence.Moment{})
	require.NoError(t, err)
	tick.At, tick.Units.On = tick.At+30_000, [20]float64{}
	_, err = young.Fold(tick, evidence.Moment{})
	require.NoError(t, err)
	require.False(t, young.Difference(0.05).Known, "80 units on are too few")
	require.InDelta(t, math.Log(0.7), young.LogE(), 1e-12)
}

func TestOfAMeanImpossibleCountsAreNeverEvidence(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*evidence.MeanTick)
		want  string
	}{
		{"a value that is negative", func(m *evidence.MeanTick) { m.Values.On[3] = -1 }, "value of bucket 3 of the on arm: negative (-1)"},
		{"a value that is not a number", func(m *evidence.MeanTick) { m.Values.Off[0] = math.NaN() }, "not a number"},
		{"half a unit", func(m *evidence.MeanTick) { m.Units.Off[19] = 0.5 }, "units of bucket 19 of the off arm: not whole (0.5)"},
		{"nobody is off", func(m *evidence.MeanTick) { m.Exposure = 1 }, "one arm only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMean(t, evidence.MeanConfig{})
			tick := evidence.MeanTick{At: 1, Exposure: 0.5}
			c.spoil(&tick)
			counted, err := m.Fold(tick, evidence.Moment{})
			require.False(t, counted)
			var bad *evidence.BadTick
			require.ErrorAs(t, err, &bad)
			require.ErrorContains(t, err, c.want)
		})
	}
	require.ErrorContains(t, json.Unmarshal([]byte(`{"v":2,"config":{},"state":""}`), new(evidence.Mean)), "version 2 is not 1")
	require.Error(t, json.Unmarshal([]byte(`{"v":1,"config":{},"state":"AAAA"}`), new(evidence.Mean)))
	for _, cfg := range []evidence.MeanConfig{{Detect: -1}, {Margin: -1}, {Detect: math.NaN()}} {
		_, err := evidence.NewMean(cfg)
		require.Error(t, err)
	}
}

func TestOfAMeanNumbersHold(t *testing.T) {
	for _, c := range []struct {
		name  string
		value float64
	}{{"values of 1e-300", 1e-300}, {"values of 1e14", 1e14}} {
		t.Run(c.name, func(t *testing.T) {
			m := newMean(t, evidence.MeanConfig{Phases: 2})
			for k := range 200 {
				tick := evidence.MeanTick{At: int64(k+1) * 30_000, Exposure: 0.5}
				for i := range 20 {
					tick.Units.On[i], tick.Units.Off[i] = 10, 10
					tick.Values.On[i], tick.Values.Off[i] = c.value*(2+0.01*float64(i)), c.value*(1+0.01*float64(i))
				}
				_, err := m.Fold(tick, evidence.Moment{Phase: k / 100})
				require.NoError(t, err)
				require.False(t, math.IsNaN(m.LogE()) || math.IsInf(m.LogE(), 0))
			}
			require.Greater(t, m.LogE(), math.Log(20))
			require.InDelta(t, 2, stored(t, m, new(evidence.Mean)).Difference(0.05).Ratio, 0.1)
		})
	}
}

func TestAMeanHasAShareOfALaunch(t *testing.T) {
	l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors"}, evidence.GateSpec{Name: "orders", Mean: &evidence.MeanConfig{Detect: 0.1, LowerIsWorse: true}})
	s := newShop(2, 10_000, 1000)
	s.exposure, s.effect = 0.5, 0.5
	for range 60 {
		tick, at := s.tick()
		_, err := l.Gate("orders").FoldMean(tick, at)
		require.NoError(t, err)
		l = stored(t, l, new(evidence.Launch))
	}
	require.True(t, l.Gate("orders").Reached())
	require.Equal(t, "orders", l.Look(1).Gate)
	require.Greater(t, l.Gate("orders").Samples().N1, 3000.0)
	_, err := l.Gate("orders").FoldLine(evidence.Tick{}, early)
	require.ErrorContains(t, err, "has no line")
}
