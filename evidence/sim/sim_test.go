package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/rampart-dev/rampart/evidence/sim"
)

// short is a launch of a day and a half under three gates, one of each kind.
func short() sim.Plan {
	return sim.Plan{
		Shadow: 24 * time.Hour,
		Steps: []sim.Step{
			{Phase: 0, Name: "debug", Exposure: 0.05, Hold: 12 * time.Hour, Every: time.Minute, Restart: evidence.RestartEarly, Detect: 2},
			{Phase: 1, Name: "max-power-ramp", Exposure: 0.5, Hold: 24 * time.Hour, Every: time.Minute, Restart: evidence.RestartLate, Detect: 1.25},
		},
		Gates: []sim.Gate{
			{Name: "errors", Kind: sim.Ratio, Traffic: 100, Rate: 0.005},
			{Name: "latency", Kind: sim.Latency, Traffic: 20},
			{Name: "signups", Kind: sim.Count, Rate: 2, LowerIsWorse: true},
			{Name: "overall", Kind: sim.Objective, Traffic: 100, Rate: 0.005, Bad: 0.01},
		},
	}
}

func worldOf(t testing.TB, name string) sim.World {
	t.Helper()
	w, ok := sim.WorldOf(name)
	require.True(t, ok)
	return w
}

func TestTheSameSeedGivesTheSameLaunch(t *testing.T) {
	for _, w := range sim.Worlds() {
		t.Run(w.Name, func(t *testing.T) {
			harm := sim.Harm{Gate: "errors", Ratio: 2, At: 14 * time.Hour}
			first, err := sim.Walk(short(), w, harm, 7, 3)
			require.NoError(t, err)
			again, err := sim.Walk(short(), w, harm, 7, 3)
			require.NoError(t, err)
			require.Equal(t, first, again)
		})
	}
}

func TestHarmIsTurnedBackByTheGateThatSeesIt(t *testing.T) {
	for _, c := range []struct {
		name  string
		world string
		harm  sim.Harm
		gate  string
		most  time.Duration
	}{
		{"errors five times as frequent", "poisson", sim.Harm{Gate: "errors", Ratio: 5, At: 6 * time.Hour}, "errors", time.Hour},
		{"errors, through a day with incidents", "daily", sim.Harm{Gate: "errors", Ratio: 5, At: 14 * time.Hour}, "errors", 2 * time.Hour},
		{"errors, through faulty scrapes", "faulty", sim.Harm{Gate: "errors", Ratio: 5, At: 14 * time.Hour}, "errors", time.Hour},
		{"slow requests twice as many", "poisson", sim.Harm{Gate: "latency", Ratio: 2, At: 14 * time.Hour}, "latency", 2 * time.Hour},
		{"half of the signups", "poisson", sim.Harm{Gate: "signups", Ratio: 2, At: 14 * time.Hour}, "signups", 2 * time.Hour},
		{"a shared resource, which only the line sees", "poisson", sim.Harm{Ratio: 5, At: 14 * time.Hour, Shared: true}, "overall", time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			for run := range uint64(3) {
				out, err := sim.Walk(short(), worldOf(t, c.world), c.harm, 11, run)
				require.NoError(t, err)
				require.True(t, out.TurnedBack)
				require.False(t, out.False(c.harm))
				require.Equal(t, c.gate, out.Gate)
				require.Positive(t, out.Delay)
				require.LessOrEqual(t, out.Delay, c.most)
				require.Equal(t, c.harm.At+out.Delay, out.At)
			}
		})
	}
}

// TestComparingGatesAreBlindToWhatArmsShare is why a plan needs an absolute line.
func TestComparingGatesAreBlindToWhatArmsShare(t *testing.T) {
	p := short()
	p.Gates = p.Gates[:3]
	for run := range uint64(5) {
		out, err := sim.Walk(p, worldOf(t, "poisson"), sim.Harm{Ratio: 5, At: 14 * time.Hour, Shared: true}, 5, run)
		require.NoError(t, err)
		require.False(t, out.TurnedBack)
	}
}

// TestHarmlessLaunchesAreSeldomTurnedBack allows five standard errors above the error
// budget, so that it refutes the promise and never fails by chance.
func TestHarmlessLaunchesAreSeldomTurnedBack(t *testing.T) {
	t.Parallel()
	const runs = 10
	p := short()
	p.Gates = p.Gates[:3] // incidents do break an absolute line
	for _, w := range sim.Worlds() {
		t.Run(w.Name, func(t *testing.T) {
			turned := 0
			for run := range uint64(runs) {
				out, err := sim.Walk(p, w, sim.Harm{}, 3, run)
				require.NoError(t, err)
				if out.TurnedBack {
					turned++
				}
			}
			require.LessOrEqual(t, turned, 4)
		})
	}
}

func TestBurstsShowAsOverdispersion(t *testing.T) {
	for world, robust := range map[string]bool{"bursts_20k": true, "bursts_200k": true} {
		out, err := sim.Walk(short(), worldOf(t, world), sim.Harm{}, 1, 1)
		require.NoError(t, err)
		require.Equal(t, robust, out.Robust >= 2, world)
	}
}

