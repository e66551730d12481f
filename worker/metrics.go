package worker

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// introduce exports what this worker is, so that alerts can tell an environment whose
// workers are gone from one that never had any, and an upgrade can be followed.
func (p *process) introduce() {
	build := ""
	if p.config.Deployment != "" {
		build = p.config.build()
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "rampart", Name: "worker_info", Help: "1 while the worker works for its environment.",
		ConstLabels: prometheus.Labels{
			"environment": p.starter.Environment(), "version": p.config.Version,
			"deployment": p.config.Deployment, "build": build,
		},
	})
	info.Set(1)
	p.registry.MustRegister(info)
}

// sdkLabels are the tags of the SDK's metrics that become labels. All metrics have
// all of them, because the SDK does not give a metric the same tags everywhere; one
// that is empty is, to Prometheus, not there.
var sdkLabels = []string{
	"namespace", "task_queue", "workflow_type", "activity_type", "operation",
	"worker_type", "poller_type", "failure_reason", "status_code", "cause",
}

// The bounds of what the SDK, or a later version of it, may make of the registry.
const (
	maxSDKMetrics = 200 // it has about seventy
	maxTagValues  = 200 // of one label; Temporal's API has about a hundred operations
	otherTag      = "other"
)

// sdkBuckets reach from a call on the same machine to a poll that waits a minute.
var sdkBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}

// sdkMetrics is the SDK's metrics handler on a registry of Prometheus: counters end
// in _total, and timers are histograms of seconds.
type sdkMetrics struct {
	all  *sdkVectors
	tags map[string]string
}

// newSDKMetrics returns a handler that registers its metrics as they come up.
func newSDKMetrics(r prometheus.Registerer) client.MetricsHandler {
	return &sdkMetrics{all: &sdkVectors{
		to: r, made: map[string]prometheus.Collector{}, seen: map[string]map[string]bool{},
	}}
}

// WithTags implements client.MetricsHandler.
func (m *sdkMetrics) WithTags(tags map[string]string) client.MetricsHandler {
	merged := maps.Clone(m.tags)
	if merged == nil {
		merged = make(map[string]string, len(tags))
	}
	maps.Copy(merged, tags)
	return &sdkMetrics{all: m.all, tags: merged}
}

// Counter implements client.MetricsHandler.
func (m *sdkMetrics) Counter(name string) client.MetricsCounter {
	v, labels := vector(m, strings.TrimSuffix(name, "_total")+"_total", func(name string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: sdkHelp}, sdkLabels)
	})
	if v == nil {
		return client.MetricsNopHandler.Counter(name)
	}
	return sdkCounter{v.WithLabelValues(labels...)}
}

// Gauge implements client.MetricsHandler.
func (m *sdkMetrics) Gauge(name string) client.MetricsGauge {
	v, labels := vector(m, name, func(name string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: sdkHelp}, sdkLabels)
	})
	if v == nil {
		return client.MetricsNopHandler.Gauge(name)
	}
	return sdkGauge{v.WithLabelValues(labels...)}
}

// Timer implements client.MetricsHandler.
func (m *sdkMetrics) Timer(name string) client.MetricsTimer {
	v, labels := vector(m, name+"_seconds", func(name string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: sdkHelp, Buckets: sdkBuckets}, sdkLabels)
	})
	if v == nil {
		return client.MetricsNopHandler.Timer(name)
	}
	return sdkTimer{v.WithLabelValues(labels...)}
}

const sdkHelp = "Of the Temporal SDK: https://docs.temporal.io/references/sdk-metrics"

// sdkVectors are the metrics that have come up so far.
type sdkVectors struct {
	to   prometheus.Registerer
	mu   sync.Mutex
	made map[string]prometheus.Collector
	seen map[string]map[string]bool // values by label
}

// vector returns the metric of a name and the values of its labels; nil where the
// metric cannot be had.
func vector[V prometheus.Collector](m *sdkMetrics, name string, build func(name string) V) (v V, labels []string) {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	c, there := m.all.made[name]
	if !there {
		if len(m.all.made) >= maxSDKMetrics {
			return v, nil
		}
		c = build(name)
		var again prometheus.AlreadyRegisteredError
		if err := m.all.to.Register(c); errors.As(err, &again) {
			c = again.ExistingCollector
		} else if err != nil {
			return v, nil
		}
		m.all.made[name] = c
	}
	v, _ = c.(V)
	return v, m.all.values(m.tags)
}

// values returns the tags as label values, in the order of the labels.
func (s *sdkVectors) values(tags map[string]string) []string {
	values := make([]string, len(sdkLabels))
	for i, label := range sdkLabels {
		value := tags[label]
		if value != "" && !s.seen[label][value] {
			switch {
			case s.seen[label] == nil:
				s.seen[label] = map[string]bool{}
			case len(s.seen[label]) >= maxTagValues:
				values[i] = otherTag
				continue
			}
			s.seen[label][value] = true
		}
		values[i] = value
	}
	return values
}

type sdkCounter struct{ to prometheus.Counter }

func (c sdkCounter) Inc(n int64) { c.to.Add(max(0, float64(n))) }

type sdkGauge struct{ to prometheus.Gauge }

func (g sdkGauge) Update(v float64) { g.to.Set(v) }

type sdkTimer struct{ to prometheus.Observer }

func (t sdkTimer) Record(d time.Duration) { t.to.Observe(d.Seconds()) }
