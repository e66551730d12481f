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

func newLine(t *testing.T, cfg evidence.LineConfig) *evidence.Line {
	t.Helper()
	l, err := evidence.NewLine(cfg)
	require.NoError(t, err)
	return l
}

// stored reads back into an empty value what was written of another.
func stored[T json.Marshaler](t *testing.T, was, into T) T {
	t.Helper()
	blob, err := json.Marshal(was)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(blob, into))
	back, err := json.Marshal(into)
	require.NoError(t, err)
	require.JSONEq(t, string(blob), string(back))
	return into
}

// TestATickOnTheLineIsAFairBet adds up exactly what a tick can lead to: on the line
// the expectation of E is what it was, whatever went before, and below it is less.
func TestATickOnTheLineIsAFairBet(t *testing.T) {
	for _, c := range []struct {
		name string
		line float64
		true float64
		past int
		want float64
	}{
		{"at the start", 0.01, 0.01, 0, 1},
		{"after two hours", 0.01, 0.01, 480, 1},
		{"a coarse line, of which multiples are above one", 0.3, 0.3, 3, 1},
		{"a line that lets nearly all be bad", 0.95, 0.95, 3, 1},
		{"below the line", 0.01, 0.009, 10, 0.9999},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLine(t, evidence.LineConfig{Bad: c.line, Schedule: dayPlan})
			at := int64(0)
			for range c.past {
				at += 15_000
				_, err := l.Fold(evidence.Tick{At: at, X1: 1, N1: 50, X0: 1, N0: 50}, early)
				require.NoError(t, err)
			}
			// A restart that is due starts components before the tick, which changes E
			// by nothing but rounding.
			const n = 40
			var mean float64
			for x := 0.0; x <= n; x++ {
				to := stored(t, l, new(evidence.Line))
				_, err := to.Fold(evidence.Tick{At: at + 15_000, X1: x, N1: n}, early)
				require.NoError(t, err)
				mean += binomial(x, n, c.true) * math.Exp(to.LogE()-l.LogE())
			}
			if c.want == 1 {
				require.InDelta(t, 1, mean, 1e-9)
			} else {
				require.Less(t, mean, c.want)
			}
		})
	}
}

// TestAServiceOnItsLineIsSeldomTurnedBack runs services that fail just as often as
// they may, and some that never fail by chance but all at once; 5 % of 500 runs may
// reach the limit, and five standard errors more.
func TestAServiceOnItsLineIsSeldomTurnedBack(t *testing.T) {
	t.Parallel()
	const runs, ticks, alpha = 500, 600, 0.05
	for _, c := range []struct {
		name  string
		tick  func(*rand.Rand) (x, n float64, buckets *evidence.Buckets)
		worse float64
	}{
		{"failing independently", func(rng *rand.Rand) (float64, float64, *evidence.Buckets) {
			var x float64
			for range 200 {
				if rng.Float64() < 0.02 {
					x++
				}
			}
			return x, 200, nil
		}, alpha},
		{"failing in bursts, of which the buckets tell", func(rng *rand.Rand) (float64, float64, *evidence.Buckets) {
			var x float64
			var b evidence.Buckets
			for range 20 { // of ten requests each, which fail or pass together
				if rng.Float64() < 0.02 {
					x += 10
					b.On[rng.IntN(20)] += 10
				}
			}
			return x, 200, &b
		}, 0.08},
	} {
		t.Run(c.name, func(t *testing.T) {
			var reached, sum float64
			for run := range runs {
				rng := rand.New(rand.NewPCG(uint64(run), 17))
				l := newLine(t, evidence.LineConfig{Bad: 0.02, Schedule: evidence.Schedule{Phases: 1, Restarts: 15}})
				for i := range ticks {
					x, n, b := c.tick(rng)
					_, err := l.Fold(evidence.Tick{At: int64(i+1) * 15_000, X0: x, N0: n, Buckets: b}, early)
					require.NoError(t, err)
					if l.LogE() >= -math.Log(alpha) {
						reached++
						break
					}
				}
				sum += min(1/alpha, math.Exp(l.LogE()))
			}
			noise := 5 * math.Sqrt(c.worse*(1-c.worse)/runs)
			require.LessOrEqual(t, reached/runs, c.worse+noise)
			// E is at most 1/alpha where it is stopped, so its variance is at most that.
			require.LessOrEqual(t, sum/runs, 1+5*math.Sqrt(1/alpha/runs))
		})
	}
}

func TestALineThatIsBrokenIsSeen(t *testing.T) {
	for _, c := range []struct {
		name       string
		line, rate float64
		within     int
	}{
		{"half as much again", 0.01, 0.015, 30},
		{"twice as much", 0.01, 0.02, 10},
		{"everything", 0.01, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLine(t, evidence.LineConfig{Bad: c.line, Schedule: dayPlan})
			at := int64(0)
			fold := func(rate float64) {
				at += 15_000
				_, err := l.Fold(evidence.Tick{At: at, X1: math.Round(200 * rate), N1: 200, X0: math.Round(800 * rate), N0: 800}, early)
				require.NoError(t, err)
			}
			for range 2000 { // harm begins late
				fold(c.line / 2)
			}
			ticks := 0
			for l.LogE() < math.Log(60) {
				fold(c.rate)
				ticks++
				require.LessOrEqual(t, ticks, c.within)
			}
		})
	}
}

