package evidence_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

// arrivals are units that come to a ramp: each is counted once by every process that
// serves it, on with the odds of the allocation times a factor.
type arrivals struct {
	rng       *rand.Rand
	units     int     // in an interval
	odds      float64 // 1: as they should
	processes int
	buckets   bool
}

// ramp has the share of the on arm at an interval of a minute: 1 %, 5 % and 50 %.
func ramp(minute int) (share float64, step int) {
	switch {
	case minute < 60:
		return 0.01, 1
	case minute < 120:
		return 0.05, 2
	}
	return 0.5, 3
}

func (a arrivals) minute(i int) evidence.NewUnits {
	share, step := ramp(i)
	u := evidence.NewUnits{At: int64(i+1) * 60_000, Share: share, Step: step}
	if a.buckets {
		u.Buckets = new(evidence.Buckets)
	}
	p := share * a.odds / (share*a.odds + 1 - share)
	for range a.units {
		times, bucket := float64(a.processes), a.rng.IntN(20)
		if a.rng.Float64() < p {
			u.On += times
			if a.buckets {
				u.Buckets.On[bucket] += times
			}
		} else {
			u.Off += times
			if a.buckets {
				u.Buckets.Off[bucket] += times
			}
		}
	}
	return u
}

func foldUnits(t *testing.T, r *evidence.SampleRatio, u evidence.NewUnits) {
	t.Helper()
	counted, err := r.Fold(u)
	require.NoError(t, err)
	require.True(t, counted)
}

// TestArmsThatGetTheirUnitsAreSeldomAMismatch allows for what is promised, one in a
// thousand, and five standard errors of it.
func TestArmsThatGetTheirUnitsAreSeldomAMismatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		runs      int
		processes int
	}{
		{"each unit served by one process", 3000, 1},
		{"each unit served by eight", 3000, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			alarms := 0
			for run := range c.runs {
				a := arrivals{rng: rand.New(rand.NewPCG(uint64(run), 7)), units: 40, odds: 1, processes: c.processes, buckets: true}
				var r evidence.SampleRatio
				for i := range 240 {
					foldUnits(t, &r, a.minute(i))
				}
				if r.Mismatch() {
					alarms++
				}
			}
			n, p := float64(c.runs), evidence.SampleRatioLevel
			require.LessOrEqual(t, float64(alarms), n*p+5*math.Sqrt(n*p), "of %d", c.runs)
		})
	}
}

// TestNewUnitsAreAFairBet adds up what an interval can lead to, exactly.
func TestNewUnitsAreAFairBet(t *testing.T) {
	a := arrivals{rng: rand.New(rand.NewPCG(1, 2)), units: 50, odds: 1, processes: 1}
	for _, past := range []int{0, 1, 59, 60, 130, 200} {
		var r evidence.SampleRatio
		for i := range past {
			foldUnits(t, &r, a.minute(i))
		}
		next := a.minute(past)
		m, sum := next.On+next.Off, 0.0
		for x := 0.0; x <= m; x++ {
			to := copied(t, &r)
			next.On, next.Off = x, m-x
			foldUnits(t, to, next)
			sum += binomial(x, m, next.Share) * math.Exp(to.LogE()-r.LogE())
		}
		require.InDelta(t, 1, sum, 1e-9, "after %d minutes", past)
	}
}

func TestAMismatchIsFound(t *testing.T) {
	for _, c := range []struct {
		name    string
		odds    float64
		onset   int // minute
		minutes int // until it is found, at most
	}{
		{"a tenth of the on arm is lost from the start of the half ramp", 0.9, 120, 45},
		{"a tenth of the off arm is lost", 1 / 0.9, 120, 45},
		{"a tenth, after a clean day", 0.9, 24 * 60, 120},
		{"a thirtieth is found later", 0.97, 120, 960},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := arrivals{rng: rand.New(rand.NewPCG(3, 4)), units: 300, odds: 1, processes: 1, buckets: true}
			var r evidence.SampleRatio
			for i := range c.onset {
				foldUnits(t, &r, a.minute(i))
			}
			require.False(t, r.Mismatch())
			a.odds = c.odds
			for i := range c.minutes {
				foldUnits(t, &r, a.minute(c.onset+i))
			}
			require.True(t, r.Mismatch(), "evidence %.1f of %.1f", r.LogE(), r.Limit())
		})
	}
}

