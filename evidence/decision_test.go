package evidence_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

// A ramp of so many days has a goal whose log ratio is estimated with error 1 at its end.
type rampDays struct {
	rng    *rand.Rand
	days   int
	effect float64 // in errors at the end
	sum    float64 // of the days so far
}

// look takes the look of a day: the error falls with the root of the time.
func (r *rampDays) look(test *evidence.GoalTest, day int) evidence.Estimate {
	fraction := float64(day) / float64(r.days)
	r.sum += r.effect/float64(r.days) + r.rng.NormFloat64()/math.Sqrt(float64(r.days))
	e := evidence.Estimate{LogRatio: r.sum / fraction / 100, SE: 1 / math.Sqrt(fraction) / 100, Events: 1000 * float64(day)}
	test.Look(fraction, e)
	return e
}

// outcome is what goals have come to after a ramp, all of the same effects.
func outcome(t *testing.T, d *evidence.Decider, rng *rand.Rand, days int, effects ...float64) []evidence.GoalResult {
	t.Helper()
	tests := make([]evidence.GoalTest, len(effects))
	goals := make([]evidence.Goal, len(effects))
	for i, effect := range effects {
		r := &rampDays{rng: rng, days: days, effect: effect}
		for day := range days {
			goals[i].Estimate = r.look(&tests[i], day+1)
		}
		goals[i].Test, goals[i].Planned, goals[i].Improve = &tests[i], true, 0.02
	}
	results, err := d.Judge(goals...)
	require.NoError(t, err)
	return results
}

func newDecider(t *testing.T, s evidence.Spending) *evidence.Decider {
	t.Helper()
	d, err := evidence.NewDecider(0.05, s)
	require.NoError(t, err)
	return d
}

// TestAGoalWithoutAnEffectIsSeldomShipped looks every day for four weeks, and allows
// five standard errors beyond half of alpha on each side.
func TestAGoalWithoutAnEffectIsSeldomShipped(t *testing.T) {
	t.Parallel()
	const runs = 8000
	for _, c := range []struct {
		name     string
		spending evidence.Spending
		goals    int
	}{
		{"Kim and DeMets", evidence.KimDeMets(), 1},
		{"O'Brien and Fleming", evidence.OBrienFleming(), 1},
		{"the best of three goals", evidence.KimDeMets(), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, rng := newDecider(t, c.spending), rand.New(rand.NewPCG(1, 1))
			var better, worse float64
			for range runs {
				words := map[evidence.Word]bool{}
				for _, r := range outcome(t, d, rng, 28, make([]float64, c.goals)...) {
					words[r.Word] = true
				}
				if words[evidence.Ship] {
					better++
				}
				if words[evidence.Regress] {
					worse++
				}
			}
			most := runs*0.025 + 5*math.Sqrt(runs*0.025*0.975)
			require.LessOrEqual(t, better, most)
			require.LessOrEqual(t, worse, most)
			require.Greater(t, better+worse, runs*0.05/2, "the level is used")
		})
	}
}

// TestPowerAtTheDetectableEffect has a tenth more units than a test of fixed length
// would need for a power of 0.8.
func TestPowerAtTheDetectableEffect(t *testing.T) {
	t.Parallel()
	const runs = 4000
	fixed := evidence.FixedSize(0.025, 0.8, 1, 0.5, 1)
	effect := math.Sqrt(1.1*fixed) * 0.5 // in errors: D sqrt(N q (1 - q)) / sigma
	d, rng := newDecider(t, evidence.OBrienFleming()), rand.New(rand.NewPCG(2, 2))
	var found float64
	for range runs {
		if outcome(t, d, rng, 14, effect)[0].Word == evidence.Ship {
			found++
		}
	}
	require.Greater(t, found/runs, 0.8-5*math.Sqrt(0.8*0.2/runs))
	t.Logf("power %.3f", found/runs)
}

