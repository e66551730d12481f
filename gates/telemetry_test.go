package gates_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/promtest"
)

// A fleet writes what instances of a service count, five seconds apart.
type fleet struct {
	srv  *promtest.Server
	flag string
	now  time.Time
}

// requests writes an instance's requests of the arms, in all buckets, as often as there
// are values; labels that are named are left out.
func (f fleet) requests(instance string, arms []string, values []float64, without ...string) {
	for _, arm := range arms {
		for bucket := range 20 {
			labels := map[string]string{
				"flag": f.flag, "arm": arm, "bucket": strconv.Itoa(bucket), "phase": "debug", "outcome": "ok",
				"instance": f.named(instance), "job": "shop-" + f.flag,
			}
			for _, l := range without {
				delete(labels, l)
			}
			if labels["bucket"] == "" && bucket > 0 {
				return
			}
			write(f.srv, "rampart_requests_total", labels, f.now, values)
		}
	}
}

func (f fleet) units(values []float64) {
	labels := map[string]string{"flag": f.flag, "arm": "on", "bucket": "3", "instance": f.named("a"), "job": "shop-" + f.flag}
	write(f.srv, "rampart_exposed_units_total", labels, f.now, values)
	labels["arm"] = "off"
	write(f.srv, "rampart_exposed_units_total", labels, f.now, values)
}

func (f fleet) up(instance string, values ...float64) {
	write(f.srv, "up", map[string]string{"instance": f.named(instance), "job": "shop-" + f.flag}, f.now, values)
}

func (f fleet) named(instance string) string { return f.flag + "-" + instance }

