package annotations

import "github.com/prometheus/client_golang/prometheus"

// What came of an annotation.
const (
	sent     = "sent"
	repeated = "repeated" // it was there already
	refused  = "refused"  // for good
	failed   = "failed"   // and is tried again
)

// meter counts what came of annotations.
type meter struct {
	total   *prometheus.CounterVec
	waiting prometheus.Gauge
}

func newMeter(r prometheus.Registerer) meter {
	m := meter{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "rampart", Name: "annotations_total", Help: "Annotations in Grafana, by what came of them.",
		}, []string{"result"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "rampart", Name: "annotations_waiting_seconds", Help: "Age of the oldest change that waits to be annotated by this worker; 0 where none does.",
		}),
	}
	for _, result := range []string{sent, repeated, refused, failed} { // so that the first failure is an increase
		m.total.WithLabelValues(result)
	}
	r.MustRegister(m.total, m.waiting)
	return m
}

func (m meter) counted(result string) { m.total.WithLabelValues(result).Inc() }
