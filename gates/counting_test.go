package gates_test

import (
	"context"
	"math"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/promtest"
)

// A history is what a counter showed at scrapes five seconds apart, up to the last.
// Where it showed nothing there is a gap.
const gap = -1

func TestCountersAreCountedAsTheyGrew(t *testing.T) {
	t.Parallel()
	srv := promtest.Start(t)
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: 5 * time.Second})
	require.NoError(t, err)

	// Ticks are 15 seconds long, so each history below ends with one tick.
	type pods map[string][]float64
	tests := []struct {
		name string
		on   pods // by instance
		want float64
		seen bool
	}{
		{"what it grew by, not where it stands", pods{"a": {100, 101, 103, 107, 115}}, 14, true},
		{"over all instances", pods{"a": {100, 100, 101, 102, 103}, "b": {5, 10, 20, 30, 40}}, 33, true},
		{"standing still", pods{"a": {100, 100, 100, 100, 100}}, 0, true},
		{"a reset counts from zero", pods{"a": {100, 110, 120, 3, 8}}, 18, true},
		{"resets of one instance do not hide the others", pods{"a": {100, 110, 0, 0, 0}, "b": {7, 7, 7, 7, 9}}, 2, true},
		{"a lost scrape loses nothing", pods{"a": {100, 101, gap, gap, 115}}, 14, true},
		{"the scrape at the beginning is lost", pods{"a": {100, gap, 103, 107, 115}}, 15, true},
		{"no scrape in the tick", pods{"a": {100, 101, gap, gap, gap}}, 0, true},
		{"an instance that is new says where it stands first", pods{"a": {1, 1, 1, 1, 1}, "b": {gap, gap, 40, 50, 60}}, 20, true},
		{"nothing at all", nil, 0, false},
	}
	to := time.Now().Truncate(time.Second).Add(-10 * time.Second)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			flag := "counted-" + string(rune('a'+i))
			for instance, values := range tt.on {
				write(srv, "requests_total", map[string]string{
					"flag": flag, "arm": "on", "instance": flag + instance, "job": "shop",
				}, to, values)
			}
			got := count(t, source, flag, to, "requests_total")
			arm, seen := got.Arms["on"]
			require.Equal(t, tt.seen, seen)
			require.Equal(t, tt.want, arm.Sum)
		})
	}

	t.Run("a series that is new on a target that was scraped counts from zero", func(t *testing.T) {
		labels := func(arm, outcome string) map[string]string {
			return map[string]string{"flag": "born", "arm": arm, "outcome": outcome, "instance": "born", "job": "shop"}
		}
		write(srv, "requests_total", labels("off", "ok"), to, []float64{100, 110, 120, 130, 140})
		write(srv, "requests_total", labels("on", "error"), to, []float64{gap, gap, gap, 7, 9})
		q := gates.CountQuery{Flag: "born", To: to, Every: 15 * time.Second, Counters: []gates.Counter{
			{Selector: `requests_total{outcome="error"}`, From: to.Add(-15 * time.Second)},
			{Selector: `requests_total`, From: to.Add(-15 * time.Second)},
		}}
		got := source.Count(t.Context(), q)
		require.Equal(t, 9.0, got[0].Arms["on"].Sum)
		require.NotContains(t, got[0].Arms, "off", "it is another outcome")
		require.Equal(t, 30.0, got[1].Arms["off"].Sum)
	})

	t.Run("a target is known by its being up, too", func(t *testing.T) {
		where := map[string]string{"instance": "lonely", "job": "shop"}
		write(srv, "up", where, to, []float64{1, 1, 1, 1, 1})
		labels := map[string]string{"flag": "lonely", "arm": "on", "instance": "lonely", "job": "shop"}
		write(srv, "crashes_total", labels, to, []float64{gap, gap, gap, 7, 9})
		require.Equal(t, 9.0, count(t, source, "lonely", to, "crashes_total").Arms["on"].Sum)
	})

	t.Run("a target that could not be scraped for long does not bring its past", func(t *testing.T) {
		labels := map[string]string{"flag": "returned", "arm": "on", "instance": "returned", "job": "shop"}
		srv.Write("requests_total", labels,
			promtest.Sample{At: to.Add(-20 * time.Minute), Value: 5000}, promtest.Sample{At: to.Add(-5 * time.Second), Value: 90000},
			promtest.Sample{At: to, Value: 90010})
		require.Equal(t, 10.0, count(t, source, "returned", to, "requests_total").Arms["on"].Sum)
	})

	t.Run("two ticks count what one does", func(t *testing.T) {
		labels := map[string]string{"flag": "split", "arm": "on", "instance": "split", "job": "shop"}
		write(srv, "requests_total", labels, to, []float64{100, 110, 3, 8, 20, 1, 30})
		middle := to.Add(-12 * time.Second) // between two scrapes
		whole := source.Count(t.Context(), query("split", to.Add(-30*time.Second), to))[0]
		first := source.Count(t.Context(), query("split", to.Add(-30*time.Second), middle))[0]
		second := source.Count(t.Context(), query("split", middle, to))[0]
		require.Equal(t, 60.0, whole.Arms["on"].Sum)
		require.Equal(t, 60.0, first.Arms["on"].Sum+second.Arms["on"].Sum)
	})

	t.Run("what was counted for the launch before is not this one's", func(t *testing.T) {
		labels := func(arm string) map[string]string {
			return map[string]string{"flag": "again", "arm": arm, "instance": "again", "job": "shop"}
		}
		write(srv, "requests_total", labels("on"), to, []float64{100, 110, 150, 151, 153})
		write(srv, "requests_total", labels("off"), to, []float64{100, 110, 150, 160, 170})
		write(srv, "requests_total", map[string]string{"flag": "again", "arm": "none", "instance": "again", "job": "shop"}, to, []float64{gap, gap, 7, 8, 9})
		q := query("again", to.Add(-12*time.Second), to)
		for name, tt := range map[string]struct {
			notBefore     time.Time
			on, off, none float64
		}{
			"there was none":                     {on: 43, off: 60, none: 9},
			"it left between two scrapes":        {notBefore: to.Add(-13 * time.Second), on: 3, off: 20, none: 2},
			"a scrape is from after it left":     {notBefore: to.Add(-16 * time.Second), on: 43, off: 60, none: 9},
			"it is so long ago that none is old": {notBefore: to.Add(-time.Hour), on: 43, off: 60, none: 9},
		} {
			q.NotBefore = tt.notBefore
			got := source.Count(t.Context(), q)[0]
			require.NoError(t, got.Err, name)
			require.Equal(t, tt.on, got.Arms["on"].Sum, name)
			require.Equal(t, tt.off, got.Arms["off"].Sum, name)
			require.Equal(t, tt.none, got.Arms["none"].Sum, name)
		}
	})

	t.Run("buckets and edges are kept apart", func(t *testing.T) {
		for i, le := range []string{"0.1", "+Inf"} {
			write(srv, "seconds_bucket", map[string]string{"flag": "kept", "arm": "off", "le": le, "instance": "x"}, to,
				[]float64{0, 0, 0, 0, float64(3 + i)})
		}
		write(srv, "requests_total", map[string]string{"flag": "kept", "arm": "off", "bucket": "7", "instance": "x"}, to, []float64{1, 1, 1, 1, 5})
		write(srv, "requests_total", map[string]string{"flag": "kept", "arm": "off", "bucket": "8", "instance": "x"}, to, []float64{1, 1, 1, 1, 2})
		got := source.Count(t.Context(), gates.CountQuery{Flag: "kept", To: to, Every: 15 * time.Second, Counters: []gates.Counter{
			{Selector: "seconds_bucket", From: to.Add(-15 * time.Second)}, {Selector: "requests_total", From: to.Add(-15 * time.Second)},
		}})
		require.Equal(t, map[string]float64{"0.1": 3, "+Inf": 4}, got[0].Arms["off"].Edges)
		require.Equal(t, map[string]float64{"7": 4, "8": 1}, got[1].Arms["off"].Buckets)
		require.Equal(t, to, got[1].Arms["off"].Last)
		require.Equal(t, 5*time.Second, got[1].Arms["off"].Pace)
	})

	for name, value := range map[string]float64{"negative": -4, "not a number": math.NaN(), "infinite": math.Inf(1)} {
		t.Run("values that no counter has are no data: "+name, func(t *testing.T) {
			flag := "gauge-" + strings.ReplaceAll(name, " ", "-")
			write(srv, "requests_total", map[string]string{"flag": flag, "arm": "on", "instance": "x"}, to, []float64{1, 2, 3, value, 5})
			got := source.Count(t.Context(), query(flag, to.Add(-15*time.Second), to))[0]
			require.ErrorContains(t, got.Err, "requests_total has values that no counter has")
			require.Empty(t, got.Arms)
		})
	}

	t.Run("a server that was restarted goes on", func(t *testing.T) {
		before := count(t, source, "counted-a", to.Add(-5*time.Second), "requests_total")
		srv.Stop()
		at := to.Add(-6 * time.Second)
		q := query("counted-a", at.Add(-15*time.Second), at)
		require.ErrorContains(t, source.Count(t.Context(), q)[0].Err, "does not answer")
		srv.Restart()
		require.Eventually(t, func() bool { return source.Count(t.Context(), q)[0].Err == nil }, 20*time.Second, 50*time.Millisecond)
		again := count(t, source, "counted-a", to.Add(-5*time.Second), "requests_total")
		require.Equal(t, before, again)
	})
}

