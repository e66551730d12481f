package evidence_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

// The users of one launch, by telemetry bucket: how many errors those of each bucket
// cause at a tick, in each arm.
type users struct {
	rng     *rand.Rand
	on, off [20]float64 // errors
	burst   float64     // errors that come at once
}

// newUsers has persistent heavy users in some buckets, and errors in bursts.
func newUsers(seed uint64, burst float64) *users {
	c := &users{rng: rand.New(rand.NewPCG(seed, 40)), burst: burst}
	for b := range 20 {
		c.on[b], c.off[b] = heavy(c.rng), heavy(c.rng)
	}
	return c
}

// calm has users who are all alike.
func calm(seed uint64) *users {
	c := &users{rng: rand.New(rand.NewPCG(seed, 41)), burst: 1}
	for b := range 20 {
		c.on[b], c.off[b] = 1, 1
	}
	return c
}

// tick has errors of the on arm multiplied by rho. Requests are spread alike.
func (u *users) tick(i int, rho float64) evidence.Tick {
	t := evidence.Tick{At: int64(i+1) * interval, N1: 20e3, N0: 20e3, Buckets: &evidence.Buckets{}, Units: &evidence.Buckets{}}
	for b := range 20 {
		t.Buckets.On[b] = u.burst * poisson(u.rng, u.on[b]*rho/u.burst)
		t.Buckets.Off[b] = u.burst * poisson(u.rng, u.off[b]/u.burst)
		t.X1, t.X0 = t.X1+t.Buckets.On[b], t.X0+t.Buckets.Off[b]
		t.Units.On[b], t.Units.Off[b] = 1e3, 1e3
	}
	return t
}

// taught is a launch of one gate that has watched the users for some ticks before.
func taught(t *testing.T, c *users, ticks int, spec evidence.GateSpec) (*evidence.Launch, *evidence.Gate) {
	t.Helper()
	spec.Name = "errors"
	spec.Ratio.Schedule = evidence.Schedule{Phases: 2, Restarts: 20}
	l := newLaunch(t, evidence.Budget{}, spec)
	g := l.Gate("errors")
	for i := range ticks {
		require.NoError(t, g.Learn(*c.tick(i, 1).Buckets))
	}
	return l, g
}

// TestCrowdsSeldomTurnALaunchBack stops each process at several times, and sees that
// nothing was gained on average: not where the counts are those of Poisson, and not
// where bursts and heavy users make them vary, with phi known or unknown.
func TestCrowdsSeldomTurnALaunchBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		users func(seed uint64) *users
		learn int
		spec  evidence.GateSpec
	}{
		{"alike, and phi is known", calm, 30, evidence.GateSpec{}},
		{"alike, and phi is unknown", calm, 0, evidence.GateSpec{}},
		{"in bursts", func(s uint64) *users { return newUsers(s, 3) }, 100, evidence.GateSpec{}},
		{"heavy users, and phi is known", func(s uint64) *users { return newUsers(s, 1) }, 200, evidence.GateSpec{}},
		{"heavy users, and fewer is worse", func(s uint64) *users { return newUsers(s, 1) }, 200, evidence.GateSpec{Ratio: evidence.Config{LowerIsWorse: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const runs, ticks = 250, 200
			stops := map[string]*stop{"early": {at: 20}, "late": {at: ticks - 1}, "at twice": {level: math.Log(2)}, "at ten times": {level: math.Log(10)}}
			turned := 0.0
			for run := range runs {
				them := c.users(uint64(run))
				_, g := taught(t, them, c.learn, c.spec)
				for _, s := range stops {
					s.over = false
				}
				for i := range ticks {
					_, err := g.Fold(them.tick(i, 1), evidence.Moment{Phase: i / 120, Step: i / 60, Restart: evidence.RestartEarly})
					require.NoError(t, err)
					for _, s := range stops {
						s.look(i, g.LogE(), i == ticks-1)
					}
				}
				if g.Reached() {
					turned++
				}
			}
			for name, s := range stops {
				mean, se := s.mean()
				require.LessOrEqual(t, mean, 1+5*se, "stopped %s", name)
			}
			require.LessOrEqual(t, turned/runs, 0.05+5*math.Sqrt(0.05*0.95/runs))
		})
	}
}

