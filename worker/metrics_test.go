package worker_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/worker"
)

func TestSDKMetricsBecomePrometheusMetrics(t *testing.T) {
	r := prometheus.NewRegistry()
	m := worker.NewSDKMetrics(r).WithTags(map[string]string{"namespace": "default", "client_name": "temporal_go"})
	m.WithTags(map[string]string{"operation": "StartWorkflowExecution"}).Counter("temporal_request").Inc(2)
	m.WithTags(map[string]string{"operation": "StartWorkflowExecution"}).Counter("temporal_request").Inc(1)
	m.Counter("temporal_local_activity_total").Inc(1)
	m.WithTags(map[string]string{"poller_type": "workflow_task"}).Gauge("temporal_num_pollers").Update(3)
	m.Timer("temporal_request_latency").Record(30 * time.Millisecond)

	text := exposition(t, r)
	for _, line := range []string{
		`temporal_request_total{namespace="default",operation="StartWorkflowExecution"} 3`,
		`temporal_local_activity_total{namespace="default"} 1`,
		`temporal_num_pollers{namespace="default",poller_type="workflow_task"} 3`,
		`temporal_request_latency_seconds_bucket{namespace="default",le="0.05"} 1`,
		`temporal_request_latency_seconds_sum{namespace="default"} 0.03`,
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, "client_name")
}

// empty is a label that, to Prometheus, is not there.
var empty = regexp.MustCompile(`[a-z_]+="",?`)

func exposition(t *testing.T, r *prometheus.Registry) string {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	var b strings.Builder
	for _, f := range families {
		_, err := expfmt.MetricFamilyToText(&b, f)
		require.NoError(t, err)
	}
	return strings.ReplaceAll(empty.ReplaceAllString(b.String(), ""), ",}", "}")
}

func TestSDKMetricsAreBounded(t *testing.T) {
	r := prometheus.NewRegistry()
	m := worker.NewSDKMetrics(r)
	for i := range 1000 {
		m.WithTags(map[string]string{"workflow_type": "type" + strconv.Itoa(i), "workflow_id": strconv.Itoa(i)}).Counter("temporal_request").Inc(1)
		m.Gauge("gauge" + strconv.Itoa(i)).Update(1)
	}
	require.Equal(t, 201, strings.Count(exposition(t, r), "\ntemporal_request_total{"), "200 values and one for all others")
	families, err := r.Gather()
	require.NoError(t, err)
	require.Len(t, families, 200)
}

func TestTwoHandlersShareARegistry(t *testing.T) {
	r := prometheus.NewRegistry()
	for range 2 {
		worker.NewSDKMetrics(r).Counter("temporal_request").Inc(1)
		worker.NewSDKMetrics(r).Gauge("temporal_request_total").Update(1) // another kind of the same name is dropped
	}
	got, err := r.Gather()
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.InDelta(t, 2, got[0].GetMetric()[0].GetCounter().GetValue(), 0)
}