func query(flag string, from, to time.Time) gates.CountQuery {
	return gates.CountQuery{
		Flag: flag, To: to, Every: to.Sub(from),
		Counters: []gates.Counter{{Selector: "requests_total", From: from}},
	}
}

// count counts one tick of 15 seconds.
func count(t *testing.T, source *gates.Prometheus, flag string, to time.Time, selector string) gates.Counted {
	t.Helper()
	got := source.Count(t.Context(), gates.CountQuery{
		Flag: flag, To: to, Every: 15 * time.Second,
		Counters: []gates.Counter{{Selector: selector, From: to.Add(-15 * time.Second)}},
	})
	require.Len(t, got, 1)
	require.NoError(t, got[0].Err)
	return got[0]
}

// write stores values of a counter five seconds apart, the last of them at to.
func write(srv *promtest.Server, metric string, labels map[string]string, to time.Time, values []float64) {
	var samples []promtest.Sample
	for i, v := range values {
		if v != gap {
			samples = append(samples, promtest.Sample{At: to.Add(-time.Duration(len(values)-1-i) * 5 * time.Second), Value: v})
		}
	}
	srv.Write(metric, labels, samples...)
}

// TestALaunchOnRealMetrics judges a launch on what Prometheus scrapes from a
// process: no data before there is any, evidence of harm, an arm that stops, and
// Prometheus that goes away and comes back.
func TestALaunchOnRealMetrics(t *testing.T) {
	t.Parallel()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rampart_requests_total"}, []string{"flag", "arm", "bucket", "outcome"})
	registry := prometheus.NewRegistry()
	registry.MustRegister(requests)
	users := map[string]int{} // take turns, so that errors are spread over the buckets
	serve := func(flag, arm, outcome string, n int) {
		for range n {
			users[flag+arm+outcome]++
			requests.WithLabelValues(flag, arm, strconv.Itoa(users[flag+arm+outcome]%20), outcome).Inc()
		}
	}
	exporter := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer exporter.Close()

	srv := promtest.StartConfig(t, promtest.Config{
		Interval: 200 * time.Millisecond,
		Targets:  []promtest.Target{{Address: strings.TrimPrefix(exporter.URL, "http://")}},
	})
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: 200 * time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, source.Ping(t.Context()))
	judge := gates.New(gates.Options{Source: source, ScrapeLag: 200 * time.Millisecond})
	look := gates.Look{
		Flag: "checkout-v2", Every: 500 * time.Millisecond,
		Gates: []rampart.Gate{{Name: "errors", Ratio: &rampart.Ratio{
			Events: `rampart_requests_total{outcome="error"}`, Of: "rampart_requests_total",
		}}},
		Phase: rampart.MaxPowerRamp, PhaseIndex: 2, Phases: 5, Exposure: 5000, Exposing: true,
		FirstExposed: time.Now(), StepSince: time.Now(),
	}
	var state gates.State
	var last rampart.Verdict
	// until looks at every tick that comes, after some traffic, until the verdict is
	// the wanted one.
	until := func(traffic func(), want rampart.Word, part string) {
		t.Helper()
		require.Eventually(t, func() bool {
			traffic()
			look.At = time.Now().Truncate(look.Every)
			if look.At.UnixMilli() <= state.Tick {
				return false
			}
			last, err = judge.Judge(context.Background(), look, &state)
			require.NoError(t, err)
			return last.Word == want && strings.Contains(last.Reason, part)
		}, 30*time.Second, 50*time.Millisecond, "%s, not: %v", want, &last)
	}
	healthy := func() {
		for _, arm := range []string{"on", "off"} {
			serve(look.Flag, arm, "ok", 198)
			serve(look.Flag, arm, "error", 2)
		}
	}
	none := func() {}

	until(none, rampart.NoData, "no data of either arm yet")
	until(healthy, rampart.Holding, "errors 1.")

	srv.Kill()
	until(healthy, rampart.Blind, "does not answer")
	srv.Restart()
	until(healthy, rampart.Holding, "on/off")
	look.HoldOver = true
	until(healthy, rampart.Pass, "on/off")

	until(func() { healthy(); serve(look.Flag, "on", "error", 6) }, rampart.Breach, "evidence reached its limit")
	require.NotZero(t, state.Harm("errors").Since)
	require.Positive(t, state.Harm("errors").Bad)

	t.Log("another launch: the process crashes, and nothing listens where it was")
	state, look.Flag, look.HoldOver = gates.State{}, "cart", false
	until(healthy, rampart.Holding, "on/off")
	exporter.Close()
	until(none, rampart.NoData, "no data")
	until(none, rampart.Breach, "stopped")
}
