package gates_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// BenchmarkJudge is one look at the three standard gates, without the source.
func BenchmarkJudge(b *testing.B) {
	w := &world{}
	w.requests(1000, 10, 9000, 90)
	buckets := map[string]float64{"0.1": 990, "0.25": 995, "0.5": 999, "+Inf": 1000}
	w.grow["seconds_bucket"] = map[string]gates.ArmCount{"on": {Edges: buckets}, "off": {Edges: buckets}}
	judge := gates.New(gates.Options{Source: w})
	look := gates.Look{
		Flag: "checkout-v2", Phase: rampart.Debug, PhaseIndex: 1, Phases: 5, Exposure: 1000, Exposing: true,
		At: noon, Every: 30 * time.Second, FirstExposed: noon, StepSince: noon,
		Gates: []rampart.Gate{errorsGate(), overall(), {Name: "latency", Latency: &rampart.Latency{Histogram: "seconds"}}},
	}
	var state gates.State
	b.ReportAllocs()
	for b.Loop() {
		look.At = look.At.Add(look.Every)
		w.asked = w.asked[:0]
		_, err := judge.Judge(b.Context(), look, &state)
		require.NoError(b, err)
	}
}

// BenchmarkCount is what a flag costs of an answer for 200 flags of two arms and two
// outcomes, scraped every 15 seconds.
func BenchmarkCount(b *testing.B) {
	const flags = 200
	result := []any{}
	for f := range flags {
		for _, arm := range []string{"on", "off"} {
			for _, outcome := range []string{"ok", "error"} {
				values := []any{}
				for s := range 22 {
					values = append(values, []any{noon.Unix() - 330 + int64(15*s), fmt.Sprint(10000 + 17*s)})
				}
				result = append(result, map[string]any{"values": values, "metric": map[string]string{
					"__name__": "rampart_requests_total", "flag": fmt.Sprintf("flag-%d", f), "arm": arm, "outcome": outcome,
					"phase": "debug", "job": "shop", "instance": "10.0.0.1:8080",
				}})
			}
		}
	}
	body, err := json.Marshal(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": result}})
	require.NoError(b, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(body) }))
	defer server.Close()
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: server.URL})
	require.NoError(b, err)

	at := noon
	look := func(flag int) {
		if flag == 0 {
			at = at.Add(time.Second)
		}
		from := noon.Add(-30 * time.Second)
		got := source.Count(b.Context(), gates.CountQuery{
			Flag: fmt.Sprintf("flag-%d", flag), To: at, Every: 30 * time.Second,
			Counters: []gates.Counter{{Selector: `rampart_requests_total{outcome="error"}`, From: from}, {Selector: "rampart_requests_total", From: from}},
		})
		require.NoError(b, got[0].Err)
	}
	for flag := range flags { // they come to know each other
		look(flag)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		look(i % flags)
	}
}
