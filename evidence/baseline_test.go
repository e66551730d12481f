package evidence_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/evidence"
)

// A walker is a value that strays by chance, and keeps some of it from tick to tick.
type walker struct {
	rng  *rand.Rand
	keep float64
	off  float64
}

func (w *walker) next() float64 {
	w.off = w.keep*w.off + math.Sqrt(1-w.keep*w.keep)*w.rng.NormFloat64()
	return 100 + 5*w.off
}

// season learns from so many pairs of an hour, after the season of the hour before.
func (w *walker) season(t *testing.T, pairs int, before evidence.Season) evidence.Season {
	t.Helper()
	var past []evidence.Pair
	for range pairs {
		for range 30 { // a quarter of an hour apart
			w.next()
		}
		past = append(past, evidence.Pair{Before: w.next(), Now: w.next()})
	}
	s, err := evidence.NewSeason(past, before)
	require.NoError(t, err)
	return s
}

func TestASeasonIsWhatItWasLike(t *testing.T) {
	pairs := func(values ...float64) (past []evidence.Pair) {
		for _, v := range values {
			past = append(past, evidence.Pair{Before: v, Now: v})
		}
		return past
	}
	for _, c := range []struct {
		name                   string
		past                   []evidence.Pair
		median, typical, again float64
	}{
		{"the median, and 1.4826 times the median deviation", pairs(10, 11, 12, 13, 14, 15, 16, 1000, 9), 13, 1.4826 * 2, 0.9},
		{"an even number has two in the middle", pairs(1, 2, 3, 4, 5, 6, 7, 8), 4.5, 1.4826 * 2, 0.9},
		{"what never moved is known to a hundredth", pairs(50, 50, 50, 50, 50, 50, 50, 50), 50, 0.5, 0},
		{"nothing of it was left a tick later", []evidence.Pair{{9, 11}, {11, 9}, {11, 11}, {9, 9}, {9, 11}, {11, 9}, {11, 11}, {9, 9}}, 10, 1.4826, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := evidence.NewSeason(c.past, evidence.Season{})
			require.NoError(t, err)
			require.InDelta(t, c.median, s.Median, 1e-5)
			require.InDelta(t, c.typical, s.Typical, 1e-5)
			require.InDelta(t, c.again, s.Lag1, 1e-5)
			errors := 4 / math.Sqrt(float64(len(c.past)))
			require.InDelta(t, c.typical*(1+errors), s.Scale, 1e-5, "of a single hour")
			require.InDelta(t, c.typical*errors, s.Slack, 1e-5)
			before := evidence.Season{Typical: 3 * s.Typical, Hours: 3}
			s, err = evidence.NewSeason(c.past, before)
			require.NoError(t, err)
			require.InDelta(t, 2.5*c.typical, s.Typical, 1e-5, "a quarter of it is of this hour")
			require.InDelta(t, 2.5*c.typical*(1+errors/2), s.Scale, 1e-5)
		})
	}
	_, err := evidence.NewSeason(pairs(1, 2, 3), evidence.Season{})
	require.ErrorContains(t, err, "3 of the 8 values")
	_, err = evidence.NewSeason(pairs(1, 2, 3, 4, 5, 6, 7, math.NaN()), evidence.Season{})
	require.ErrorContains(t, err, "not a number")
}

// TestASeasonThatIsLearntCriesWolfSeldom walks two thousand hours, each with a past of
// its own from which it is learnt: alarms that are a year apart do not come.
func TestASeasonThatIsLearntCriesWolfSeldom(t *testing.T) {
	t.Parallel()
	limit := math.Log(365 * 24 * 120)
	for _, pairs := range []int{8, 16} {
		for _, keep := range []float64{0, 0.6} {
			w := &walker{rng: rand.New(rand.NewPCG(7, 29)), keep: keep}
			d, s, at := new(evidence.Detector), evidence.Season{}, int64(0)
			for hour := range 2000 {
				s = w.season(t, pairs, s)
				for range 120 {
					at += 30_000
					_, err := d.Fold(at, w.next(), s, false, 30*time.Second, limit)
					require.NoError(t, err)
				}
				require.Less(t, d.LogE(), limit, "hour %d of a past of %d values", hour, pairs)
			}
		}
	}
}