func TestOfALineFoldingDoesNotDependOnHowTicksAreSplit(t *testing.T) {
	cfg := evidence.LineConfig{Bad: 0.01, Schedule: evidence.Schedule{Phases: 2, Restarts: 5}}
	whole, split := newLine(t, cfg), newLine(t, cfg)
	rng := rand.New(rand.NewPCG(4, 4))
	for i := range 400 {
		tick := evidence.Tick{At: int64(i+1) * 15_000, X1: float64(rng.IntN(4)), N1: 100, X0: float64(rng.IntN(9)), N0: 900}
		if i > 100 {
			tick.Buckets = &evidence.Buckets{}
			tick.Buckets.On[rng.IntN(20)], tick.Buckets.Off[rng.IntN(3)] = tick.X1, tick.X0
		}
		m := evidence.Moment{Phase: i / 200, Step: i / 50, Restart: evidence.RestartEarly}
		counted, err := whole.Fold(tick, m)
		require.NoError(t, err)
		require.True(t, counted)
		if rng.IntN(3) == 0 {
			split = stored(t, split, new(evidence.Line))
		}
		_, err = split.Fold(tick, m)
		require.NoError(t, err)
		tick.At -= int64(rng.IntN(3)) * 15_000
		counted, err = split.Fold(tick, m) // a retry
		require.NoError(t, err)
		require.False(t, counted)
		require.Equal(t, whole.LogE(), split.LogE())
		require.Equal(t, whole.Information(), split.Information())
	}
	require.Greater(t, whole.Phi(), 1.2, "it was tempered on the way")
}

func TestOfALineNumbersHold(t *testing.T) {
	l := newLine(t, evidence.LineConfig{Bad: 1e-300, Masses: evidence.Masses{First: 1}})
	_, err := l.Fold(evidence.Tick{At: 1, N1: 1e15}, evidence.Moment{})
	require.NoError(t, err)
	require.InDelta(t, 0, l.LogE(), 1e-9)
	_, err = l.Fold(evidence.Tick{At: 2, X1: 1e15, N1: 1e15}, evidence.Moment{})
	require.NoError(t, err)
	require.False(t, math.IsInf(l.LogE(), 0) || math.IsNaN(l.LogE()))

	l = newLine(t, evidence.LineConfig{Bad: 0.01, Masses: evidence.Masses{First: 0.5, Overtime: 0.5}})
	const ticks = 1_000_000
	for i := range ticks {
		_, err := l.Fold(evidence.Tick{At: int64(i+1) * 60_000, X1: float64(i % 2), N1: 100, N0: 100}, evidence.Moment{Restart: evidence.RestartLate})
		require.NoError(t, err)
	}
	left := 0.5 / (math.Floor((ticks-1)/60) + 1)
	require.InEpsilon(t, left, math.Exp(l.LogE()), 0.3, "the oldest components have lost all; what has not started is left")
	require.InDelta(t, ticks/2, l.Samples().X1, 0)
}

func TestOfALineImpossibleCountsAreNeverEvidence(t *testing.T) {
	for _, c := range []struct {
		name string
		tick evidence.Tick
		want string
	}{
		{"more bad than there are", evidence.Tick{X0: 5, N0: 4}, "more events"},
		{"negative", evidence.Tick{X1: -1, N1: 4}, "negative"},
		{"not a number", evidence.Tick{N0: math.NaN()}, "not a number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLine(t, evidence.LineConfig{Bad: 0.01})
			c.tick.At = 7
			_, err := l.Fold(c.tick, early)
			var bad *evidence.BadTick
			require.ErrorAs(t, err, &bad)
			require.ErrorContains(t, err, c.want)
			require.Zero(t, l.LogE())
			require.False(t, l.Seen(7))
		})
	}
	for _, bad := range []float64{0, 1, -1, math.NaN()} {
		_, err := evidence.NewLine(evidence.LineConfig{Bad: bad})
		require.Error(t, err)
	}
	require.ErrorContains(t, json.Unmarshal([]byte(`{"v":2,"config":{"bad":0.01},"state":""}`), new(evidence.Line)), "version 2 is not 1")
	require.Error(t, json.Unmarshal([]byte(`{"v":1,"config":{"bad":0.01},"state":"AAAA"}`), new(evidence.Line)))
}

