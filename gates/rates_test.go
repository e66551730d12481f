package gates_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/promtest"
)

// steady writes a quarter of an hour of a counter that grows evenly.
func steady(srv *promtest.Server, now time.Time, metric string, labels map[string]string, perSecond float64) {
	var samples []promtest.Sample
	for ago := 15 * time.Minute; ago >= 0; ago -= 15 * time.Second {
		samples = append(samples, promtest.Sample{At: now.Add(-ago), Value: 1000 + perSecond*(15*time.Minute-ago).Seconds()})
	}
	srv.Write(metric, labels, samples...)
}

// serving writes what a service with a launch exports: 90 requests a second are off and
// 10 on, a hundredth of the former and a fiftieth of the latter fail.
func serving(srv *promtest.Server, flag string, times float64) {
	now := time.Now()
	for arm, n := range map[string]float64{"on": 10, "off": 90, "none": 500} {
		failing := n / 100
		if arm == "on" {
			failing = n / 50
		}
		steady(srv, now, "rampart_requests_total", map[string]string{"flag": flag, "arm": arm, "outcome": "ok"}, times*(n-failing))
		steady(srv, now, "rampart_requests_total", map[string]string{"flag": flag, "arm": arm, "outcome": "error"}, times*failing)
		for le, share := range map[string]float64{"0.1": 0.6, "0.25": 0.91, "0.5": 0.96, "1": 0.988, "2.5": 1, "+Inf": 1} {
			steady(srv, now, "rampart_request_duration_seconds_bucket", map[string]string{"flag": flag, "arm": arm, "le": le}, times*n*share)
		}
		if arm == "none" {
			continue
		}
		for bucket := range 20 {
			labels := map[string]string{"flag": flag, "arm": arm, "bucket": strconv.Itoa(bucket)}
			steady(srv, now, "rampart_exposed_units_total", labels, times*n/100)
			labels["event"] = "paid"
			steady(srv, now, "rampart_event_value_total", labels, times*n/100*(10+float64(bucket%2)))
		}
	}
}

func TestRatesAreReadFromCounters(t *testing.T) {
	t.Parallel()
	srv := promtest.Start(t)
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL()})
	require.NoError(t, err)
	serving(srv, "search-v3", 1)
	serving(srv, "cart-v2", 5)

	plan := rampart.Plan{
		Flag: "checkout-v2",
		Goals: []rampart.Goal{{Name: "revenue", Improve: 200, Mean: &rampart.Mean{
			Value: `rampart_event_value_total{event="paid"}`, Of: "rampart_exposed_units_total",
		}}},
		Gates: append(rampart.StandardGates(),
			rampart.Gate{Name: "failures", Count: &rampart.Count{Events: `rampart_requests_total{outcome="error"}`}},
			rampart.Gate{Name: "absent", Ratio: &rampart.Ratio{Events: "nowhere_total", Of: "nowhere_total"}},
		),
	}
	read := func(like string) gates.Rates {
		rates, err := source.Rates(t.Context(), plan, like)
		require.NoError(t, err)
		return rates
	}
	t.Run("a flag that has no counters yet is like the busiest", func(t *testing.T) {
		rates := read("")
		failing := rates.Of["gates[0]"]
		require.Equal(t, "cart-v2, 10m", failing.From)
		require.InEpsilon(t, 500, failing.Units, 0.01, "both arms, and not those who are in none")
		require.InEpsilon(t, 0.01, failing.Base, 0.01, "the off arm")
		slow := rates.Of["gates[1]"]
		require.InEpsilon(t, 500, slow.Units, 0.01)
		require.EqualValues(t, 1, slow.Edge, "nearest to the slowest hundredth")
		require.InEpsilon(t, 0.012, slow.Base, 0.05)
		all := rates.Of["gates[2]"]
		require.InEpsilon(t, 3000, all.Units, 0.01, "a line is for everybody")
		require.InEpsilon(t, (0.01*2950+0.02*50)/3000, all.Base, 0.01)
		require.InEpsilon(t, 5.5, rates.Of["gates[3]"].Base, 0.01, "failures a second")
		require.Contains(t, rates.Of["gates[4]"].Missing, "no series of nowhere_total goes back 10m")
		paid := rates.Of["goals[0]"]
		require.InEpsilon(t, 100, paid.Units, 0.01)
		require.InEpsilon(t, 10.5, paid.Base, 0.01)
		require.Positive(t, paid.Spread)
		require.InEpsilon(t, 100, rates.Users, 0.01)
	})
	t.Run("or like the one that is named", func(t *testing.T) {
		require.InEpsilon(t, 100, read("search-v3").Of["gates[0]"].Units, 0.01)
		require.Contains(t, read("menu").Of["gates[0]"].Missing, "of menu goes back 10m")
	})
	t.Run("its own counters go before those of others", func(t *testing.T) {
		serving(srv, "checkout-v2", 0.5)
		require.Equal(t, "checkout-v2, 10m", read("").Of["gates[0]"].From)
		require.InEpsilon(t, 50, read("").Of["gates[0]"].Units, 0.01)
	})
	t.Run("a Prometheus that does not answer is an error", func(t *testing.T) {
		srv.Stop()
		_, err := source.Rates(t.Context(), plan, "")
		require.Equal(t, rampart.Unreachable, rampart.KindOf(err))
	})
}