// TestFalseAlarmsAreAsFarApartAsPromised counts the ticks to the first false alarm of
// a detector that is to have one in 500: on average no fewer, less five standard errors
// of 200 runs, of which each has at most that many ticks times twenty.
func TestFalseAlarmsAreAsFarApartAsPromised(t *testing.T) {
	t.Parallel()
	const runs, apart = 200, 500
	for _, keep := range []float64{0, 0.6} {
		var sum, squares float64
		for run := range runs {
			w := &walker{rng: rand.New(rand.NewPCG(uint64(run), 23)), keep: keep}
			known := evidence.Season{Median: 100, Scale: 5, Lag1: keep}
			d := new(evidence.Detector)
			ticks := 0.0
			for d.LogE() < math.Log(apart) && ticks < 20*apart {
				ticks++
				_, err := d.Fold(int64(ticks)*30_000, w.next(), known, false, 30*time.Second, math.Log(apart))
				require.NoError(t, err)
			}
			sum, squares = sum+ticks, squares+ticks*ticks
		}
		mean := sum / runs
		t.Logf("of correlation %g: %.0f ticks", keep, mean)
		require.Greater(t, mean, apart-5*math.Sqrt((squares/runs-mean*mean)/runs))
	}
}

// TestEveryTickOfADetectorIsAFairBet integrates over what a tick of normal noise can
// lead to: the expectation of a product is what it was, and with values cut off at four
// deviations it is a little less.
func TestEveryTickOfADetectorIsAFairBet(t *testing.T) {
	s := evidence.Season{Median: 0, Scale: 1}
	d := evidence.Detector{At: 1, LogM: [3]float64{2, 2, 2}}
	const step = 0.01
	var mean float64
	for x := -8.0; x <= 8; x += step {
		to := d
		_, err := to.Fold(30_001, x, s, false, 30*time.Second, 100)
		require.NoError(t, err)
		mean += step * math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) * math.Exp(to.LogE()-d.LogE())
	}
	require.LessOrEqual(t, mean, 1.0)
	require.InDelta(t, 1, mean, 0.001)
}

func TestALastingChangeIsFound(t *testing.T) {
	limit := math.Log(365 * 24 * 120)
	for _, c := range []struct {
		name   string
		keep   float64
		higher float64 // deviations
		lower  bool
		within int
	}{
		{"three deviations", 0, 3, false, 40},
		{"two deviations", 0, 2, false, 600},
		{"a fall, where lower is worse", 0, -3, true, 40},
		{"values that wander", 0.6, 3, false, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &walker{rng: rand.New(rand.NewPCG(3, 3)), keep: c.keep}
			var s evidence.Season
			for range 24 {
				s = w.season(t, 16, s)
			}
			d := new(evidence.Detector)
			at := int64(0)
			fold := func(higher float64) {
				at += 30_000
				_, err := d.Fold(at, w.next()+5*higher, s, c.lower, 30*time.Second, limit)
				require.NoError(t, err)
			}
			for range 2000 {
				fold(0)
			}
			require.Less(t, d.LogE(), limit)
			ticks := 0
			for d.LogE() < limit {
				fold(c.higher)
				ticks++
				require.LessOrEqual(t, ticks, c.within)
			}
			for range 500 {
				fold(c.higher)
			}
			for ticks = 0; d.LogE() >= limit; ticks++ { // and forgotten when it is over
				fold(0)
				require.Less(t, ticks, 150)
			}
		})
	}
}

func TestOfADetectorFoldingDoesNotDependOnHowTicksAreSplit(t *testing.T) {
	w := &walker{rng: rand.New(rand.NewPCG(9, 9)), keep: 0.5}
	s := w.season(t, 16, evidence.Season{})
	whole, split := new(evidence.Detector), new(evidence.Detector)
	for i := range 300 {
		at, v := int64(i+1)*30_000*int64(1+i%3), w.next()
		was := whole.At
		counted, err := whole.Fold(at, v, s, false, 30*time.Second, 10)
		require.NoError(t, err)
		require.Equal(t, at > was, counted)
		if w.rng.IntN(3) == 0 {
			blob, err := json.Marshal(split)
			require.NoError(t, err)
			split = new(evidence.Detector)
			require.NoError(t, json.Unmarshal(blob, split))
		}
		for range 1 + w.rng.IntN(2) { // and a retry
			_, err = split.Fold(at, v, s, false, 30*time.Second, 10)
			require.NoError(t, err)
		}
		require.Equal(t, whole, split)
	}
}

func TestADetectorTakesNoValueThatIsNone(t *testing.T) {
	d := new(evidence.Detector)
	var bad *evidence.BadTick
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err := d.Fold(1, v, evidence.Season{Scale: 1}, false, time.Second, 10)
		require.ErrorAs(t, err, &bad)
	}
	_, err := d.Fold(1, 1, evidence.Season{}, false, time.Second, 10)
	require.ErrorContains(t, err, "its past is not known")
	require.Zero(t, *d)
	for i := range 100_000 { // far out, for long
		_, err := d.Fold(int64(i+1), 1e300, evidence.Season{Median: -1e300, Scale: 1e-300}, false, time.Second, 10)
		require.NoError(t, err)
	}
	require.InDelta(t, 10+math.Log(3), d.LogE(), 1e-5, "it stops a little above its limit")
}