func TestALineHasAShareOfALaunch(t *testing.T) {
	l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors"}, evidence.GateSpec{Name: "overall", Line: &evidence.LineConfig{Bad: 0.01}})
	for i := range 20 {
		tick := evidence.Tick{At: int64(i+1) * 15_000, X1: 4, N1: 100, X0: 36, N0: 900}
		_, err := l.Gate("errors").Fold(tick, early)
		require.NoError(t, err)
		_, err = l.Gate("overall").FoldLine(tick, early)
		require.NoError(t, err)
		l = stored(t, l, new(evidence.Launch))
	}
	look := l.Look(1)
	require.True(t, look.Reached)
	require.Equal(t, "overall", look.Gate)
	require.True(t, l.Gate("overall").Reached())
	require.True(t, l.Gate("overall").CouldHaveSeen())
	require.NoError(t, l.Remove("overall"))
	require.True(t, stored(t, l, new(evidence.Launch)).Look(2).Reached, "evidence cannot be amended away")
	_, err := l.Gates()[1].FoldLine(evidence.Tick{At: 1 << 40}, early)
	require.ErrorContains(t, err, "was removed")
	_, err = l.Gate("errors").FoldMean(evidence.MeanTick{}, early)
	require.ErrorContains(t, err, "has no mean")
}

const month = 30 * 24 * time.Hour

func TestBurnRules(t *testing.T) {
	const line = 0.001
	type stretch struct {
		lasts time.Duration
		burns float64
	}
	tests := []struct {
		name   string
		past   []stretch
		broken float64
	}{
		{"at the rate that a budget is for", []stretch{{6 * time.Hour, 1}}, 0},
		{"an hour at 15", []stretch{{6 * time.Hour, 1}, {time.Hour, 15}}, 14.4},
		{"half an hour at 15 is not yet an hour", []stretch{{6 * time.Hour, 1}, {30 * time.Minute, 15}}, 0},
		{"half an hour at 40 spends as much as an hour at 15", []stretch{{6 * time.Hour, 1}, {30 * time.Minute, 40}}, 14.4},
		{"six hours at 7", []stretch{{10 * time.Hour, 1}, {6 * time.Hour, 7}}, 6},
		{"what is over is no longer broken by the faster rule", []stretch{{time.Hour, 20}, {6 * time.Minute, 0}}, 6},
		{"not by either rule", []stretch{{time.Hour, 20}, {40 * time.Minute, 0}}, 0},
		{"a young launch is judged by what it has", []stretch{{6 * time.Minute, 20}}, 14.4},
		{"but not before its short window is full", []stretch{{4 * time.Minute, 20}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := new(evidence.Burn)
			at := int64(0)
			for _, s := range tt.past {
				for range s.lasts / (15 * time.Second) {
					at += 15_000
					require.NoError(t, b.Add(evidence.Tick{At: at, X1: 10 * s.burns, N1: 10_000}, 15*time.Second))
					if at%600_000 == 0 {
						b = stored(t, b, new(evidence.Burn))
					}
				}
			}
			rule, broken := b.Broken(line)
			require.Equal(t, tt.broken > 0, broken)
			require.InDelta(t, tt.broken, rule.Factor, 0)
			blob, err := json.Marshal(b)
			require.NoError(t, err)
			require.Less(t, len(blob), 300)
		})
	}
}

func TestFewBadUnitsBurnNoBudget(t *testing.T) {
	b := new(evidence.Burn)
	for i := range 40 { // nine of forty
		require.NoError(t, b.Add(evidence.Tick{At: int64(i + 1), X1: map[bool]float64{true: 1}[i >= 31], N1: 1}, time.Minute))
	}
	_, broken := b.Broken(0.001)
	require.False(t, broken)
	require.NoError(t, b.Add(evidence.Tick{At: 100, X1: 10, N1: 10}, time.Minute))
	_, broken = b.Broken(0.001)
	require.True(t, broken)
	_, broken = b.Broken(0.2)
	require.False(t, broken, "no share of bad units is 14.4 times 20 %")
}

func TestWindowsReachBackAsFarAsAsked(t *testing.T) {
	b := new(evidence.Burn)
	for i := range 12 * 60 * 4 {
		require.NoError(t, b.Add(evidence.Tick{At: int64(i + 1), N1: 1}, 15*time.Second))
	}
	for _, window := range []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour} {
		_, n := b.Over(window)
		reached := time.Duration(n) * 15 * time.Second
		require.GreaterOrEqual(t, reached, window)
		require.Less(t, reached, window*4/3)
	}
}

func TestABudgetIsSpentByTime(t *testing.T) {
	b := new(evidence.Burn)
	require.Zero(t, b.Spent(0.01))
	for i := range 24 { // a day at half the rate, and then nothing for a while that nobody looked at
		require.NoError(t, b.Add(evidence.Tick{At: int64(i+1) * 3600_000, X0: 5, N0: 1000}, time.Hour))
	}
	require.InEpsilon(t, 0.5*float64(24*time.Hour)/float64(month), b.Spent(0.01), 1e-9)
	require.Error(t, b.Add(evidence.Tick{At: 1, X0: 2, N0: 1}, time.Minute))
	require.Error(t, b.Add(evidence.Tick{At: 1}, -time.Minute))
	require.Error(t, json.Unmarshal([]byte(`"AQ"`), b))
	require.ErrorContains(t, json.Unmarshal([]byte(`"AgAAAAAAAA"`), b), "version 2 is not 1")
}
