package evidence_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

const interval = 15_000 // ms: a tick of the reference case

// world draws the ticks of the reference case: 500 requests a second, base
// error ratio 0.5 %, a tick every 15 s.
type world struct {
	rng      *rand.Rand
	units    float64 // a tick, both arms
	exposure float64
	base     float64
	rho      float64 // rate ratio from tick onset on
	onset    int
}

func reference(seed uint64, exposure, rho float64, onset int) *world {
	return &world{rng: rand.New(rand.NewPCG(seed, 1)), units: 7500, exposure: exposure, base: 0.005, rho: rho, onset: onset}
}

func (w *world) tick(i int) evidence.Tick {
	n1 := math.Round(w.units * w.exposure)
	rho := 1.0
	if i >= w.onset {
		rho = w.rho
	}
	t := evidence.Tick{At: int64(i+1) * interval, N1: n1, N0: w.units - n1}
	t.X1 = min(t.N1, poisson(w.rng, n1*w.base*rho))
	t.X0 = min(t.N0, poisson(w.rng, t.N0*w.base))
	return t
}

func poisson(rng *rand.Rand, mean float64) float64 {
	if mean > 500 {
		return max(0, math.Round(mean+math.Sqrt(mean)*rng.NormFloat64()))
	}
	var k float64
	for limit, p := math.Exp(-mean), rng.Float64(); p > limit; p *= rng.Float64() {
		k++
	}
	return k
}

// dayPlan is one phase of a day, restarted every ten minutes.
var dayPlan = evidence.Schedule{}.With(24*time.Hour, evidence.RestartEarly)

var early = evidence.Moment{Restart: evidence.RestartEarly}

func newCB(t *testing.T, cfg evidence.Config) *evidence.CB {
	t.Helper()
	cb, err := evidence.NewCB(cfg)
	require.NoError(t, err)
	return cb
}

// delay is how many ticks after its onset harm is found, at level 5 %.
func delay(t *testing.T, w *world, ticks int, cfg evidence.Config) int {
	cb := newCB(t, cfg)
	for i := range ticks {
		_, err := cb.Fold(w.tick(i), early)
		require.NoError(t, err)
		if i >= w.onset && cb.LogBoosted() >= math.Log(20)-1e-12 {
			return i - w.onset + 1
		}
	}
	return ticks - w.onset
}

func TestHarmIsFoundNearTheLimitOfInformation(t *testing.T) {
	boosted := evidence.Config{Schedule: dayPlan, Limit: math.Log(20)}
	for _, c := range []struct {
		name  string
		rho   float64
		runs  int
		ratio float64
	}{
		{"harm of rate ratio 1.25 from the start", 1.25, 100, 1.75},
		{"harm of rate ratio 1.5 from the start", 1.5, 200, 1.75},
		{"harm of rate ratio 2 from the start", 2, 400, 1.75},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ticks float64
			for run := range c.runs {
				ticks += float64(delay(t, reference(uint64(run), 0.05, c.rho, 0), 5760, boosted))
			}
			limit := evidence.DetectionLimit(375, 7125, 0.005, c.rho, 0.05)
			require.Less(t, ticks/float64(c.runs)/limit, c.ratio)
		})
	}
}

func TestHarmThatBeginsAfterTwelveCleanHoursIsFoundSoon(t *testing.T) {
	const runs = 60
	for _, c := range []struct {
		name     string
		exposure float64
		masses   evidence.Masses
		from, to float64
	}{
		{"at 5 % exposure", 0.05, evidence.Masses{}, 10, 20},
		{"at 50 % exposure", 0.5, evidence.Masses{}, 2, 5},
		{"without restarts a clean history dilutes the evidence", 0.05, evidence.Masses{First: 1}, 100, 250},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := evidence.Config{Schedule: dayPlan, Masses: c.masses, Limit: math.Log(20)}
			var ticks float64
			for run := range runs {
				ticks += float64(delay(t, reference(uint64(run), c.exposure, 2, 2880), 4000, cfg))
			}
			require.Greater(t, ticks/runs, c.from)
			require.Less(t, ticks/runs, c.to)
		})
	}
}

func BenchmarkFold(b *testing.B) {
	for _, c := range []struct {
		name string
		cfg  evidence.Config
	}{{"plain", evidence.Config{Schedule: dayPlan}}, {"boosted", evidence.Config{Schedule: dayPlan, Limit: math.Log(20)}}} {
		b.Run(c.name, func(b *testing.B) {
			w := reference(1, 0.05, 1, 0)
			ticks := make([]evidence.Tick, 4096)
			for i := range ticks {
				ticks[i] = w.tick(i)
			}
			cb, err := evidence.NewCB(c.cfg)
			require.NoError(b, err)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				t := ticks[i%len(ticks)]
				t.At = int64(i) * interval
				_, _ = cb.Fold(t, early)
			}
		})
	}
}

// ticksLong is how long so many ticks of the reference case are.
func ticksLong(n int) time.Duration { return time.Duration(n*interval) * time.Millisecond }

// BenchmarkGateTick is what one gate costs at one tick, the look included.
func BenchmarkGateTick(b *testing.B) {
	l, err := evidence.NewLaunch(evidence.Budget{}, evidence.GateSpec{Name: "errors", Weight: 0.2, Ratio: evidence.Config{Schedule: dayPlan}})
	require.NoError(b, err)
	w := reference(1, 0.05, 1, 0)
	ticks := make([]evidence.Tick, 4096)
	for i := range ticks {
		ticks[i] = w.tick(i)
	}
	g := l.Gate("errors")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t := ticks[i%len(ticks)]
		t.At = int64(i) * interval
		_, _ = g.Fold(t, early)
		l.Look(t.At)
	}
}

func replace(t *testing.T, text, old, new string) string {
	t.Helper()
	require.Contains(t, text, old)
	return strings.Replace(text, old, new, 1)
}
