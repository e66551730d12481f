package evidence_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

// again reads back what it wrote, as every attempt of a watch does.
func again(t *testing.T, cb *evidence.CB) *evidence.CB {
	t.Helper()
	back := new(evidence.CB)
	require.NoError(t, json.Unmarshal([]byte(text(t, cb)), back))
	return back
}

// text is all that there is of a state.
func text(t *testing.T, cb *evidence.CB) string {
	t.Helper()
	data, err := json.Marshal(cb)
	require.NoError(t, err)
	return string(data)
}

// TestEveryTickIsAFairBet adds up what a tick can lead to, exactly: whatever went
// before, the expectation of E and of the boosted E is what it was, and less
// where the ratio is below the margin.
func TestEveryTickIsAFairBet(t *testing.T) {
	for _, c := range []struct {
		name     string
		cfg      evidence.Config
		exposure float64
		past     int
		rho      float64 // of the past
		true     float64 // rate ratio of the tick
		want     float64
	}{
		{"at the start", evidence.Config{}, 0.05, 0, 1, 1, 1},
		{"after an hour without harm", evidence.Config{Schedule: dayPlan}, 0.05, 240, 1, 1, 1},
		{"with a margin", evidence.Config{Margin: 0.05, Schedule: dayPlan}, 0.5, 50, 1, 1.05, 1},
		{"with most of the units on", evidence.Config{Schedule: dayPlan}, 0.95, 50, 1, 1, 1},
		{"where lower is worse", evidence.Config{LowerIsWorse: true}, 0.2, 50, 1, 1, 1},
		{"boosted, close to the limit", evidence.Config{Schedule: dayPlan, Limit: math.Log(20)}, 0.05, 4, 2, 1, 1},
		{"boosted, closer still", evidence.Config{Schedule: dayPlan, Limit: math.Log(20)}, 0.05, 6, 2, 1, 1},
		{"boosted, with many events", evidence.Config{Schedule: dayPlan, Limit: math.Log(100)}, 0.5, 2, 1.5, 1, 1},
		{"inside the margin", evidence.Config{Margin: 0.05, Schedule: dayPlan}, 0.5, 50, 1, 1, 0.9999},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := reference(3, c.exposure, c.rho, 0)
			cb := newCB(t, c.cfg)
			for i := range c.past {
				_, err := cb.Fold(w.tick(i), early)
				require.NoError(t, err)
			}
			next := w.tick(c.past)
			plain, boosted := expectation(t, cb, next, c.true)
			if c.want == 1 {
				require.InDelta(t, 1, plain, 1e-9)
				require.InDelta(t, 1, boosted, 1e-6)
				require.LessOrEqual(t, boosted, 1+1e-12)
			} else {
				require.Less(t, plain, c.want)
			}
		})
	}
}

// expectation of E and of the boosted E after a tick with so many events, over
// all ways in which they may fall to the arms, relative to before.
func expectation(t *testing.T, cb *evidence.CB, next evidence.Tick, rho float64) (plain, boosted float64) {
	t.Helper()
	m := next.X1 + next.X0
	s := next.N1 * rho / (next.N1*rho + next.N0)
	for x := 0.0; x <= m; x++ {
		to := again(t, cb)
		next.X1, next.X0 = x, m-x
		_, err := to.Fold(next, early)
		require.NoError(t, err)
		p := binomial(x, m, s)
		plain += p * math.Exp(to.LogE()-cb.LogE())
		boosted += p * math.Exp(to.LogBoosted()-cb.LogBoosted())
	}
	return plain, boosted
}

func binomial(x, m, s float64) float64 {
	a, _ := math.Lgamma(m + 1)
	b, _ := math.Lgamma(x + 1)
	c, _ := math.Lgamma(m - x + 1)
	return math.Exp(a - b - c + x*math.Log(s) + (m-x)*math.Log1p(-s))
}

func TestAHarmlessGateSeldomReachesItsLimit(t *testing.T) {
	t.Parallel()
	const runs, ticks = 400, 800
	const alpha = 0.05
	for _, c := range []struct {
		name     string
		boosted  bool
		exposure float64
	}{
		{"plain at 5 % exposure", false, 0.05},
		{"boosted at 5 % exposure", true, 0.05},
		{"boosted at half exposure", true, 0.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := evidence.Config{Schedule: dayPlan}
			if c.boosted {
				cfg.Limit = -math.Log(alpha)
			}
			var reached int
			var sum float64
			for run := range runs {
				w := reference(uint64(run), c.exposure, 1, 0)
				w.units = 1500
				cb := newCB(t, cfg)
				for i := range ticks {
					_, _ = cb.Fold(w.tick(i), early)
					if cb.LogBoosted() >= -math.Log(alpha)-1e-12 {
						reached++
						break
					}
				}
				sum += min(100, math.Exp(cb.LogBoosted()))
			}
			noise := 3 * math.Sqrt(alpha*(1-alpha)/runs)
			require.LessOrEqual(t, float64(reached)/runs, alpha+noise)
			require.LessOrEqual(t, sum/runs, 1+3*math.Sqrt(1/alpha/runs), "mean of E where it was stopped")
		})
	}
}

