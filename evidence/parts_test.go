package evidence_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

func gateOf(t *testing.T, spec evidence.GateSpec) (*evidence.Launch, *evidence.Gate) {
	t.Helper()
	spec.Name = "gate"
	l := newLaunch(t, evidence.Budget{}, spec)
	return l, l.Gate("gate")
}

// cohorts are the ticks of everything together and of cohorts alike in size, of which
// the last has its on arm's events multiplied by rho.
func cohorts(rng *rand.Rand, i, n int, rho float64) []evidence.PartTick {
	all := evidence.Tick{At: int64(i+1) * interval}
	var parts []evidence.PartTick
	for k := range n {
		t := evidence.Tick{At: all.At, N1: 500, N0: 500, X0: poisson(rng, 5)}
		t.X1 = poisson(rng, 5*map[bool]float64{true: rho, false: 1}[k == n-1])
		all.X1, all.N1, all.X0, all.N0 = all.X1+t.X1, all.N1+t.N1, all.X0+t.X0, all.N0+t.N0
		parts = append(parts, evidence.PartTick{Part: fmt.Sprintf("platform=%02d", k), Tick: t})
	}
	return append(parts, evidence.PartTick{Tick: all})
}

// edges are the exceedances of two edges, of which the second has its on arm's events
// multiplied by rho.
func edges(rng *rand.Rand, i int, rho float64) []evidence.PartTick {
	at := int64(i+1) * interval
	return []evidence.PartTick{
		{Part: "p50", Tick: evidence.Tick{At: at, X1: min(1000, poisson(rng, 450)), N1: 1000, X0: min(1000, poisson(rng, 450)), N0: 1000}},
		{Part: "p99", Tick: evidence.Tick{At: at, X1: poisson(rng, 10*rho), N1: 1000, X0: poisson(rng, 10), N0: 1000}},
	}
}

var ofEdges = evidence.GateSpec{Parts: []string{"p50", "p99"}, Ratio: evidence.Config{Grid: evidence.LatencyGrid(), Schedule: dayPlan}}

func TestThePartThatBrokeIsNamed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name string
		spec evidence.GateSpec
		tick func(i int) []evidence.PartTick
		want string
	}{
		{"an edge", ofEdges, func(i int) []evidence.PartTick { return edges(rng, i, 2) }, "p99"},
		{"a cohort", evidence.GateSpec{Cohorts: 8}, func(i int) []evidence.PartTick { return cohorts(rng, i, 4, 4) }, "platform=03"},
		{"a cohort that is pooled", evidence.GateSpec{Cohorts: 2}, func(i int) []evidence.PartTick { return cohorts(rng, i, 3, 4) }, evidence.OtherCohorts},
		{"everybody", evidence.GateSpec{Cohorts: 8}, func(i int) []evidence.PartTick {
			all := cohorts(rng, i, 4, 1)
			for k := range all {
				all[k].X1 *= 3
			}
			return all
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, g := gateOf(t, c.spec)
			for i := 0; !g.Reached(); i++ {
				require.Less(t, i, 100)
				_, err := g.FoldParts(c.tick(i), early)
				require.NoError(t, err)
			}
			part, cb := g.Part()
			require.Equal(t, c.want, part)
			require.Greater(t, cb.Samples().X1, cb.Samples().X0)
		})
	}
}

// TestPartsGainNothingWithoutHarm stops gates with parts at several times: cohorts
// that appear late, more of them than there is room for, and edges that depend on each
// other.
func TestPartsGainNothingWithoutHarm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		spec evidence.GateSpec
		tick func(rng *rand.Rand, i int) []evidence.PartTick
	}{
		{"edges", ofEdges, func(rng *rand.Rand, i int) []evidence.PartTick { return edges(rng, i, 1) }},
		{"cohorts", evidence.GateSpec{Cohorts: 3, Ratio: evidence.Config{Schedule: dayPlan}}, func(rng *rand.Rand, i int) []evidence.PartTick {
			all := cohorts(rng, i, 5, 1)
			return all[max(0, 4-i/10):]
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const runs, ticks = 600, 120
			stops := []*stop{{at: 15}, {at: ticks - 1}, {level: math.Log(2)}, {level: math.Log(8)}}
			reached := 0.0
			for run := range runs {
				rng := rand.New(rand.NewPCG(uint64(run), 50))
				_, g := gateOf(t, c.spec)
				for _, s := range stops {
					s.over = false
				}
				for i := range ticks {
					_, err := g.FoldParts(c.tick(rng, i), early)
					require.NoError(t, err)
					for _, s := range stops {
						s.look(i, g.LogE(), i == ticks-1)
					}
				}
				if g.Reached() {
					reached++
				}
			}
			for _, s := range stops {
				mean, se := s.mean()
				require.LessOrEqual(t, mean, 1+5*se)
			}
			require.LessOrEqual(t, reached/runs, 0.045+5*math.Sqrt(0.045*0.955/runs))
		})
	}
}