func TestWordsOfGoals(t *testing.T) {
	for _, c := range []struct {
		name    string
		effects []float64 // in percent, estimated to 0.5 % after seven of seven days
		want    []evidence.Word
	}{
		{"better", []float64{2}, []evidence.Word{evidence.Ship}},
		{"worse", []float64{-2}, []evidence.Word{evidence.Regress}},
		{"neither, and known well enough", []float64{0.2}, []evidence.Word{evidence.NoEffect}},
		{"a goal that is better lets the next be judged at all of alpha", []float64{2, 1.05}, []evidence.Word{evidence.Ship, evidence.Ship}},
		{"one of two must be twice as sure", []float64{1.05, 0.2}, []evidence.Word{evidence.Inconclusive, evidence.NoEffect}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tests, goals := make([]evidence.GoalTest, len(c.effects)), make([]evidence.Goal, len(c.effects))
			for i, percent := range c.effects {
				goals[i] = evidence.Goal{Test: &tests[i], Improve: 0.02, Planned: true}
				goals[i].Estimate = evidence.Estimate{LogRatio: math.Log1p(percent / 100), SE: 0.005, Events: 80_000}
				require.True(t, tests[i].Look(1, goals[i].Estimate))
			}
			results, err := newDecider(t, evidence.KimDeMets()).Judge(goals...)
			require.NoError(t, err)
			for i, r := range results {
				require.Equal(t, c.want[i], r.Word, "%+v", r)
				require.InDelta(t, c.effects[i]/100, r.Effect, 1e-9)
				require.True(t, r.Low < r.Effect && r.Effect < r.High)
				require.Equal(t, 1.0, r.Fraction)
			}
		})
	}
}

func TestNoEffectIsNotFoundBeforeThePlannedInformation(t *testing.T) {
	var test evidence.GoalTest
	e := evidence.Estimate{LogRatio: 0, SE: 0.001, Events: 1e6}
	test.Look(1, e)
	goal := evidence.Goal{Test: &test, Estimate: e, Improve: 0.02}
	for planned, want := range map[bool]evidence.Word{false: evidence.Inconclusive, true: evidence.NoEffect} {
		goal.Planned = planned
		results, err := newDecider(t, evidence.KimDeMets()).Judge(goal)
		require.NoError(t, err)
		require.Equal(t, want, results[0].Word)
	}
}

func TestWhereLessIsBetterAFallIsAnImprovement(t *testing.T) {
	var test evidence.GoalTest
	e := evidence.Estimate{LogRatio: math.Log(0.9), SE: 0.01, Events: 1e6}.Reversed()
	test.Look(1, e)
	results, err := newDecider(t, evidence.KimDeMets()).Judge(evidence.Goal{Test: &test, Estimate: e, Improve: 0.02, LessIsBetter: true})
	require.NoError(t, err)
	require.Equal(t, evidence.Ship, results[0].Word)
	require.InDelta(t, 0.1, results[0].Effect, 1e-9)
	require.InDelta(t, 0.1, (results[0].Low+results[0].High)/2, 0.01)
}

// TestAnEarlierLookStays has a goal cross its bound half-way and come back.
func TestAnEarlierLookStays(t *testing.T) {
	var test evidence.GoalTest
	strong := evidence.Estimate{LogRatio: 0.04, SE: 0.01, Events: 1000}
	weak := evidence.Estimate{LogRatio: 0.005, SE: 0.007, Events: 2000}
	require.True(t, test.Look(0.5, strong))
	require.True(t, test.Look(1, weak))
	results, err := newDecider(t, evidence.KimDeMets()).Judge(evidence.Goal{Test: &test, Estimate: weak})
	require.NoError(t, err)
	require.Equal(t, evidence.Ship, results[0].Word)
	require.True(t, results[0].Early)
}

func TestALookNeedsNewInformation(t *testing.T) {
	var test evidence.GoalTest
	e := evidence.Estimate{LogRatio: 0.01, SE: 0.01, Events: 1000}
	require.False(t, test.Look(0, e), "nothing may be spent yet")
	require.True(t, test.Look(0.5, e))
	require.False(t, test.Look(0.6, e), "no event more")
	e.Events = 1100
	require.True(t, test.Look(0.4, e))
	require.InDelta(t, 0.5, test.Fraction(), 1e-4, "it never falls")
	for range 100 {
		e.Events *= 2
		test.Look(1, e)
	}
	require.Equal(t, 64, test.Looks())
}

// TestARestartSpendsOnlyWhatIsLeft counts anew at another exposure after half the time.
func TestARestartSpendsOnlyWhatIsLeft(t *testing.T) {
	d := newDecider(t, evidence.KimDeMets())
	e := evidence.Estimate{LogRatio: 0.001, SE: 0.01, Events: 1000}
	judge := func(test *evidence.GoalTest) evidence.GoalResult {
		results, err := d.Judge(evidence.Goal{Test: test, Estimate: e})
		require.NoError(t, err)
		return results[0]
	}
	var fresh, restarted evidence.GoalTest
	fresh.Look(1, e)
	restarted.Look(0.5, e)
	judge(&restarted)
	restarted.Restart()
	require.Zero(t, restarted.Looks())
	require.InDelta(t, 0.5, judge(&restarted).Fraction, 1e-4)
	restarted.Look(1, e)
	left := 0.025 * (1 - 0.125)
	require.InDelta(t, 1.959964, judge(&fresh).Bound, 1e-4)
	require.InDelta(t, left, math.Erfc(judge(&restarted).Bound/math.Sqrt2)/2, 1e-5)

	var settled evidence.GoalTest
	e.LogRatio = 0.1
	settled.Look(0.5, e)
	require.Equal(t, evidence.Ship, judge(&settled).Word)
	settled.Restart()
	require.Equal(t, evidence.Ship, judge(&settled).Word)
	e.LogRatio = 0
	settled.Look(1, e)
	require.Equal(t, evidence.Ship, judge(&settled).Word, "what it had come to stays")
}

