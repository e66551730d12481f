package evidence_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

func newLaunch(t *testing.T, b evidence.Budget, gates ...evidence.GateSpec) *evidence.Launch {
	t.Helper()
	l, err := evidence.NewLaunch(b, gates...)
	require.NoError(t, err)
	return l
}

// harm folds a tick in which the on arm has far more events than its share.
func harm(t *testing.T, g *evidence.Gate, at int64) {
	t.Helper()
	counted, err := g.Fold(evidence.Tick{At: at, X1: 60, N1: 1000, X0: 10, N0: 1000}, early)
	require.NoError(t, err)
	require.True(t, counted)
}

func TestALaunchNamesTheGateThatTripped(t *testing.T) {
	l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors", Weight: 0.2}, evidence.GateSpec{Name: "latency"})
	look := l.Look(0)
	require.False(t, look.Reached)
	require.InDelta(t, 0, look.LogE, 1e-12)
	require.InDelta(t, 0.01, l.Gate("errors").ShareOfLimit(), 1e-12)

	harm(t, l.Gate("errors"), 1)
	look = l.Look(1)
	require.True(t, look.Reached)
	require.Equal(t, "errors", look.Gate)
	require.Greater(t, look.Share, 0.9)
	require.InDelta(t, 1, l.Gate("errors").ShareOfLimit(), 1e-12)
	require.True(t, l.Gate("errors").Reached())
	require.False(t, l.Gate("latency").Reached())

	later := l.Look(2)
	require.Equal(t, look, later, "the first look that reached the limit is remembered")
}

func TestWeightsSumToOne(t *testing.T) {
	for _, c := range []struct {
		name    string
		gates   []evidence.GateSpec
		want    []float64
		reserve float64
	}{
		{"no gate states a weight", []evidence.GateSpec{{Name: "a"}, {Name: "b"}, {Name: "c"}}, []float64{0.3, 0.3, 0.3}, 0.1},
		{"some state theirs", []evidence.GateSpec{{Name: "a", Weight: 0.2}, {Name: "b"}, {Name: "c", Weight: 0.2}, {Name: "d"}}, []float64{0.2, 0.25, 0.2, 0.25}, 0.1},
		{"what nobody takes stays in the reserve", []evidence.GateSpec{{Name: "a", Weight: 0.5}}, []float64{0.5}, 0.5},
		{"a gate that only notifies takes none", []evidence.GateSpec{{Name: "a"}, {Name: "b", Level: 0.01}}, []float64{0.9, 0}, 0.1},
		{"no gates", nil, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLaunch(t, evidence.Budget{}, c.gates...)
			for i, g := range l.Gates() {
				require.InDelta(t, c.want[i], g.Weight(), 1e-12)
			}
			require.InDelta(t, c.reserve, l.Reserve(), 1e-12)
		})
	}
}

func TestALaunchRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		budget evidence.Budget
		gates  []evidence.GateSpec
		want   string
	}{
		{"weights above what the reserve leaves", evidence.Budget{}, []evidence.GateSpec{{Name: "a", Weight: 0.5}, {Name: "b", Weight: 0.5}}, "weights leave"},
		{"a gate that would get nothing", evidence.Budget{}, []evidence.GateSpec{{Name: "a", Weight: 0.9}, {Name: "b"}}, "weights leave"},
		{"a negative weight", evidence.Budget{}, []evidence.GateSpec{{Name: "a", Weight: -1}}, "not between 0 and 1"},
		{"two gates of one name", evidence.Budget{}, []evidence.GateSpec{{Name: "a"}, {Name: "a"}}, "two gates are named a"},
		{"a gate without a name", evidence.Budget{}, []evidence.GateSpec{{}}, "no name"},
		{"a weight and a level", evidence.Budget{}, []evidence.GateSpec{{Name: "a", Weight: 0.1, Level: 0.1}}, "level of its own"},
		{"a budget of everything", evidence.Budget{Alpha: 1}, nil, "not between 0 and 1"},
		{"a grid that takes harmlessness for harm", evidence.Budget{}, []evidence.GateSpec{{Name: "a", Ratio: evidence.Config{Margin: 0.2, Grid: []float64{1.1}}}}, "grid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := evidence.NewLaunch(c.budget, c.gates...)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestEachAttemptHasItsPartOfTheBudget(t *testing.T) {
	l := newLaunch(t, evidence.Budget{Alpha: 0.06, Retries: 2})
	require.InDelta(t, 0.02, l.Alpha(), 1e-15)
	require.InDelta(t, math.Log(50), l.Limit(), 1e-12)
}

func TestAnAmendmentKeepsTheErrorBudget(t *testing.T) {
	l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors"})
	_, err := l.Gate("errors").Fold(evidence.Tick{At: 1, X1: 8, N1: 1000, X0: 3, N0: 1000}, early)
	require.NoError(t, err)
	before := l.LogE()
	require.Greater(t, before, 0.1)

	require.NoError(t, l.Remove("errors"))
	require.Nil(t, l.Gate("errors"))
	require.Equal(t, before, l.LogE(), "a removed gate stays in the sum")
	require.ErrorContains(t, l.Remove("errors"), "no gate errors")

	require.NoError(t, l.Add(evidence.GateSpec{Name: "errors", Weight: 0.04}))
	require.InDelta(t, before, l.LogE(), 1e-12, "a gate that joins starts at 1, as its part of the reserve was")
	require.NoError(t, l.Add(evidence.GateSpec{Name: "latency"}))
	require.InDelta(t, 0.03, l.Gate("latency").Weight(), 1e-12)
	require.ErrorContains(t, l.Add(evidence.GateSpec{Name: "more", Weight: 0.05}), "left in the reserve")

	text, err := json.Marshal(l)
	require.NoError(t, err)
	var back evidence.Launch
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, l.LogE(), back.LogE())
	require.True(t, back.Gates()[0].Frozen())

	harm(t, l.Gate("errors"), 2)
	require.True(t, l.Look(2).Reached, "a gate of the reserve can turn the launch back")
}

func TestAGateWithALevelOfItsOwnNeverTurnsBack(t *testing.T) {
	l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors"}, evidence.GateSpec{Name: "carts", Level: 0.05})
	harm(t, l.Gate("carts"), 1)
	require.False(t, l.Look(1).Reached)
	require.True(t, l.Gate("carts").Reached())
}

func TestADozenGatesFitIntoEightKiB(t *testing.T) {
	var gates []evidence.GateSpec
	for i := range 12 {
		gates = append(gates, evidence.GateSpec{Name: fmt.Sprintf("a gate with a name %2d", i), Phi: 1.0456789,
			Ratio: evidence.Config{Schedule: evidence.Schedule{Phases: 5, Restarts: 4600}}})
	}
	l := newLaunch(t, evidence.Budget{}, gates...)
	w := reference(1, 0.05, 1, 0)
	for i := range 1000 {
		for _, g := range l.Gates() {
			tick := w.tick(i)
			tick.At += 1_790_000_000_000
			tick.X1, tick.X0, tick.N1, tick.N0 = tick.X1*31, tick.X0*31, tick.N1*31, tick.N0*31
			tick.Buckets = spread(w.rng, tick, 1)
			_, err := g.Fold(tick, early)
			require.NoError(t, err)
		}
		l.Look(int64(i))
	}
	text, err := json.Marshal(l)
	require.NoError(t, err)
	t.Logf("%d bytes", len(text))
	require.LessOrEqual(t, len(text), 8<<10)
}
