package gates_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/promtest"
)

func TestCheckOfAPlan(t *testing.T) {
	srv := promtest.Start(t)
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL()})
	require.NoError(t, err)
	now := time.Now()
	arms := map[string]string{"flag": "x", "arm": "on"}
	write(srv, "requests_total", arms, now, []float64{1})
	write(srv, "seconds_bucket", map[string]string{"flag": "x", "arm": "on", "le": "+Inf"}, now, []float64{1})
	write(srv, "no_flag_total", map[string]string{"arm": "on"}, now, []float64{1})
	write(srv, "no_arm_total", map[string]string{"flag": "x"}, now, []float64{1})

	above := ptr(1)
	plan := rampart.Plan{
		Gates: []rampart.Gate{
			{Name: "good", Ratio: &rampart.Ratio{Events: "requests_total", Of: "requests_total"}},
			{Name: "latency", Latency: &rampart.Latency{Histogram: "seconds"}},
			{Name: "value", Threshold: &rampart.Threshold{Query: "sum(requests_total)", Max: above}},
			{Name: "outcome", Ratio: &rampart.Ratio{Events: `requests_total{outcome="error"}`, Of: "nowhere_total"}},
			{Name: "labels", Ratio: &rampart.Ratio{Events: "no_flag_total", Of: "no_arm_total"}},
			{Name: "all arms", Objective: &rampart.Objective{Events: "no_arm_total", Of: "no_arm_total", Good: 9900}},
		},
		Stages: []rampart.Stage{{Phase: rampart.Scalability, Gates: []rampart.Gate{
			{Name: "empty", Threshold: &rampart.Threshold{Query: "sum(nowhere_total)", Max: above}},
			{Name: "above", Threshold: &rampart.Threshold{Query: "sum(requests_total) + 1", Max: above}},
			{Name: "below", Threshold: &rampart.Threshold{Query: "sum(requests_total) - 1", Min: above}},
			{Name: "wrong", Threshold: &rampart.Threshold{Query: "sum(", Max: above}},
			{Name: "well", Probe: &rampart.Probe{URL: "http://localhost"}},
		}}},
	}
	found, err := source.Check(t.Context(), plan)
	require.NoError(t, err)
	type line struct {
		path    string
		warning bool
	}
	var lines []line
	for _, m := range found {
		require.NotEmpty(t, m.Msg)
		require.NotEmpty(t, m.Hint)
		lines = append(lines, line{m.Path, m.Warning})
	}
	require.Equal(t, []line{
		{"gates[3].ratio.events", true},
		{"gates[3].ratio.of", true},
		{"gates[4].ratio.events", false},
		{"gates[4].ratio.of", false},
		{"stages[0].gates[0].threshold.query", true},
		{"stages[0].gates[1].threshold.max", true},
		{"stages[0].gates[2].threshold.min", true},
		{"stages[0].gates[3].threshold.query", false},
	}, lines, "%s", found)
	require.Contains(t, found.Error(), "requests_total is there, but without these labels within 1d")

	srv.Stop()
	_, err = source.Check(t.Context(), plan)
	require.Equal(t, rampart.Unreachable, rampart.KindOf(err))
}