// A stop is a time at which a process is stopped: a tick, or when it reaches a level.
type stop struct {
	at    int
	level float64
	over  bool
	es    []float64
}

func (s *stop) look(i int, logE float64, last bool) {
	if s.over || !last && (s.level == 0 && i < s.at || s.level > 0 && logE < s.level) {
		return
	}
	s.over, s.es = true, append(s.es, math.Exp(logE))
}

func (s *stop) mean() (mean, se float64) {
	n := float64(len(s.es))
	for _, e := range s.es {
		mean += e / n
	}
	for _, e := range s.es {
		se += (e - mean) * (e - mean) / (n * n)
	}
	return mean, math.Sqrt(se)
}

func TestHarmIsFoundAmongBursts(t *testing.T) {
	for _, c := range []struct {
		name  string
		learn int
		most  int // ticks
	}{
		{"with phi known", 100, 60},
		{"with phi unknown, by the robust form alone", 0, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			them := newUsers(7, 3)
			_, g := taught(t, them, c.learn, evidence.GateSpec{})
			ticks := 0
			for ; !g.Reached(); ticks++ {
				require.Less(t, ticks, c.most)
				_, err := g.Fold(them.tick(ticks, 3), early)
				require.NoError(t, err)
			}
			require.Greater(t, g.Phi(), 1.7)
		})
	}
}

// TestAChangeOfAllocationIsNoHarm has the base rate double at the tick at which the
// allocation does: the arms do not differ at any time.
func TestAChangeOfAllocationIsNoHarm(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	l := newLaunch(t, evidence.Budget{}, evidence.GateSpec{Name: "errors", Phi: 1.5})
	g := l.Gate("errors")
	for i := range 400 {
		w := &world{rng: rng, units: 7500, exposure: 0.05, base: 0.02, rho: 1}
		if i >= 200 {
			w.exposure, w.base = 0.5, 0.04
		}
		tick := w.tick(i)
		tick.Buckets = spread(rng, tick, 1)
		_, err := g.Fold(tick, early)
		require.NoError(t, err)
	}
	require.Less(t, g.LogE(), math.Log(5))
}

func TestPhiIsLearntBeforeTheFirstTickOnly(t *testing.T) {
	them := newUsers(1, 10)
	_, g := taught(t, them, 50, evidence.GateSpec{})
	require.InDelta(t, 1, g.Phi(), 0, "until it is needed")
	_, err := g.Fold(them.tick(0, 1), early)
	require.NoError(t, err)
	before := g.Phi()
	require.Greater(t, before, 5.0)
	require.NoError(t, g.Learn(evidence.Buckets{On: [20]float64{1e6}}))
	require.Equal(t, before, g.Phi())

	_, few := taught(t, calm(1), 0, evidence.GateSpec{})
	require.NoError(t, few.Learn(evidence.Buckets{On: [20]float64{50}}))
	_, err = few.Fold(calm(2).tick(0, 1), early)
	require.NoError(t, err)
	require.Less(t, few.Phi(), 3.0, "fifty events teach nothing")
	require.Error(t, few.Learn(evidence.Buckets{On: [20]float64{-1}}))
}