// TestAHarmlessLaunchIsSeldomTurnedBack walks three phases under five gates, two
// of which look at the same counts, and looks after every tick.
func TestAHarmlessLaunchIsSeldomTurnedBack(t *testing.T) {
	t.Parallel()
	const runs, ticks = 120, 250
	var turned int
	for run := range runs {
		l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors", Weight: 0.2}, evidence.GateSpec{Name: "errors again"},
			evidence.GateSpec{Name: "latency"}, evidence.GateSpec{Name: "carts", Ratio: evidence.Config{LowerIsWorse: true}},
			evidence.GateSpec{Name: "timeouts"})
		w := reference(uint64(run), 0.05, 1, 0)
		w.units = 1500
		var last evidence.Look
		for i := range 3 * ticks {
			w.exposure = []float64{0.05, 0.5, 0.75}[i/ticks]
			m := evidence.Moment{Phase: i / ticks, Step: i / ticks, Restart: evidence.RestartEarly}
			same := w.tick(i)
			for _, g := range l.Gates() {
				tick := w.tick(i)
				if g.Name() == "errors" || g.Name() == "errors again" {
					tick = same
				}
				_, err := g.Fold(tick, m)
				require.NoError(t, err)
			}
			last = l.Look(same.At)
		}
		if last.Reached {
			turned++
		}
	}
	require.LessOrEqual(t, float64(turned)/runs, 0.05+3*math.Sqrt(0.05*0.95/runs))
}

func TestFoldingDoesNotDependOnHowTicksAreSplit(t *testing.T) {
	cfg := evidence.Config{Schedule: evidence.Schedule{Phases: 2, Restarts: 5}, Limit: math.Log(1e9)}
	whole, split := newCB(t, cfg), newCB(t, cfg)
	w := reference(9, 0.05, 1.2, 100)
	rng := rand.New(rand.NewPCG(9, 9))
	for i := range 400 {
		tick, m := w.tick(i), evidence.Moment{Phase: i / 200, Step: i / 50, Restart: evidence.RestartEarly}
		counted, err := whole.Fold(tick, m)
		require.NoError(t, err)
		require.True(t, counted)
		if i == 0 || rng.IntN(3) == 0 {
			split = again(t, split)
		}
		counted, err = split.Fold(tick, m)
		require.NoError(t, err)
		require.True(t, counted)
		for range rng.IntN(3) { // a retry that comes with a tick counted before
			old := w.tick(rng.IntN(i + 1))
			counted, err = split.Fold(old, m)
			require.NoError(t, err)
			require.False(t, counted)
		}
		require.Equal(t, whole.LogE(), split.LogE())
		require.Equal(t, whole.LogBoosted(), split.LogBoosted())
	}
	require.Equal(t, text(t, whole), text(t, split), "to the last bit, all of the state")
}

func TestNumbersHold(t *testing.T) {
	harmless := evidence.Tick{X1: 0, N1: 1e6, X0: 1e5, N0: 1e6}
	harm := evidence.Tick{X1: 1e5, N1: 1e6, X0: 0, N0: 1e6}
	for _, c := range []struct {
		name   string
		masses evidence.Masses
		ticks  []evidence.Tick
		low    float64
		high   float64
	}{
		{"evidence far below 1e-300", evidence.Masses{First: 1}, []evidence.Tick{harmless, harmless}, -1e5, -1e3},
		{"mass not yet started holds it up", evidence.Masses{First: 0.9, Overtime: 0.1}, []evidence.Tick{harmless, harmless}, math.Log(0.0999), math.Log(0.1001)},
		{"evidence far above 1e300", evidence.Masses{}, []evidence.Tick{harm, harm}, 1e4, 1e6},
		{"from far below to far above", evidence.Masses{First: 1}, []evidence.Tick{harmless, harm, harm, harm}, 1e4, 1e6},
		{"no events at all", evidence.Masses{}, []evidence.Tick{{N1: 100, N0: 100}, {}}, -1e-12, 1e-12},
	} {
		t.Run(c.name, func(t *testing.T) {
			cb := newCB(t, evidence.Config{Masses: c.masses, Limit: math.Log(1e6)})
			for i, tick := range c.ticks {
				tick.At = int64(i)
				_, err := cb.Fold(tick, evidence.Moment{})
				require.NoError(t, err)
			}
			require.Greater(t, cb.LogE(), c.low)
			require.Less(t, cb.LogE(), c.high)
			require.Equal(t, cb.LogE(), again(t, cb).LogE())
			require.Equal(t, text(t, cb), text(t, again(t, cb)))
		})
	}
}

