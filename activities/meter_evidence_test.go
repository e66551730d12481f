package activities_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// weighing is a meter whose clock a test sets.
func weighing() (*activities.Meter, *prometheus.Registry, *time.Time) {
	registry, now := prometheus.NewRegistry(), time.Now()
	m := activities.NewMeter(registry)
	m.Clock(func() time.Time { return now })
	return m, registry, &now
}

func figures(ratio, low, high float64) rampart.Verdict {
	pool := 12.0
	return rampart.Verdict{Word: rampart.Holding, Gates: []rampart.GateVerdict{
		{Gate: "errors", Kind: rampart.KindRatio, Value: &ratio, Low: &low, High: &high, Share: 0.03, LogE: -0.5, Power: 0.4, OnN: 120, OffN: 880, Phi: 1.5},
		{Gate: "pool", Kind: rampart.KindThreshold, Value: &pool},
		{Gate: "late", Kind: rampart.KindRatio, Word: rampart.NotApplicable},
		{Gate: "pool", Kind: rampart.KindThreshold, Value: &ratio}, // of the same name
	}, SampleRatio: &rampart.SampleRatio{On: 60, Off: 540, LogE: 9, Mismatch: true}}
}

func TestEvidenceIsExportedUntilTheLaunchEnds(t *testing.T) {
	m, registry, _ := weighing()
	m.Weighed("production", "f", figures(1.04, 0.91, 1.19), time.Now(), time.Minute)
	require.Equal(t, []string{
		"rampart_gate_evidence_share production f errors 0.03",
		"rampart_gate_information_share production f errors 0.4",
		"rampart_gate_log_e production f errors -0.5",
		"rampart_gate_phi production f errors 1.5",
		"rampart_gate_rate_ratio production f errors 1.04",
		"rampart_gate_rate_ratio_high production f errors 1.19",
		"rampart_gate_rate_ratio_low production f errors 0.91",
		"rampart_gate_units off production f errors 880",
		"rampart_gate_units on production f errors 120",
		"rampart_gate_value production f pool 12",
		"rampart_launch_evidence_share production f 0",
		"rampart_launch_log_e production f 0",
		"rampart_sample_ratio_log_e production f 9",
		"rampart_sample_ratio_mismatch production f 1",
		"rampart_sample_ratio_units off production f 540",
		"rampart_sample_ratio_units on production f 60",
	}, exported(t, registry, ""))

	m.Exposed("production", rampart.Flag{Name: "f", Launch: "launch/production/f", Exposure: 500})
	require.NotEmpty(t, exported(t, registry, ""), "it goes on")
	m.Exposed("production", rampart.Flag{Name: "f"})
	require.Empty(t, exported(t, registry, ""), "the baseline is written")
}

func TestEvidenceOfALaunchThatMovedElsewhereIsNotExported(t *testing.T) {
	m, registry, now := weighing()
	m.Weighed("production", "f", figures(1.04, 0.91, 1.19), *now, 10*time.Minute)
	*now = now.Add(31 * time.Minute)
	require.NotEmpty(t, exported(t, registry, ""), "three looks may have been taken by others")
	*now = now.Add(time.Minute)
	require.Empty(t, exported(t, registry, ""))
}

func TestGatesOfThousandsOfLaunchesDoNotBurdenPrometheus(t *testing.T) {
	m, registry, now := weighing()
	for i := range 2000 {
		m.Weighed("production", fmt.Sprintf("flag-%d", i), figures(1.04, 0.91, 1.19), *now, time.Minute)
	}
	require.Len(t, exported(t, registry, "rampart_launch_evidence_share"), 2000)
	require.Len(t, exported(t, registry, "rampart_gate_evidence_share"), 500)
}

// exported returns the series of evidence, each with its labels and its value.
func exported(t *testing.T, registry *prometheus.Registry, name string) (series []string) {
	t.Helper()
	all, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range all {
		of, ours := strings.CutPrefix(family.GetName(), "rampart_")
		part, _, _ := strings.Cut(of, "_")
		if !ours || part != "gate" && part != "launch" && part != "sample" || name != "" && name != family.GetName() {
			continue
		}
		for _, m := range family.GetMetric() {
			words := []string{family.GetName()}
			for _, l := range m.GetLabel() {
				words = append(words, l.GetValue())
			}
			series = append(series, strings.Join(append(words, fmt.Sprint(m.GetGauge().GetValue())), " "))
		}
	}
	return series
}
