package activities

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rampart-dev/rampart"
)

// A Meter counts what the product itself does. A nil Meter counts nothing.
type Meter struct {
	exposure   *prometheus.GaugeVec
	verdicts   *prometheus.CounterVec
	blind      *prometheus.CounterVec
	noData     *prometheus.CounterVec
	lastLook   *prometheus.GaugeVec
	late       prometheus.Histogram
	turnedOff  *prometheus.CounterVec
	turnOffSec prometheus.Histogram
	overdue    *prometheus.GaugeVec
	notices    *prometheus.CounterVec
	flags      *prometheus.GaugeVec
	exposing   *prometheus.GaugeVec
	unguarded  *prometheus.GaugeVec
	sweptAt    *prometheus.GaugeVec

	seen     seen
	left     leftMeter
	evidence *evidenceMeter
}

// NewMeter registers the product's metrics.
func NewMeter(r prometheus.Registerer) *Meter {
	name := func(n, help string) prometheus.GaugeOpts {
		return prometheus.GaugeOpts{Namespace: "rampart", Name: n, Help: help}
	}
	m := &Meter{
		exposure:   prometheus.NewGaugeVec(name("exposure_percent", "Exposure of a flag as last written by this worker, percent."), []string{"environment", "flag", "phase"}),
		verdicts:   prometheus.NewCounterVec(prometheus.CounterOpts(name("verdicts_total", "Looks at the gates of a launch, by verdict.")), []string{"environment", "flag", "verdict"}),
		blind:      prometheus.NewCounterVec(prometheus.CounterOpts(name("blind_seconds_total", "Time in which a metrics provider did not answer for a launch.")), []string{"environment", "flag"}),
		noData:     prometheus.NewCounterVec(prometheus.CounterOpts(name("no_data_seconds_total", "Time in which a metrics provider answered for a launch without the data that its gates need.")), []string{"environment", "flag"}),
		lastLook:   prometheus.NewGaugeVec(name("last_look_timestamp_seconds", "When a launch's gates were last judged by this worker."), []string{"environment", "flag"}),
		late:       prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "rampart", Name: "look_lateness_seconds", Help: "How long after it was due a look was done.", Buckets: []float64{.05, .1, .25, .5, 1, 2, 3, 5, 10, 30, 60}}),
		turnedOff:  prometheus.NewCounterVec(prometheus.CounterOpts(name("turn_backs_total", "Launches turned back or killed by this worker.")), []string{"environment", "verb"}),
		turnOffSec: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "rampart", Name: "turn_back_seconds", Help: "From the verdict to the baseline in the store.", Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 5, 60}}),
		overdue:    prometheus.NewGaugeVec(name("turn_back_overdue_timestamp_seconds", "When this worker last failed to turn back a launch that should have been at its baseline a minute before."), []string{"environment", "flag"}),
		notices:    prometheus.NewCounterVec(prometheus.CounterOpts(name("notices_total", "Notices, by channel and result.")), []string{"channel", "result"}),
		flags:      prometheus.NewGaugeVec(name("flags", "Flags in the store, at the last sweep."), []string{"environment"}),
		exposing:   prometheus.NewGaugeVec(name("exposing_launches", "Launches that expose somebody, at the last sweep."), []string{"environment"}),
		unguarded:  prometheus.NewGaugeVec(name("unguarded_launches", "Exposed flags whose lease nobody renews: it is past its soft end, five minutes or half of it, at the last sweep."), []string{"environment"}),
		sweptAt:    prometheus.NewGaugeVec(name("last_sweep_timestamp_seconds", "When the environment was last swept by this worker."), []string{"environment"}),
	}
	r.MustRegister(m.exposure, m.verdicts, m.blind, m.noData, m.lastLook, m.late, m.turnedOff, m.turnOffSec, m.overdue, m.notices, m.flags, m.exposing, m.unguarded, m.sweptAt)
	m.left, m.evidence = newLeftMeter(r), newEvidenceMeter(r)
	return m
}

func (m *Meter) exposed(env string, f rampart.Flag) {
	if m == nil {
		return
	}
	m.exposure.DeletePartialMatch(prometheus.Labels{"environment": env, "flag": f.Name})
	m.exposure.WithLabelValues(env, f.Name, string(f.Phase)).Set(f.Exposure.Float())
	if f.Launch == "" {
		m.evidence.over(env, f.Name)
	}
}

// came counts how long after it was due a look was done.
func (m *Meter) came(late time.Duration) {
	if m != nil {
		m.late.Observe(max(0, late.Seconds()))
	}
}

// looked counts one look; since is the time since the look before, which is blind, or
// without data, where this one is.
func (m *Meter) looked(env, flag string, v rampart.Verdict, now time.Time, since time.Duration) {
	if m == nil {
		return
	}
	m.forget(env, flag, now)
	m.verdicts.WithLabelValues(env, flag, string(v.Word)).Inc()
	m.lastLook.WithLabelValues(env, flag).Set(float64(now.UnixMilli()) / 1000)
	// Both are there from the first look, so that an increase of them can be seen.
	blind, noData := m.blind.WithLabelValues(env, flag), m.noData.WithLabelValues(env, flag)
	switch v.Word {
	case rampart.Blind:
		blind.Add(max(0, since.Seconds()))
	case rampart.NoData:
		noData.Add(max(0, since.Seconds()))
	}
}

func (m *Meter) turnedBack(env, verb string, took time.Duration) {
	if m == nil {
		return
	}
	m.turnedOff.WithLabelValues(env, verb).Inc()
	m.turnOffSec.Observe(max(0, took.Seconds()))
}

// patience is how long a turning back may take before it is overdue: as long as the
// launch itself waits before it pages somebody.
const patience = time.Minute

// notTurnedBack notes an attempt that failed, where the verdict is older than that.
func (m *Meter) notTurnedBack(env, flag string, verdict, now time.Time) {
	if m != nil && now.Sub(verdict) >= patience {
		m.overdue.WithLabelValues(env, flag).Set(float64(now.UnixMilli()) / 1000)
	}
}

func (m *Meter) notified(channel string, err error) {
	if m == nil {
		return
	}
	result := "sent"
	if err != nil {
		result = "failed"
	}
	m.notices.WithLabelValues(channel, result).Inc()
}

func (m *Meter) swept(env string, flags, exposing, unguarded int, now time.Time) {
	if m == nil {
		return
	}
	m.flags.WithLabelValues(env).Set(float64(flags))
	m.exposing.WithLabelValues(env).Set(float64(exposing))
	m.unguarded.WithLabelValues(env).Set(float64(unguarded))
	m.sweptAt.WithLabelValues(env).Set(float64(now.UnixMilli()) / 1000)
}
