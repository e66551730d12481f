package client

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rampart-dev/rampart"
)

// An exemplar leads from a count to the trace of one request that was counted. Only
// errors and slow requests have one: nobody looks for the trace of a request that went
// well. They are exported in the OpenMetrics format only.
type exemplar struct {
	trace string
	value float64
	at    time.Time
}

// exemplars are the last of each series, at most one a second, so that an outage in
// which everything fails costs no more than a day without one.
type exemplars struct {
	failed [arms][allBuckets]atomic.Pointer[exemplar]
	slow   [arms][MaxEdges + 1]atomic.Pointer[exemplar] // by edge, like durations
}

const (
	exemplarEvery = time.Second
	maxTraceID    = 64 // characters
)

// exemplify keeps the trace of a request that failed or was slow.
func (o *outcome) exemplify() {
	r := o.request
	slowest := r.client.options.Signals.Slow
	slow := slowest >= 0 && o.took >= slowest
	if !slow && !o.failed {
		return
	}
	trace := r.traceID()
	if trace == "" {
		return
	}
	at := r.began.Add(max(o.took, 0))
	for s := range r.all() {
		kept := &s.live.counts.exemplars
		if o.failed {
			renew(&kept.failed[s.arm][o.bucket(s)], exemplar{trace, 1, at})
		}
		if slow {
			renew(&kept.slow[s.arm][o.edge], exemplar{trace, o.took.Seconds(), at})
		}
	}
}

func renew(p *atomic.Pointer[exemplar], e exemplar) {
	if was := p.Load(); was == nil || e.at.Sub(was.at) >= exemplarEvery {
		p.Store(&e)
	}
}

// traceID returns nothing where the trace is not kept.
func (r *Request) traceID() (id string) {
	trace := r.client.options.Signals.Trace
	if trace == nil {
		return r.trace
	}
	defer func() {
		if p := recover(); p != nil && r.client.unknown.first("a panic of Signals.Trace") {
			r.client.log.Error("Signals.Trace panicked; the request has no exemplar", "panic", p)
		}
	}()
	if id = trace(r.parent); len(id) > maxTraceID {
		return ""
	}
	return id
}

func (e *exemplars) slowOf(arm rampart.Arm) (kept []*exemplar) {
	for edge := range e.slow[arm] {
		kept = append(kept, e.slow[arm][edge].Load())
	}
	return kept
}

// withExemplars leaves out what cannot be exported rather than failing the scrape.
func withExemplars(m prometheus.Metric, err error, kept ...*exemplar) (prometheus.Metric, error) {
	var all []prometheus.Exemplar
	for _, e := range kept {
		if e != nil {
			all = append(all, prometheus.Exemplar{Value: e.value, Labels: prometheus.Labels{"trace_id": e.trace}, Timestamp: e.at})
		}
	}
	if err != nil || len(all) == 0 {
		return m, err
	}
	if with, err := prometheus.NewMetricWithExemplars(m, all...); err == nil {
		return with, nil
	}
	return m, nil
}
