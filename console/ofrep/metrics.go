package ofrep

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are of requests, never of whom they are about.
type metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	refusals  *prometheus.CounterVec
	endings   *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, h *hub) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rampart_ofrep_requests_total", Help: "Requests of OFREP, by endpoint (single, bulk, stream) and status.",
		}, []string{"endpoint", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rampart_ofrep_request_duration_seconds", Help: "Duration of requests of OFREP, but for streams.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1},
		}, []string{"endpoint"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rampart_ofrep_refused_total", Help: "Requests of OFREP that were refused, by what was wrong: no good token, another environment, or too many of a token, an address or streams.",
		}, []string{"why"}),
		endings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rampart_ofrep_streams_ended_total", Help: "Event streams that have ended, by why: the reader was gone or slow, its token taken back, the console stopped.",
		}, []string{"why"}),
	}
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "rampart_ofrep_streams", Help: "Event streams that are open.",
	}, func() float64 { return float64(h.size()) })
	for _, why := range []string{unauthorized, forbidden, ofToken, ofAddress, ofStreams} {
		m.refusals.WithLabelValues(why)
	}
	for _, why := range []string{endGone, endSlow, endToken, endStopped} {
		m.endings.WithLabelValues(why)
	}
	if r != nil {
		r.MustRegister(m.requests, m.durations, m.refusals, m.endings, open)
	}
	return m
}

// Why requests are refused.
const (
	unauthorized = "unauthorized"
	forbidden    = "forbidden"
	ofToken      = "token"
	ofAddress    = "address"
	ofStreams    = "streams"
)

// Why streams end.
const (
	endGone    = "gone"
	endSlow    = "slow"
	endToken   = "token"
	endStopped = "stopped"
)

func (m *metrics) answered(endpoint string, status int, took time.Duration) {
	m.requests.WithLabelValues(endpoint, strconv.Itoa(status)).Inc()
	if endpoint != "stream" {
		m.durations.WithLabelValues(endpoint).Observe(took.Seconds())
	}
}

func (m *metrics) refused(why string) { m.refusals.WithLabelValues(why).Inc() }

func (m *metrics) ended(why string) { m.endings.WithLabelValues(why).Inc() }