func TestMethodsFindHarmInTheirOrder(t *testing.T) {
	const runs = 40
	methods := sim.Methods()
	mean := map[string]float64{}
	for run := range uint64(runs) {
		for i, f := range sim.Find(sim.Reference(2, 0), methods, 1, run) {
			mean[methods[i].Name] += float64(f.Delay) / runs
		}
	}
	limit := sim.Reference(2, 0).Limit()
	require.InDelta(t, 4.4, limit, 0.1, "of the table of the reference case")
	require.Greater(t, mean["oracle"], limit)
	require.Less(t, mean["oracle"], mean["rampart"])
	require.Less(t, mean["rampart"], mean["asymptotic"])
	require.Less(t, mean["asymptotic"], mean["flagger"])
	require.Less(t, mean["flagger"], mean["argo"])
	require.InDelta(t, 5760, mean["fixed"], 0)
	require.InDelta(t, 5760, mean["burn"], 0, "a doubling burns twice the budget, and nobody is paged for that")
}

func TestWhatBeginsLateIsFoundSoonerWithRestarts(t *testing.T) {
	const runs = 20
	methods := []sim.Method{sim.Rampart(), sim.RampartFromStart()}
	var sum [2]float64
	for run := range uint64(runs) {
		for i, f := range sim.Find(sim.Reference(2, sim.Mid), methods, 1, run) {
			if !f.False {
				sum[i] += float64(f.Delay) / runs
			}
		}
	}
	require.Greater(t, sum[1], 5*sum[0])
}

func TestSlowRequestsAreFoundWithinTicks(t *testing.T) {
	var sum float64
	for run := range uint64(50) {
		c := sim.Reference(2, 0)
		c.Ticks = 200
		sum += float64(sim.FindSlow(c, 1, run).Delay) / 50
	}
	require.Less(t, sum, 10.0)
}

func TestARampWithoutAnEffectIsSeldomShipped(t *testing.T) {
	t.Parallel()
	const runs = 60
	r := sim.Ramp{Base: 0.1, Looks: 4, Improve: 0.05}
	r.Users = 1.1 * r.FixedUsers()
	count := func(effect float64) (shipped int) {
		r.Effect = effect
		for run := range uint64(runs) {
			word, err := r.Decide(evidence.OBrienFleming(), 1, run)
			require.NoError(t, err)
			if word == evidence.Ship {
				shipped++
			}
		}
		return shipped
	}
	require.LessOrEqual(t, count(0), 9, "2.5 % of 60, and five standard errors")
	require.GreaterOrEqual(t, count(0.05), 33, "80 % of 60, less five standard errors")
}

func TestWilson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 0, 0, 1},
		{0, 100, 0, 0.0370},
		{10, 100, 0.0552, 0.1744},
		{100, 100, 0.9630, 1},
		{81, 263, 0.2553, 0.3662}, // Newcombe, "Two-sided confidence intervals for the single proportion"
	} {
		t.Run(fmt.Sprintf("%d of %d", c.k, c.n), func(t *testing.T) {
			low, high := sim.Wilson(c.k, c.n)
			require.InDelta(t, c.low, low, 1e-4)
			require.InDelta(t, c.high, high, 1e-4)
		})
	}
}

// TestCountsAreWhatTheWorldSays holds counts to their mean within five standard errors,
// and their spread over ticks to that of their distribution.
func TestCountsAreWhatTheWorldSays(t *testing.T) {
	p := short()
	for _, c := range []struct {
		world  string
		spread float64 // variance to mean of the events of a tick
		kept   float64 // share of what happened that is counted
	}{
		{"poisson", 1, 1},
		{"bursts_200k", 5, 1},   // a geometric burst of mean 3: 2 x 3 - 1
		{"faulty", 0, 1 - 0.02}, // late samples are lost; of what is lost the next one tells
	} {
		t.Run(c.world, func(t *testing.T) {
			var ticks, on, off, squares, units float64
			for run := range uint64(8) {
				for tick := range sim.Ticks(p, worldOf(t, c.world), 0, 1, run) {
					if tick.At <= (12 * time.Hour).Milliseconds() {
						continue // only the step that has half of the units on
					}
					ticks++
					on, off, units = on+tick.X1, off+tick.X0, units+tick.N1+tick.N0
					squares += tick.X0 * tick.X0
				}
			}
			want := 15.0 * c.kept // 100 a second, half of them, for a minute, at 0.5 %
			noise := 5 * 5 * 3 * 15 / 240.0
			require.InDelta(t, want, off/ticks, noise/3)
			require.InDelta(t, 6000*c.kept, units/ticks, 60)
			if c.spread > 0 {
				mean := off / ticks
				require.InDelta(t, c.spread, (squares/ticks-mean*mean)/mean, 0.3*c.spread)
			}
		})
	}
}

func BenchmarkWalk(b *testing.B) {
	for _, w := range sim.Worlds() {
		b.Run(w.Name, func(b *testing.B) {
			p := sim.Standard()
			for i := range b.N {
				_, err := sim.Walk(p, w, sim.Harm{}, 1, uint64(i))
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*p.Ticks()*len(p.Gates)), "ns/gatetick")
		})
	}
}
