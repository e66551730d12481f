package gates_test

import (
	"net/http/httptest"
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

// A written series is what one instance counted, five seconds apart up to the look.
type written struct {
	arm, outcome, instance string
	values                 []float64
}

func TestMissingDataIsToldWithItsCause(t *testing.T) {
	t.Parallel()
	srv := promtest.Start(t)
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: 5 * time.Second})
	require.NoError(t, err)
	judge := gates.New(gates.Options{Source: source})
	at := time.Now().Truncate(time.Second).Add(-5 * time.Second)

	running, ended := []float64{1, 2, 3, 4, 5, 6, 7, 8}, []float64{1, 2, 3, gap, gap, gap, gap, gap}
	tests := []struct {
		name string
		all  []written
		ups  map[string][]float64 // by instance
		want string
	}{
		{"the service is down",
			[]written{{"on", "ok", "a", ended}, {"off", "ok", "a", ended}, {"on", "ok", "b", ended}},
			map[string][]float64{"a": {1, 1, 1, 0, 0, 0, 0, 0}, "b": {1, 1, 1, 0, 0, 0, 0, 0}},
			"no data of either arm yet: FLAG-a is down, as one of 2 that stopped"},
		{"the instance is no target any more",
			[]written{{"on", "ok", "a", ended}, {"off", "ok", "b", running}},
			map[string][]float64{"b": {1, 1, 1, 1, 1, 1, 1, 1}},
			"no data of the on arm yet: FLAG-a is scraped no more"},
		{"the instance counts it no more",
			[]written{{"on", "ok", "a", ended}, {"off", "ok", "a", running}},
			map[string][]float64{"a": {1, 1, 1, 1, 1, 1, 1, 1}},
			"no data of the on arm yet: FLAG-a is up, but counts it no more"},
		{"the scrape is late",
			[]written{{"on", "ok", "a", ended}, {"off", "ok", "b", running}},
			map[string][]float64{"a": {1, 1, 1, gap, gap, gap, gap, gap}, "b": {1, 1, 1, 1, 1, 1, 1, 1}},
			"no data of the on arm yet: FLAG-a was last scraped 25s ago"},
		{"nobody has been on",
			[]written{{"off", "ok", "a", running}, {"none", "ok", "b", running}}, nil,
			"no data of the on arm yet: no instance of 2 counts the on arm"},
		{"nobody adds the arm",
			[]written{{"", "ok", "a", running}}, nil,
			"no data of either arm yet: series of requests_total have no label arm"},
		{"the selector asks for what never was",
			[]written{{"on", "good", "a", running}, {"off", "good", "a", running}}, nil,
			`no data of either arm yet: others have requests_total, but this flag has no series of requests_total{outcome="ok"}`},
		{"the flag is not counted", nil, nil,
			`no data of either arm yet: others have requests_total, but this flag has no series of requests_total{outcome="ok"}`},
		{"the instance restarts again and again",
			[]written{{"off", "ok", "a", []float64{5, 6, 1, 2, 1, 1, 0, 3}}}, nil,
			"no data of the on arm yet: no instance of 1 counts the on arm; FLAG-a has restarted 3 times"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			flag := "ailing-" + string(rune('a'+i))
			named := func(instance string) string { return flag + "-" + instance }
			for _, w := range tt.all {
				labels := map[string]string{"flag": flag, "outcome": w.outcome, "instance": named(w.instance), "job": "shop"}
				if w.arm != "" {
					labels["arm"] = w.arm
				}
				write(srv, "requests_total", labels, at, w.values)
			}
			for instance, values := range tt.ups {
				write(srv, "up", map[string]string{"instance": named(instance), "job": "shop"}, at, values)
			}
			v, err := judge.Judge(t.Context(), lookAt(flag, `requests_total{outcome="ok"}`, at.Add(time.Second)), new(gates.State))
			require.NoError(t, err)
			require.Equal(t, rampart.NoData, v.Word)
			require.Equal(t, "errors: "+strings.ReplaceAll(tt.want, "FLAG", flag), v.Reason)
			require.Equal(t, v.Reason, v.Gates[0].Reason)
		})
	}

	write(srv, "no_flag_total", map[string]string{"arm": "on"}, at, running)
	for metric, want := range map[string]string{
		"nowhere_total": "nobody exports nowhere_total", "no_flag_total": "no_flag_total has no label flag",
	} {
		v, err := judge.Judge(t.Context(), lookAt("cart", metric, at.Add(time.Second)), new(gates.State))
		require.NoError(t, err)
		require.Equal(t, "errors: no data of either arm yet: "+want, v.Reason)
	}
}