// TestEdgesOfAHistogram is the part of a check that tells whether a histogram has edges
// where requests are.
func TestEdgesOfAHistogram(t *testing.T) {
	t.Parallel()
	srv := promtest.Start(t)
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL()})
	require.NoError(t, err)
	for i, c := range []struct {
		name  string
		upTo  map[string]float64 // shares
		wrong string
	}{
		{"edges where requests are", map[string]float64{"0.1": 0.6, "0.25": 0.91, "0.5": 0.96, "1": 0.992, "2.5": 1, "+Inf": 1}, ""},
		{"none below infinity", map[string]float64{"+Inf": 1}, "has no edges below +Inf"},
		{"all requests between two edges", map[string]float64{"0.005": 0, "5": 1, "10": 1, "+Inf": 1}, "has no edge near its p50, p90, p95 and p99"},
		{"all edges far above", map[string]float64{"5": 1, "10": 1, "20": 1, "+Inf": 1}, "edge near its p50"},
		{"the bulk well served, the slow ones not", map[string]float64{"0.1": 0.6, "0.25": 0.92, "60": 1, "+Inf": 1}, "has 2 edges near its p50"},
		{"the slowest beyond the last", map[string]float64{"0.1": 0.6, "0.25": 0.91, "0.5": 0.96, "+Inf": 1}, "lies beyond its last edge, 500ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now, name := time.Now(), "seconds_"+strconv.Itoa(i)
			for le, share := range c.upTo {
				steady(srv, now, name+"_bucket", map[string]string{"flag": "x", "arm": "off", "le": le}, 100*share)
			}
			found, err := source.Check(t.Context(), rampart.Plan{Gates: []rampart.Gate{{Name: "latency", Latency: &rampart.Latency{Histogram: name}}}})
			require.NoError(t, err)
			if c.wrong == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.True(t, found[0].Warning)
			require.Equal(t, "gates[0].latency.histogram", found[0].Path)
			require.Contains(t, found[0].Msg, c.wrong)
			require.Contains(t, found[0].Hint, "give the histogram edges")
		})
	}
	t.Run("cohorts need their labels", func(t *testing.T) {
		now := time.Now()
		steady(srv, now, "visits_total", map[string]string{"flag": "x", "arm": "off", "platform": "ios"}, 1)
		found, err := source.Check(t.Context(), rampart.Plan{Gates: []rampart.Gate{
			{Name: "visits", Count: &rampart.Count{Events: "visits_total"}, By: []string{"platform", "region"}},
		}})
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, "gates[0].by", found[0].Path)
		require.Equal(t, "visits_total has no label region", found[0].Msg)
	})
	t.Run("goals and means are checked too", func(t *testing.T) {
		now := time.Now()
		steady(srv, now, "users_total", map[string]string{"flag": "x", "arm": "off"}, 1)
		found, err := source.Check(t.Context(), rampart.Plan{
			Gates: []rampart.Gate{{Name: "revenue", Mean: &rampart.Mean{Value: "users_total", Of: "users_total"}}},
			Goals: []rampart.Goal{{Name: "carts", Ratio: &rampart.Ratio{Events: "nowhere_total", Of: "users_total"}}},
		})
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Equal(t, "gates[0].mean.of", found[0].Path)
		require.Contains(t, found[0].Msg, "has no label bucket")
		require.Equal(t, "goals[0].ratio.events", found[1].Path)
	})
}
