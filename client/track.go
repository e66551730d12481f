package client

import (
	"context"
	"math"
	"regexp"
	"sync/atomic"

	"github.com/rampart-dev/rampart"
)

// maxEvents bounds the names that Track counts; each is a label.
const maxEvents = 50

var eventName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// eventCounts are the counters of one event of one flag.
type eventCounts [arms][allBuckets]struct{ events, value atomic.Uint64 }

// Track counts a business event of a subject, such as checkout_completed with the
// value of the order, on every flag with a launch that was decided for the subject:
// in the request of the context, or in an earlier one that this process served. It is
// attributed to the arm in force now. Without a subject it is that of the request.
//
// Names are lower-case words joined by underscores, at most 50 of them; declare
// them in Options.Events, so that their series start at zero. Values below zero
// are left out, because counters only grow; of one above Options.Most so much counts.
func (c *Client) Track(ctx context.Context, s *rampart.Subject, event string, value float64) {
	r := FromContext(ctx)
	switch mine := r.Subject(); {
	case s == nil:
		s = mine
	case !r.serves(s):
		r = nil // what was decided in it was not decided for this subject
	}
	if s == nil || !c.telemetry.mayCount(event) {
		if c.unknown.first("event " + event) {
			c.log.Warn("event is not counted: its name is bad, or one too many, or no subject is known", "event", event)
		}
		return
	}
	if most, ok := c.options.Most[event]; ok {
		value = min(value, most) // what is no number stays none, and is left out
	}
	for f := range c.names.Load().all {
		l := f.live.Load()
		if l == nil || l.counts == nil {
			continue
		}
		arm := r.armFor(l, s)
		if unit := l.UnitOf(s); r.decided(f) || unit != "" && l.counts.series.exposed.has(rampart.UnitHash(unit)) {
			l.counts.series.event(event, arm, unit, value)
		}
	}
}

// armFor is that of the request, where the subject is the request's. A request without
// a key is of whomever it was asked for.
func (r *Request) armFor(l *live, s *rampart.Subject) rampart.Arm {
	if r != nil && r.subject.Key == s.Key {
		return r.answer(l).arm
	}
	_, arm, _ := l.Ask(s)
	return arm
}

func (r *Request) decided(f *Flag) bool {
	for s := range r.all() {
		if s.flag == f {
			return true
		}
	}
	return false
}

// mayCount admits a name, and makes its series on every flag with a launch.
func (t *telemetry) mayCount(event string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.events[event] {
		return true
	}
	if len(t.events) >= maxEvents || !eventName.MatchString(event) {
		return false
	}
	t.events[event] = true
	for _, s := range t.flags {
		s.addEvent(event)
	}
	return true
}

// addEvent makes the counters of an event. The caller holds telemetry.mu.
func (s *series) addEvent(event string) {
	was := s.events.Load()
	events := make(map[string]*eventCounts, 1)
	if was != nil {
		for name, counts := range *was {
			events[name] = counts
		}
	}
	events[event] = &eventCounts{}
	s.events.Store(&events)
}

func (s *series) event(event string, arm rampart.Arm, unit string, value float64) {
	counts := (*s.events.Load())[event]
	if counts == nil {
		return
	}
	bucket := noBucket
	if unit != "" {
		bucket = rampart.TelemetryBucket(unit)
	}
	cell := &counts[arm][bucket]
	cell.events.Add(1)
	if !(value > 0) || math.IsInf(value, 0) {
		return
	}
	for {
		was := cell.value.Load()
		if cell.value.CompareAndSwap(was, math.Float64bits(math.Float64frombits(was)+value)) {
			return
		}
	}
}
