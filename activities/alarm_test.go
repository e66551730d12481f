package activities_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

func TestTimeWithoutAnAnswerAndWithoutDataIsCounted(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	registry := prometheus.NewRegistry()
	r.Meter = activities.NewMeter(registry)
	r.look()
	require.Equal(t, map[string]float64{name: 0}, byFlag(t, registry, "rampart_blind_seconds_total"), "an increase needs a beginning")

	r.blind = true
	r.look()
	r.look()
	r.blind, r.value["errors"] = false, -1 // no series
	r.look()
	r.value["errors"] = 0
	r.look()

	require.Equal(t, map[string]float64{name: 2 * every.Seconds()}, byFlag(t, registry, "rampart_blind_seconds_total"))
	require.Equal(t, map[string]float64{name: every.Seconds()}, byFlag(t, registry, "rampart_no_data_seconds_total"))
}

func TestATurningBackThatFailsIsOverdueAfterAMinute(t *testing.T) {
	for _, c := range []struct {
		name    string
		verdict time.Duration // ago
		insist  bool
		overdue bool
	}{
		{"one of a moment ago is not", 10 * time.Second, true, false},
		{"one of two minutes ago is", 2 * time.Minute, true, true},
		{"a raise never is", 2 * time.Minute, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t).ramping(time.Hour)
			registry := prometheus.NewRegistry()
			r.Meter = activities.NewMeter(registry)
			f := r.flag().Flag
			r.redis.Stop()

			var suite testsuite.WorkflowTestSuite
			e := suite.NewTestActivityEnvironment()
			e.RegisterActivity(r.Expose)
			_, err := e.ExecuteActivity(r.Expose, activities.ExposeInput{
				Flag: f, Pen: rampart.Pen{Owner: launch, Fence: r.version + 1}, Acknowledged: r.version, Verb: "turn-back",
				Insist: c.insist, Since: r.now.Add(-c.verdict).UnixMilli(),
			})

			require.Error(t, err)
			want := map[string]float64{}
			if c.overdue {
				want[name] = float64(r.now.Unix())
			}
			require.Equal(t, want, byFlag(t, registry, "rampart_turn_back_overdue_timestamp_seconds"))
		})
	}
}

// byFlag returns the values of a metric.
func byFlag(t *testing.T, registry *prometheus.Registry, metric string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		if f.GetName() != metric {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "flag" {
					values[l.GetValue()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
	}
	return values
}