func TestAnAcknowledgedMismatchIsLookedForAnew(t *testing.T) {
	a := arrivals{rng: rand.New(rand.NewPCG(5, 6)), units: 300, odds: 0.9, processes: 1}
	var r evidence.SampleRatio
	require.False(t, r.Acknowledge(), "there is nothing to acknowledge")
	minute := 120
	until := func(want bool) (minutes int) {
		for ; r.Mismatch() != want; minute++ {
			require.Less(t, minute, 1000)
			foldUnits(t, &r, a.minute(minute))
			minutes++
		}
		return minutes
	}
	first := until(true)
	require.InDelta(t, math.Log(1000), r.Limit(), 1e-9)
	require.True(t, r.Acknowledge())
	require.False(t, r.Mismatch())
	require.Equal(t, 1, r.Acknowledged())
	require.Equal(t, r.Limit(), r.Afresh().Limit(), "another attempt begins with the level that is left")
	require.Zero(t, r.Afresh().LogE())
	require.Zero(t, r.LogE())
	require.InDelta(t, math.Log(10_000), r.Limit(), 1e-9)
	require.Greater(t, until(true), first/2, "it takes the evidence all over again, and more of it")
	require.True(t, copied(t, &r).Mismatch())

	require.True(t, r.Acknowledge())
	a.odds = 1
	for range 600 {
		foldUnits(t, &r, a.minute(minute))
		minute++
	}
	require.False(t, r.Mismatch(), "what was mended stays acknowledged")
}

func TestUnitsAreCountedOnce(t *testing.T) {
	a := arrivals{rng: rand.New(rand.NewPCG(8, 9)), units: 100, odds: 0.95, processes: 1, buckets: true}
	var once, often evidence.SampleRatio
	for i := range 200 {
		u := a.minute(i)
		foldUnits(t, &once, u)
		stored := copied(t, &often)
		foldUnits(t, stored, u)
		for range 3 { // a retry, from before or from after
			counted, err := stored.Fold(u)
			require.NoError(t, err)
			require.False(t, counted)
		}
		often = *stored
	}
	require.Equal(t, once.LogE(), often.LogE())
	on, off, expected := once.Units()
	require.Equal(t, 20_000.0, on+off)
	require.InDelta(t, 60*1+60*5+80*50, expected, 1e-6)
	data, err := json.Marshal(&once)
	require.NoError(t, err)
	require.Less(t, len(data), 500)
}

func TestImpossibleUnitsAreNoEvidence(t *testing.T) {
	for _, c := range []struct {
		name string
		u    evidence.NewUnits
		want string
	}{
		{"negative", evidence.NewUnits{At: 1, On: -1, Share: 0.5}, "units of the on arm: negative"},
		{"not whole", evidence.NewUnits{At: 1, Off: 0.5, Share: 0.5}, "units of the off arm: not whole"},
		{"not a number", evidence.NewUnits{At: 1, On: math.NaN(), Share: 0.5}, "not a number"},
		{"an arm that is empty by plan", evidence.NewUnits{At: 1, On: 1, Share: 0}, "empty by plan"},
		{"all of them on", evidence.NewUnits{At: 1, On: 1, Share: 1}, "empty by plan"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r evidence.SampleRatio
			counted, err := r.Fold(c.u)
			var bad *evidence.BadTick
			require.ErrorAs(t, err, &bad)
			require.ErrorContains(t, err, c.want)
			require.False(t, counted)
			require.Zero(t, r.LogE())
		})
	}
}

func TestAForeignSampleRatioIsRefused(t *testing.T) {
	var r evidence.SampleRatio
	require.ErrorContains(t, json.Unmarshal([]byte(`{"v":9}`), &r), "version 9")
	require.ErrorContains(t, json.Unmarshal([]byte(`{"v":1,"s":"AAAA"}`), &r), "cut short")
}

// copied is what a state is after it was stored.
func copied(t *testing.T, r *evidence.SampleRatio) *evidence.SampleRatio {
	t.Helper()
	data, err := json.Marshal(r)
	require.NoError(t, err)
	back := new(evidence.SampleRatio)
	require.NoError(t, json.Unmarshal(data, back))
	return back
}