// lookAt judges a ratio at half and half, every five seconds.
func lookAt(flag, of string, at time.Time) gates.Look {
	return gates.Look{
		Flag: flag, Every: 5 * time.Second, At: at,
		Gates: []rampart.Gate{{Name: "errors", Ratio: &rampart.Ratio{Events: of, Of: of}}},
		Phase: rampart.MaxPowerRamp, PhaseIndex: 2, Phases: 5, Exposure: 5000, Exposing: true, FirstExposed: at, StepSince: at,
	}
}

// TestImpossibleCountsNameWhoRestarted: between two metrics that a process counts one
// after the other, its crash can leave more events than units.
func TestImpossibleCountsNameWhoRestarted(t *testing.T) {
	t.Parallel()
	srv := promtest.Start(t)
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: 5 * time.Second})
	require.NoError(t, err)
	at := time.Now().Truncate(time.Second).Add(-5 * time.Second)
	for _, arm := range []string{"on", "off"} {
		labels := map[string]string{"flag": "cart", "arm": arm, "instance": "a", "job": "shop"}
		write(srv, "visits_total", labels, at, []float64{1, 2, 1, 1, 2})
		write(srv, "failures_total", labels, at, []float64{1, 1, 1, 1, 9})
	}
	look := lookAt("cart", "visits_total", at.Add(time.Second))
	look.Gates[0].Ratio.Events = "failures_total"
	v, err := gates.New(gates.Options{Source: source}).Judge(t.Context(), look, new(gates.State))
	require.NoError(t, err)
	require.Equal(t, rampart.NoData, v.Word)
	require.Regexp(t, `^errors: impossible counts: on arm has more events .*: a has restarted$`, v.Reason)
}

// TestAProcessThatIsGoneIsNamed follows a real process whose port is closed.
func TestAProcessThatIsGoneIsNamed(t *testing.T) {
	t.Parallel()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, []string{"flag", "arm"})
	requests.WithLabelValues("cart", "on").Add(5)
	requests.WithLabelValues("cart", "off").Add(5)
	registry := prometheus.NewRegistry()
	registry.MustRegister(requests)
	exporter := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer exporter.Close()
	address := strings.TrimPrefix(exporter.URL, "http://")
	srv := promtest.StartConfig(t, promtest.Config{Interval: 200 * time.Millisecond, Targets: []promtest.Target{{Address: address}}})
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: 200 * time.Millisecond})
	require.NoError(t, err)
	judge := gates.New(gates.Options{Source: source, ScrapeLag: 200 * time.Millisecond})

	var state gates.State
	var last rampart.Verdict
	until := func(want rampart.Word, reason string) {
		t.Helper()
		require.Eventually(t, func() bool {
			look := lookAt("cart", "requests_total", time.Now().Truncate(500*time.Millisecond))
			look.Every = 500 * time.Millisecond
			if look.At.UnixMilli() <= state.Tick {
				return false
			}
			last, err = judge.Judge(t.Context(), look, &state)
			require.NoError(t, err)
			return last.Word == want && strings.HasSuffix(last.Reason, reason)
		}, time.Minute, 50*time.Millisecond, "%s, not: %v", want, &last)
	}
	until(rampart.Holding, "")
	exporter.Close()
	until(rampart.NoData, ": "+address+" is down")
}

func TestAQueryThatFindsNothingBecauseNothingIsScrapedSaysSo(t *testing.T) {
	t.Parallel()
	srv := promtest.Start(t)
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: 5 * time.Second})
	require.NoError(t, err)
	at := time.Now().Truncate(time.Second)
	_, err = source.Value(t.Context(), "sum(nowhere_total)", at)
	require.EqualError(t, err, "the query found no series")

	write(srv, "up", map[string]string{"instance": "a", "job": "shop"}, at.Add(-59*time.Second), []float64{1, 1})
	_, err = source.Value(t.Context(), "sum(nowhere_total)", at.Add(time.Second)) // what was found at the tick before is remembered
	require.EqualError(t, err, "prometheus has scraped nothing for 1m")
}
