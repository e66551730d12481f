package activities

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// leftMeter counts what the sweep does about flags that were left behind or edited,
// and how far the clocks are apart.
type leftMeter struct {
	swept    *prometheus.CounterVec
	heldBack *prometheus.GaugeVec
	drifted  *prometheus.CounterVec
	skew     *prometheus.GaugeVec
}

func newLeftMeter(r prometheus.Registerer) leftMeter {
	m := leftMeter{
		swept: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rampart_swept_flags_total",
			Help: "Flags that the sweep turned back because their launch was gone, by why: closed or missing."}, []string{"environment", "why"}),
		heldBack: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "rampart_sweep_held_back",
			Help: "Flags whose launch is gone, and which the sweep leaves alone because they are too many at once."}, []string{"environment"}),
		drifted: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rampart_drifted_flags_total",
			Help: "Documents that were found to differ from the intent, and were restored, by who found it: watch or sweep."}, []string{"environment", "by"}),
		skew: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "rampart_clock_skew_seconds",
			Help: "How far a clock is ahead of the median of the three that this worker knows: worker, temporal and store."}, []string{"environment", "clock"}),
	}
	r.MustRegister(m.swept, m.heldBack, m.drifted, m.skew)
	return m
}

func (m *Meter) sweptFlag(env, why string) {
	if m != nil {
		m.left.swept.WithLabelValues(env, why).Inc()
	}
}

func (m *Meter) heldBack(env string, flags int) {
	if m != nil {
		m.left.heldBack.WithLabelValues(env).Set(float64(flags))
	}
}

func (m *Meter) drifted(env, by string) {
	if m != nil {
		m.left.drifted.WithLabelValues(env, by).Inc()
	}
}

// skewed takes the offsets of the clocks of this worker, of Temporal and, where it is
// known, of the store.
func (m *Meter) skewed(env string, offsets []time.Duration, median time.Duration) {
	if m == nil {
		return
	}
	for i, clock := range []string{"worker", "temporal", "store"}[:len(offsets)] {
		m.left.skew.WithLabelValues(env, clock).Set((offsets[i] - median).Seconds())
	}
}
