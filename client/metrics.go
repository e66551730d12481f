package client

import (
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rampart-dev/rampart"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// The series. What is counted for a launch carries its arm; see the reference of
// telemetry before changing a label.
var (
	requestsTotal   = desc("rampart_requests_total", "Requests, by the arm of each flag with a launch that was decided for them.", "flag", "arm", "bucket", "phase", "outcome")
	requestDuration = desc("rampart_request_duration_seconds", "Duration of requests, by the arm of each flag with a launch that was decided for them.", "flag", "arm", "phase")
	exposedUnits    = desc("rampart_exposed_units_total", "Units that this process has seen in an arm, each once a launch.", "flag", "arm", "bucket")
	eventsTotal     = desc("rampart_events_total", "Business events, by arm.", "flag", "arm", "bucket", "event")
	eventValue      = desc("rampart_event_value_total", "Sum of the values of business events, by arm.", "flag", "arm", "bucket", "event")

	readerStaleness   = desc("rampart_reader_staleness_seconds", "Time since the flags were last known to be current; since the start where they never were.")
	readerStale       = desc("rampart_reader_stale", "1 while the flags have not been known to be current for longer than Options.StaleAfter.")
	readerRevision    = desc("rampart_reader_revision", "Revision up to which changes are applied.")
	readerFlags       = desc("rampart_reader_flags", "Flags, by how they are served.", "served")
	readerResyncs     = desc("rampart_reader_resyncs_total", "Loads of everything after the first, by cause.", "cause")
	readerDefaults    = desc("rampart_reader_defaults_total", "Decisions that served the caller's default, by reason.", "reason")
	carriedDecisions  = desc("rampart_carried_decisions_total", "Decisions of flags that a trusted caller had decided, by what became of the caller's.", "result")
	readerDescription = []*prometheus.Desc{
		requestsTotal, requestDuration, exposedUnits, eventsTotal, eventValue,
		readerStaleness, readerStale, readerRevision, readerFlags, readerResyncs, readerDefaults, carriedDecisions,
	}
)

// metrics exports what the client counts.
type metrics struct {
	client   *Client
	opened   time.Time
	defaults [rampart.ReasonWrongType + 1]atomic.Uint64
	carried  [len(joinNames)]atomic.Uint64

	mu      sync.Mutex
	resyncs map[string]uint64
}

func newMetrics(c *Client) *metrics {
	return &metrics{client: c, opened: time.Now(), resyncs: map[string]uint64{"subscribed": 0, "gap": 0, "revision": 0}}
}

func (m *metrics) defaulted(why rampart.Reason) {
	if int(why) < len(m.defaults) {
		m.defaults[why].Add(1)
	}
}

func (m *metrics) resynced(cause string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.resyncs[cause]++
}

func (c *Client) register() error {
	if c.options.Registerer == nil {
		return nil
	}
	if err := c.options.Registerer.Register(c.metrics); err != nil {
		return rampart.Errorf(rampart.Invalid, "register the metrics of the flag client").Because(err).
			WithHint("a process needs one client; a second one needs a registerer that adds a label of its own")
	}
	return nil
}

func (c *Client) unregister() {
	if c.options.Registerer != nil {
		c.options.Registerer.Unregister(c.metrics)
	}
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range readerDescription {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	e := exporter{ch}
	m.collectReader(e)
	t := m.client.telemetry
	for _, s := range t.current(time.Now()) {
		for _, c := range t.phasesOf(s) {
			e.requests(c, c.sum(t.tills))
		}
		e.exposed(s)
		e.events(s)
	}
}

func (m *metrics) collectReader(e exporter) {
	s := m.client.Status()
	e.gauge(readerStaleness, s.Staleness.Seconds())
	// A process that has known nothing since it began serves its callers' defaults: of
	// that people are to be told no less than of a state that is old.
	unproved := s.Staleness > m.client.options.StaleAfter
	e.gauge(readerStale, map[bool]float64{true: 1}[s.State == Stale || unproved])
	e.gauge(readerRevision, float64(s.Revision))
	e.gauge(readerFlags, float64(s.Flags-s.Killed-s.Unsupported-s.LeasesEnded), "written")
	e.gauge(readerFlags, float64(s.Killed), "killed")
	e.gauge(readerFlags, float64(s.Unsupported), "unsupported")
	e.gauge(readerFlags, float64(s.LeasesEnded), "lease_ended")
	for why := range m.defaults {
		e.counter(readerDefaults, float64(m.defaults[why].Load()), rampart.Reason(why).String())
	}
	for result := range m.carried {
		e.counter(carriedDecisions, float64(m.carried[result].Load()), joinNames[result])
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for cause, n := range m.resyncs {
		e.counter(readerResyncs, float64(n), cause)
	}
}

// exporter sends metrics. A label that cannot be exported is left out rather than
// failing the scrape.
type exporter struct{ ch chan<- prometheus.Metric }

func (e exporter) gauge(d *prometheus.Desc, v float64, labels ...string) {
	e.send(prometheus.NewConstMetric(d, prometheus.GaugeValue, v, labels...))
}

func (e exporter) counter(d *prometheus.Desc, v float64, labels ...string) {
	e.send(prometheus.NewConstMetric(d, prometheus.CounterValue, v, labels...))
}

func (e exporter) send(m prometheus.Metric, err error) {
	if err == nil {
		e.ch <- m
	}
}

// Of arms, on and off are always exported; none, and work without a unit key, only
// once there is any.
func (e exporter) each(visit func(arm rampart.Arm, bucket int, label string, always bool)) {
	for arm := rampart.ArmNone; arm < arms; arm++ {
		for bucket := range allBuckets {
			label, always := bucketLabels[bucket], arm != rampart.ArmNone && bucket != noBucket
			visit(arm, bucket, label, always)
		}
	}
}

var bucketLabels = func() (labels [allBuckets]string) {
	for b := range rampart.TelemetryBuckets {
		labels[b] = strconv.Itoa(b)
	}
	return labels
}()

func (e exporter) requests(c *counts, all stripe) {
	flag, phase := c.series.flag, string(c.phase)
	e.each(func(arm rampart.Arm, bucket int, label string, always bool) {
		ok, failed := all.requests[arm][bucket][0], all.requests[arm][bucket][1]
		if always || ok+failed > 0 {
			e.counter(requestsTotal, float64(ok), flag, arm.String(), label, phase, "ok")
			m, err := prometheus.NewConstMetric(requestsTotal, prometheus.CounterValue, float64(failed), flag, arm.String(), label, phase, "error")
			e.send(withExemplars(m, err, c.exemplars.failed[arm][bucket].Load()))
		}
	})
	for arm := rampart.ArmNone; arm < arms; arm++ {
		count, sum, buckets := all.histogram(arm, c.edges)
		if arm != rampart.ArmNone || count > 0 {
			m, err := prometheus.NewConstHistogram(requestDuration, count, sum, buckets, flag, arm.String(), phase)
			e.send(withExemplars(m, err, c.exemplars.slowOf(arm)...))
		}
	}
}

func (e exporter) exposed(s *series) {
	e.each(func(arm rampart.Arm, bucket int, label string, always bool) {
		if always {
			e.counter(exposedUnits, float64(s.exposed.counts[arm][bucket].Load()), s.flag, arm.String(), label)
		}
	})
}

func (e exporter) events(s *series) {
	for event, counts := range *s.events.Load() {
		e.each(func(arm rampart.Arm, bucket int, label string, always bool) {
			cell := &counts[arm][bucket]
			if n := cell.events.Load(); always || n > 0 {
				e.counter(eventsTotal, float64(n), s.flag, arm.String(), label, event)
				e.counter(eventValue, math.Float64frombits(cell.value.Load()), s.flag, arm.String(), label, event)
			}
		})
	}
}