func TestTelemetryIsCheckedOnRealMetrics(t *testing.T) {
	t.Parallel()
	srv := promtest.Start(t)
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: 5 * time.Second})
	require.NoError(t, err)
	both, rising, ups := []string{"on", "off"}, []float64{10, 20, 30, 40, 50, 60}, []float64{1, 1, 1, 1, 1, 1}

	tests := []struct {
		name   string
		closed bool
		write  func(f fleet)
		want   []string // "problem|warning about metric instance: text"
	}{
		{"all is well", false, func(f fleet) {
			f.requests("a", both, rising)
			f.units([]float64{1, 2, 3, 4, 5, 6})
			f.up("a", ups...)
		}, nil},
		{"nobody counts the on arm", false, func(f fleet) {
			f.requests("a", []string{"off"}, rising)
			f.units(rising)
		}, []string{"problem arms rampart_requests_total: has no series of the on arm"}},
		{"an older client has no bucket and no phase", false, func(f fleet) {
			f.requests("a", both, rising)
			f.requests("old", both, rising, "bucket", "phase")
			f.units([]float64{1, 2, 3, 4, 5, 6})
		}, []string{"warning labels rampart_requests_total FLAG-old: has no label bucket, phase"}},
		{"somebody counts without arms", false, func(f fleet) {
			f.requests("a", both, rising)
			f.requests("own", []string{"?"}, rising, "arm")
			f.units([]float64{1, 2, 3, 4, 5, 6})
		}, []string{"problem labels rampart_requests_total FLAG-own: has no label arm"}},
		{"one of two instances stopped", false, func(f fleet) {
			f.requests("a", both, rising)
			f.requests("b", both, []float64{1, 2, gap, gap, gap, gap, gap, gap})
			f.units([]float64{1, 2, 3, 4, 5, 6})
			f.up("a", ups...)
			f.up("b", 1, 1, 0, 0, 0, 0, 0, 0)
		}, []string{
			"warning timeliness rampart_requests_total FLAG-b: has no sample for",
			"warning completeness rampart_requests_total FLAG-b: has the metric in 25 % of its scrapes",
		}},
		{"all instances stopped", false, func(f fleet) {
			f.requests("a", both, []float64{1, 2, gap, gap, gap, gap, gap, gap, gap})
			f.units([]float64{1, 1, 1})
		}, []string{"problem timeliness rampart_requests_total FLAG-a: has no sample for"}},
		{"an instance restarts again and again", false, func(f fleet) {
			f.requests("a", both, []float64{5, 1, 2, 1, 0, 3})
			f.units([]float64{1, 1, 1})
		}, []string{"problem resets rampart_requests_total FLAG-a: restarted 3 times within 5m"}},
		{"an instance that is up does not count", false, func(f fleet) {
			f.requests("a", both, rising)
			f.units([]float64{1, 2, 3, 4, 5, 6})
			f.up("a", ups...)
			f.up("old", ups...)
		}, []string{
			"warning completeness rampart_exposed_units_total: is not counted by 1 of 2 instances of the same jobs that are up: FLAG-old",
			"warning completeness rampart_requests_total: is not counted by 1 of 2 instances of the same jobs that are up: FLAG-old",
		}},
		{"more units than requests", false, func(f fleet) {
			f.requests("a", both, []float64{1, 1, 1, 1, 1, 2})
			f.units([]float64{0, 0, 0, 0, 0, 90})
		}, []string{"warning units rampart_exposed_units_total: counts 180 new units within 5m, more than the 40 requests"}},
		{"requests without units", false, func(f fleet) {
			f.requests("a", both, rising)
			f.units([]float64{0, 0, 0})
		}, []string{"warning units rampart_exposed_units_total: counts no units, though there are 2000 requests within 5m"}},
		{"few keys make all requests", false, func(f fleet) {
			labels := map[string]string{"flag": f.flag, "bucket": "3", "phase": "debug", "outcome": "ok", "instance": f.named("a"), "job": "shop-" + f.flag}
			for _, arm := range both {
				labels["arm"] = arm
				write(f.srv, "rampart_requests_total", labels, f.now, []float64{100, 500})
			}
			f.units([]float64{1, 1})
		}, []string{
			"warning buckets rampart_requests_total: has 1 of 20 telemetry buckets of the on arm filled by 500",
			"warning buckets rampart_requests_total: has 1 of 20 telemetry buckets of the off arm filled by 500",
		}},
		{"a launch that nobody counts", false, func(fleet) {}, []string{
			"problem completeness rampart_requests_total: is counted for other flags, and not for FLAG",
			"warning units rampart_exposed_units_total: is not there, so the sample ratio is not looked at",
		}},
		{"a plan before its launch", true, func(fleet) {}, []string{
			"warning completeness rampart_exposed_units_total: is not counted for FLAG yet",
			"warning completeness rampart_requests_total: is not counted for FLAG yet",
		}},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fleet{srv, fmt.Sprintf("checked-%d", i), time.Now().Truncate(time.Second)}
			tt.write(f)
			got, err := source.Telemetry(t.Context(), gates.TelemetryQuery{Plan: checkedPlan(f.flag), Open: !tt.closed})
			require.NoError(t, err)
			require.Len(t, got.Findings, len(tt.want), "%v", got.Findings)
			for i, f := range got.Findings {
				require.Contains(t, lineOf(f), strings.ReplaceAll(tt.want[i], "FLAG", fmt.Sprintf("checked-%d", indexOf(got.Flag))))
				require.NotEmpty(t, f.Hint)
			}
		})
	}

	t.Run("figures of a metric", func(t *testing.T) {
		got, err := source.Telemetry(t.Context(), gates.TelemetryQuery{Plan: checkedPlan("checked-0"), Open: true})
		require.NoError(t, err)
		require.Len(t, got.Metrics, 2)
		m := got.Metrics[1]
		require.Equal(t, "rampart_requests_total", m.Metric)
		require.Equal(t, []string{"errors"}, m.For)
		require.Equal(t, []string{"off", "on"}, m.Arms)
		require.Equal(t, []int{40, 1, 20, 20, 0}, []int{m.Series, m.Instances, m.OnBuckets, m.OffBuckets, m.Resets})
		require.Equal(t, 1.0, *m.Complete)
		require.Equal(t, 5.0, *m.Pace)
		require.GreaterOrEqual(t, *m.Age, 0.0)
		require.InDelta(t, 0, *got.Ahead, 1, "both are on this machine")
		require.Equal(t, 42, got.Series)
	})

	t.Run("the worker is told another interval", func(t *testing.T) {
		hasty, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: time.Second})
		require.NoError(t, err)
		got, err := hasty.Telemetry(t.Context(), gates.TelemetryQuery{Plan: checkedPlan("checked-0"), Open: true})
		require.NoError(t, err)
		require.Equal(t, "warning timeliness rampart_exposed_units_total: has a sample every 5s, and gates are told 1s", lineOf(got.Findings[0]))
	})

	t.Run("a launch with more series than an answer may have", func(t *testing.T) {
		small, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: 5 * time.Second, MaxSeries: 30})
		require.NoError(t, err)
		got, err := small.Telemetry(t.Context(), gates.TelemetryQuery{Plan: checkedPlan("checked-0"), Open: true})
		require.NoError(t, err)
		require.Equal(t, "problem series rampart_requests_total: has more than the 30 series that one answer may have", lineOf(got.Findings[0]))
	})

	t.Run("queries of gates", func(t *testing.T) {
		plan := checkedPlan("checked-0")
		plan.Gates = append(plan.Gates, rampart.Gate{Name: "pool", Threshold: &rampart.Threshold{Query: "sum(nowhere)", Max: ptr(1)}},
			rampart.Gate{Name: "well", Threshold: &rampart.Threshold{Query: "vector(2)", Max: ptr(1)}})
		got, err := source.Telemetry(t.Context(), gates.TelemetryQuery{Plan: plan, Open: true})
		require.NoError(t, err)
		require.Equal(t, "problem value pool: the query found no series", lineOf(got.Findings[0]))
		require.Nil(t, got.Queries[0].Value)
		require.Equal(t, 2.0, *got.Queries[1].Value)
	})

	_, err = source.Telemetry(t.Context(), gates.TelemetryQuery{Plan: checkedPlan("x"), Window: 2 * time.Hour})
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
	srv.Stop()
	_, err = source.Telemetry(t.Context(), gates.TelemetryQuery{Plan: checkedPlan("checked-0")})
	require.Equal(t, rampart.Unreachable, rampart.KindOf(err))
}

func indexOf(flag string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(flag, "checked-"))
	return n
}

func lineOf(f gates.Finding) string {
	grade := map[bool]string{true: "problem", false: "warning"}[f.Problem]
	where := f.Metric
	if f.Instance != "" {
		where += " " + f.Instance
	}
	return fmt.Sprintf("%s %s %s: %s", grade, f.About, where, f.Text)
}

// checkedPlan is judged by requests alone.
func checkedPlan(flag string) rampart.Plan {
	return rampart.Plan{
		Flag: flag, Owner: "team-payments", Purpose: "See", Every: rampart.Duration(5 * time.Second),
		Gates: []rampart.Gate{{Name: "errors", Ratio: &rampart.Ratio{Events: `rampart_requests_total`, Of: "rampart_requests_total"}}},
	}
}