func TestTenMillionTicksLoseNothing(t *testing.T) {
	t.Parallel()
	cb := newCB(t, evidence.Config{Grid: []float64{2}, Masses: evidence.Masses{First: 0.5, Restarts: 0.25, Overtime: 0.25}, Schedule: evidence.Schedule{Restarts: 10}})
	const ticks = 10_000_000
	for i := range ticks {
		tick := evidence.Tick{At: int64(i) * 60_000, N1: 400, N0: 800}
		if i%4 == 0 {
			tick.X1, tick.X0 = 1, 2
		}
		_, _ = cb.Fold(tick, evidence.Moment{Restart: evidence.RestartLate})
	}
	// The oldest components have lost all; what has not started is left.
	overtime := (ticks-1)/60 - 10
	left := 0.25 / float64(overtime+1)
	require.Greater(t, math.Exp(cb.LogE()), left)
	require.Less(t, math.Exp(cb.LogE()), 1.01*left)
	require.InDelta(t, ticks/4, cb.Samples().X1, 0)
}

func TestImpossibleCountsAreNeverEvidence(t *testing.T) {
	good := evidence.Tick{At: 2, X1: 1, N1: 10, X0: 1, N0: 10}
	bad := func(change func(*evidence.Tick)) evidence.Tick {
		tick := good
		change(&tick)
		return tick
	}
	for _, c := range []struct {
		name string
		tick evidence.Tick
		why  string
	}{
		{"negative events", bad(func(t *evidence.Tick) { t.X1 = -1 }), "events of the on arm: negative (-1)"},
		{"negative units", bad(func(t *evidence.Tick) { t.N0 = -1 }), "units of the off arm: negative (-1)"},
		{"not a number", bad(func(t *evidence.Tick) { t.X0 = math.NaN() }), "events of the off arm: not a number"},
		{"infinite units", bad(func(t *evidence.Tick) { t.N1 = math.Inf(1) }), "units of the on arm: infinite"},
		{"more events than units on", bad(func(t *evidence.Tick) { t.X1 = 11 }), "on arm has more events (11) than units (10)"},
		{"more events than units off", bad(func(t *evidence.Tick) { t.X0 = 12 }), "off arm has more events (12) than units (10)"},
		{"half an event", bad(func(t *evidence.Tick) { t.X1 = 0.5 }), "not whole (0.5)"},
		{"more than can be counted", bad(func(t *evidence.Tick) { t.N1 = 1e300 }), "too large"},
		{"a bucket with a negative count", bad(func(t *evidence.Tick) { t.Buckets = &evidence.Buckets{}; t.Buckets.Off[7] = -2 }), "bucket 7 of the off arm: negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cb := newCB(t, evidence.Config{})
			_, err := cb.Fold(evidence.Tick{At: 1, X1: 1, N1: 10, X0: 1, N0: 10}, early)
			require.NoError(t, err)
			before := again(t, cb)
			counted, err := cb.Fold(c.tick, early)
			require.False(t, counted)
			require.ErrorContains(t, err, c.why)
			var why *evidence.BadTick
			require.ErrorAs(t, err, &why)
			require.Equal(t, text(t, before), text(t, cb), "nothing has changed")
			require.Equal(t, before.LogE(), cb.LogE())
			counted, err = cb.Fold(good, early)
			require.NoError(t, err)
			require.True(t, counted, "the tick may still come right")
		})
	}
}

func TestAStateThatNoTicksLedToIsRefused(t *testing.T) {
	cb := newCB(t, evidence.Config{Schedule: dayPlan})
	_, err := cb.Fold(evidence.Tick{At: 1, X1: 1, N1: 10, X0: 1, N0: 10}, early)
	require.NoError(t, err)
	for _, c := range []struct{ name, old, new, want string }{
		{"another version", `"v":3`, `"v":4`, "version 4 is not 3"},
		{"a state cut short", `"state":"`, `"state":"AAAA","x":"`, "cut short"},
		{"a grid of another size", `"config":{`, `"config":{"grid":[2],`, "5 components for a grid of 1"},
		{"a margin above its grid", `"config":{`, `"config":{"margin":3,"grid":[2],`, "grid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := replace(t, text(t, cb), c.old, c.new)
			require.ErrorContains(t, json.Unmarshal([]byte(broken), new(evidence.CB)), c.want)
		})
	}
}
