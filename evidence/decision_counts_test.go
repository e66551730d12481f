package evidence_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

// crowd is the orders of users, of whom some order again and again, and the users of each
// arm: as they were counted, and as they are in force.
func crowd(rng *rand.Rand, users int, heavy bool) (events, units, inForce evidence.Sums) {
	var x, n evidence.Buckets
	for range users {
		orders := 0.0
		if rng.Float64() < 0.1 {
			orders = 1
			if heavy && rng.Float64() < 0.05 {
				orders = 1 + math.Floor(rng.ExpFloat64()*20)
			}
		}
		bucket, on := rng.IntN(20), rng.Float64() < 0.5
		if on {
			x.On[bucket] += orders
			n.On[bucket]++
		} else {
			x.Off[bucket] += orders
			n.Off[bucket]++
		}
	}
	must(events.Add(1, sum(x.On), sum(x.Off), &x))
	must(units.Add(1, sum(n.On), sum(n.Off), &n))
	var r evidence.SampleRatio
	_, err := r.Fold(evidence.NewUnits{At: 1, On: sum(n.On), Off: sum(n.Off), Share: 0.5, Buckets: &n})
	must(err)
	return events, units, *r.InForce(0.5)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func sum(all [20]float64) (s float64) {
	for _, v := range all {
		s += v
	}
	return s
}

// TestHeavyUsersDoNotMakeAnEffect has a nominal 5 % of estimates beyond 1.96 on either
// side, and allows five standard errors.
func TestHeavyUsersDoNotMakeAnEffect(t *testing.T) {
	t.Parallel()
	const runs, users = 800, 20_000
	for _, heavy := range []bool{false, true} {
		rng := rand.New(rand.NewPCG(11, 12))
		var beyond, beyondInForce, naive float64
		for range runs {
			events, units, inForce := crowd(rng, users, heavy)
			e, err := evidence.EstimateRatio(&events, &units)
			require.NoError(t, err)
			if math.Abs(e.Z()) > 1.96 {
				beyond++
			}
			other, err := evidence.EstimateRatio(&events, &inForce)
			require.NoError(t, err)
			require.InDelta(t, e.LogRatio, other.LogRatio, 1e-9)
			if math.Abs(other.Z()) > 1.96 {
				beyondInForce++
			}
			if math.Abs(e.LogRatio)*math.Sqrt(e.Events) > 1.96 {
				naive++
			}
		}
		require.Less(t, beyond, runs*0.05+5*math.Sqrt(runs*0.05*0.95))
		require.Greater(t, beyond, runs*0.05/4, "nor is it blind")
		require.Less(t, beyondInForce, runs*0.05+5*math.Sqrt(runs*0.05*0.95))
		require.Greater(t, beyondInForce, runs*0.05/4)
		t.Logf("beyond %g and %g of %d", beyond, beyondInForce, runs)
		if heavy {
			require.Greater(t, naive, 3*beyond, "a test on orders lies")
		}
	}
}

func TestEstimatesOfRatios(t *testing.T) {
	var x, n evidence.Sums
	require.NoError(t, x.Add(1, 220, 200, nil))
	require.NoError(t, n.Add(1, 1000, 1000, nil))
	e, err := evidence.EstimateRatio(&x, &n)
	require.NoError(t, err)
	require.InDelta(t, math.Log(1.1), e.LogRatio, 1e-12)
	require.InDelta(t, math.Sqrt(0.78/220+0.8/200), e.SE, 1e-12, "binomial")
	require.InDelta(t, e.LogRatio/e.SE, e.Z(), 1e-12)
	low, high := e.Interval(1.96)
	require.InDelta(t, e.LogRatio-1.96*e.SE, low, 1e-12)
	require.InDelta(t, e.LogRatio+1.96*e.SE, high, 1e-12)
	require.Equal(t, -e.LogRatio, e.Reversed().LogRatio)

	// A t of 2.0930 with 19 degrees of freedom is as unlikely as a deviate of 1.96.
	e = evidence.Estimate{LogRatio: 2.0930, SE: 1, DF: 19}
	require.InDelta(t, 1.96, e.Z(), 1e-3)
	low, high = e.Interval(1.96)
	require.InDelta(t, 0, low, 1e-3)
	require.InDelta(t, 2*2.0930, high, 1e-3)
}

func TestWhatCannotBeEstimated(t *testing.T) {
	buckets := func(v float64, empty int) *evidence.Buckets {
		var b evidence.Buckets
		for i := range b.On {
			b.On[i], b.Off[i] = v+float64(i%3), v+float64(i%2)
		}
		if empty >= 0 {
			b.On[empty] = 0
		}
		return &b
	}
	add := func(on, off float64, b *evidence.Buckets) *evidence.Sums {
		s := new(evidence.Sums)
		must(s.Add(1, on, off, b))
		return s
	}
	for _, c := range []struct {
		name          string
		events, units *evidence.Sums
		want          string
	}{
		{"no units", add(1, 1, nil), add(0, 5, nil), "no units of the on arm yet"},
		{"no events", add(1, 0, nil), add(5, 5, nil), "no events of the off arm yet"},
		{"few events", add(3, 3, nil), add(50, 50, nil), "fewer than 10 events"},
		{"more events than units, one cannot tell by whom", add(30, 30, nil), add(20, 50, nil), "no buckets to tell their spread from"},
		{"an empty bucket", add(20, 20, buckets(1, -1)), add(200, 200, buckets(10, 7)), "some buckets of the on arm have no units"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := evidence.EstimateRatio(c.events, c.units)
			require.ErrorContains(t, err, c.want)
		})
	}
	var s evidence.Sums
	for _, v := range []float64{-1, math.NaN(), math.Inf(1)} {
		var bad *evidence.BadTick
		require.ErrorAs(t, s.Add(1, v, 0, nil), &bad)
		require.ErrorAs(t, s.Add(1, 0, 0, &evidence.Buckets{Off: [20]float64{4: v}}), &bad)
	}
	on, off := s.Totals()
	require.Zero(t, on+off)
}

func TestSumsAreTheSameAfterTheyWereStored(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	events, units, _ := crowd(rng, 50_000, true)
	var values evidence.Sums
	require.NoError(t, values.Add(1, 0.3, math.Pi, nil))
	for _, s := range []*evidence.Sums{new(evidence.Sums), &events, &units, &values} {
		data, err := json.Marshal(s)
		require.NoError(t, err)
		require.Less(t, len(data), 300)
		var back evidence.Sums
		require.NoError(t, json.Unmarshal(data, &back))
		require.Equal(t, *s, back)
	}
	require.Error(t, json.Unmarshal([]byte(`"AQ"`), &values))
	require.Error(t, json.Unmarshal([]byte(`7`), &values))
}