func TestCohortsThatComeLaterTakeFromWhatIsKept(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	_, g := gateOf(t, evidence.GateSpec{Cohorts: evidence.MaxCohorts, Ratio: evidence.Config{Schedule: dayPlan}})
	for i := range 40 {
		_, err := g.FoldParts(cohorts(rng, i, 1+i/2, 1), early)
		require.NoError(t, err)
	}
	require.Less(t, g.LogE(), math.Log(3))
	// Twenty came, of which eight have a place: what the others do is told of together.
	for i := 40; i < 100; i++ {
		_, err := g.FoldParts(cohorts(rng, i, 20, 30), early)
		require.NoError(t, err)
	}
	require.True(t, g.Reached())
	part, _ := g.Part()
	require.Equal(t, evidence.OtherCohorts, part)
}

func TestPartsAreTheSameHoweverTheyAreSplit(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	whole, _ := gateOf(t, evidence.GateSpec{Cohorts: 3, Ratio: evidence.Config{Schedule: dayPlan}})
	split := whole
	for i := range 200 {
		parts := cohorts(rng, i, 2+i/40, 1.3)
		for k := range parts {
			parts[k].Buckets = spread(rng, parts[k].Tick, 3)
		}
		if i > 0 {
			data, err := json.Marshal(split)
			require.NoError(t, err)
			split = new(evidence.Launch)
			require.NoError(t, json.Unmarshal(data, split))
		} else {
			split, _ = gateOf(t, evidence.GateSpec{Cohorts: 3, Ratio: evidence.Config{Schedule: dayPlan}})
		}
		counted, err := whole.Gate("gate").FoldParts(parts, early)
		require.NoError(t, err)
		require.True(t, counted)
		rng.Shuffle(len(parts), func(a, b int) { parts[a], parts[b] = parts[b], parts[a] })
		_, err = split.Gate("gate").FoldParts(parts, early)
		require.NoError(t, err)
		counted, err = split.Gate("gate").FoldParts(parts, early)
		require.NoError(t, err)
		require.False(t, counted, "a tick is counted once")
		require.Equal(t, whole.LogE(), split.LogE())
	}
	a, err := json.Marshal(whole)
	require.NoError(t, err)
	b, err := json.Marshal(split)
	require.NoError(t, err)
	require.JSONEq(t, string(a), string(b))
}

func TestPartsThatMakeNoSense(t *testing.T) {
	good := evidence.Tick{At: 1, X1: 1, N1: 10, X0: 1, N0: 10}
	bad := good
	bad.X1 = 11
	later := good
	later.At = 2
	for _, c := range []struct {
		name  string
		spec  evidence.GateSpec
		ticks []evidence.PartTick
		want  string
	}{
		{"a part that the gate has not", ofEdges, []evidence.PartTick{{Part: "p75", Tick: good}}, `no part "p75"`},
		{"everything together, where there are only edges", ofEdges, []evidence.PartTick{{Tick: good}}, `no part ""`},
		{"an impossible part", ofEdges, []evidence.PartTick{{Part: "p50", Tick: good}, {Part: "p99", Tick: bad}}, "more events (11) than units (10)"},
		{"two times at once", ofEdges, []evidence.PartTick{{Part: "p50", Tick: good}, {Part: "p99", Tick: later}}, "ticks 2 and 1 at once"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, g := gateOf(t, c.spec)
			counted, err := g.FoldParts(c.ticks, early)
			require.False(t, counted)
			require.ErrorContains(t, err, c.want)
			require.Zero(t, g.CB().Samples().Ticks, "nothing was counted of any part")
		})
	}
	for _, spec := range []evidence.GateSpec{{Parts: []string{"a", "a"}}, {Cohorts: 9}, {Cohorts: -1}} {
		spec.Name = "gate"
		_, err := evidence.NewLaunch(evidence.Budget{}, spec)
		require.Error(t, err)
	}
}