// TestEvidenceOfEveryFormIsTheSameHoweverItIsSplit stores the launch at random
// points, and retries ticks that were counted.
func TestEvidenceOfEveryFormIsTheSameHoweverItIsSplit(t *testing.T) {
	them, rng := newUsers(5, 3), rand.New(rand.NewPCG(5, 5))
	whole, _ := taught(t, them, 20, evidence.GateSpec{})
	data, err := json.Marshal(whole)
	require.NoError(t, err)
	split := new(evidence.Launch)
	require.NoError(t, json.Unmarshal(data, split))
	for i := range 300 {
		tick, m := them.tick(i, 1.1), evidence.Moment{Phase: i / 150, Step: i / 50, Restart: evidence.RestartEarly}
		_, err := whole.Gate("errors").Fold(tick, m)
		require.NoError(t, err)
		for retry := range 1 + rng.IntN(3) {
			counted, err := split.Gate("errors").Fold(tick, m)
			require.NoError(t, err)
			require.Equal(t, retry == 0, counted)
			data, err := json.Marshal(split)
			require.NoError(t, err)
			split = new(evidence.Launch)
			require.NoError(t, json.Unmarshal(data, split))
		}
		require.Equal(t, whole.Look(tick.At), split.Look(tick.At))
	}
	a, err := json.Marshal(whole)
	require.NoError(t, err)
	b, err := json.Marshal(split)
	require.NoError(t, err)
	require.Equal(t, string(a), string(b))
}

func TestTheRobustFormHoldsForVeryManyTicks(t *testing.T) {
	t.Parallel()
	_, g := taught(t, newUsers(1, 3), 50, evidence.GateSpec{})
	tick := newUsers(1, 3).tick(0, 1)
	tick.X1, tick.X0 = 0, 0
	for b := range 20 {
		tick.Buckets.On[b], tick.Buckets.Off[b] = float64(1+b%3), float64(1+(b+1)%3)
		tick.X1, tick.X0 = tick.X1+tick.Buckets.On[b], tick.X0+tick.Buckets.Off[b]
	}
	for i := range 300_000 {
		tick.At = int64(i+1) * interval
		_, err := g.Fold(tick, evidence.Moment{Restart: evidence.RestartLate})
		require.NoError(t, err)
	}
	require.False(t, math.IsNaN(g.LogE()) || math.IsInf(g.LogE(), 0))
	require.Less(t, g.LogE(), math.Log(10))
	for i := range 100 { // nearly all of it in one arm: what a person would call certain
		tick.At += int64(i+1) * interval
		tick.X1, tick.X0 = 20e3, 20
		for b := range 20 {
			tick.Buckets.On[b], tick.Buckets.Off[b] = 1e3, 1
		}
		_, err := g.Fold(tick, evidence.Moment{Phase: 1, Restart: evidence.RestartLate})
		require.NoError(t, err)
	}
	require.False(t, math.IsNaN(g.LogE()) || math.IsInf(g.LogE(), 0))
	require.True(t, g.Reached())
}

// TestEvidenceOfTheFirstVersionIsRead has three gates as they were stored before there
// were parts and a robust form, of which one was tempered.
func TestEvidenceOfTheFirstVersionIsRead(t *testing.T) {
	data, err := os.ReadFile("testdata/launch_v1.json")
	require.NoError(t, err)
	var l evidence.Launch
	require.NoError(t, json.Unmarshal(data, &l))
	require.Equal(t, 3.6973789793278686, l.LogE())
	require.Equal(t, 3.912023005428146, l.Gate("errors").LogE())
	require.Equal(t, 4.3820266346738812, l.Gate("crashes").LogE())
	require.Equal(t, -0.034881551740275574, l.Gate("bursts").LogE())
	require.Equal(t, 305.01232755302101, l.Gate("bursts").Phi())
	require.Equal(t, evidence.Samples{Ticks: 300, X1: 605, N1: 150000, X0: 5879, N0: 2.85e6}, l.Gate("errors").CB().Samples())

	them := newUsers(2, 1)
	for i := 300; i < 320; i++ { // it goes on, and so do forms that had not begun
		for _, g := range l.Gates() {
			tick := them.tick(i, 1)
			if g.Name() == "crashes" {
				tick.N1, tick.N0 = 0.05, 0.95
				tick.Units = nil
			}
			counted, err := g.Fold(tick, evidence.Moment{Phase: 1, Step: 3, Restart: evidence.RestartEarly})
			require.NoError(t, err)
			require.True(t, counted)
		}
	}
	stored, err := json.Marshal(&l)
	require.NoError(t, err)
	var back evidence.Launch
	require.NoError(t, json.Unmarshal(stored, &back))
	require.Equal(t, l.LogE(), back.LogE())
}