func TestATestIsTheSameAfterItWasStored(t *testing.T) {
	d, rng := newDecider(t, evidence.KimDeMets()), rand.New(rand.NewPCG(4, 4))
	r := &rampDays{rng: rng, days: 42, effect: 2.8}
	var test evidence.GoalTest
	var e evidence.Estimate
	for day := range 42 {
		e = r.look(&test, day+1)
		data, err := json.Marshal(&test)
		require.NoError(t, err)
		var back evidence.GoalTest
		require.NoError(t, json.Unmarshal(data, &back))
		require.Equal(t, test, back)
		require.Less(t, len(data), 400)
		test = back
	}
	stored, err := d.Judge(evidence.Goal{Test: &test, Estimate: e, Planned: true})
	require.NoError(t, err)
	require.Equal(t, 42, test.Looks())
	require.Greater(t, stored[0].Bound, 1.9)
	for _, text := range []string{`{"v":2}`, `{"v":1,"k":"AAA"}`, `{"v":1,"k":"f/8AZAAAf/8AZAAA"}`} {
		require.Error(t, json.Unmarshal([]byte(text), &test), text)
	}
}

func TestDecisions(t *testing.T) {
	well, unknown := evidence.Guardrail{Name: "errors", Upper: 1.04}, evidence.Guardrail{Name: "latency", Upper: math.Inf(1)}
	goals := func(words ...evidence.Word) (out []evidence.GoalResult) {
		for _, w := range words {
			out = append(out, evidence.GoalResult{Word: w})
		}
		return out
	}
	for _, c := range []struct {
		name string
		f    evidence.Findings
		want evidence.Word
	}{
		{"a goal is better and no guardrail worse", evidence.Findings{Goals: goals("ship", "inconclusive"), Guardrails: []evidence.Guardrail{well}}, evidence.Ship},
		{"without goals it is enough not to be worse", evidence.Findings{Guardrails: []evidence.Guardrail{well}}, evidence.Ship},
		{"a guardrail may be worse than its margin", evidence.Findings{Goals: goals("ship"), Guardrails: []evidence.Guardrail{well, {Upper: 1.06}}}, evidence.Inconclusive},
		{"a wider margin", evidence.Findings{Guardrails: []evidence.Guardrail{{Upper: 1.06, Margin: 0.1}}}, evidence.Ship},
		{"nothing is known of a guardrail", evidence.Findings{Goals: goals("ship"), Guardrails: []evidence.Guardrail{unknown}}, evidence.Inconclusive},
		{"harm outweighs everything", evidence.Findings{Harmed: true, Mismatch: true, Goals: goals("ship")}, evidence.Regress},
		{"a mismatch blocks", evidence.Findings{Mismatch: true, Goals: goals("ship")}, evidence.Inconclusive},
		{"a goal that is worse outweighs one that is better", evidence.Findings{Goals: goals("ship", "regress")}, evidence.Regress},
		{"no goal moved", evidence.Findings{Goals: goals("no-effect", "no-effect"), Guardrails: []evidence.Guardrail{well}}, evidence.NoEffect},
		{"not to be worse was declared to be enough", evidence.Findings{NonInferior: true, Goals: goals("no-effect", "inconclusive"), Guardrails: []evidence.Guardrail{well}}, evidence.Ship},
		{"what is not to be worse may be", evidence.Findings{NonInferior: true, Goals: goals("ship"), Guardrails: []evidence.Guardrail{unknown}}, evidence.Inconclusive},
		{"what is not to be worse is", evidence.Findings{NonInferior: true, Goals: goals("regress")}, evidence.Regress},
		{"one goal may still move", evidence.Findings{Goals: goals("no-effect", "inconclusive")}, evidence.Inconclusive},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, evidence.Decide(c.f))
		})
	}
}
