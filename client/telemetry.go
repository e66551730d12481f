package client

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rampart-dev/rampart"
)

// keepAfterLaunch is how long a flag's series stay after its launch, so that the
// last of them are scraped.
const keepAfterLaunch = 5 * time.Minute

// telemetry holds the series of every flag with a launch, and of those whose launch
// has just ended. Labels are bounded: flags with a launch, three arms, twenty
// buckets, the phases, two outcomes and at most maxEvents events.
type telemetry struct {
	edges  []time.Duration
	tills  tills
	mu     sync.Mutex
	flags  map[string]*series
	events map[string]bool // the names that Track may count
}

// series are the counters of one flag. They go on when one launch follows another,
// because a counter that starts again looks like a restart of the process.
type series struct {
	flag    string
	launch  string    // the one that answers for the flag
	shadow  bool      // arms are assigned, and both served off
	ended   time.Time // the end of the last launch; zero while one is open
	phases  map[rampart.Phase]*counts
	exposed exposed
	events  atomic.Pointer[map[string]*eventCounts] // replaced when a name is added
}

func newTelemetry(o Options) *telemetry {
	t := &telemetry{tills: make(tills, stripes), flags: map[string]*series{}, events: map[string]bool{}}
	for _, edge := range o.Edges {
		t.edges = append(t.edges, time.Duration(edge*float64(time.Second)))
	}
	for _, event := range o.Events {
		if len(t.events) < maxEvents && eventName.MatchString(event) {
			t.events[event] = true
		}
	}
	return t
}

// launch returns where the requests of a flag are counted now, or nil where no
// launch answers for it. All series of the phase are there when it returns, at
// zero: a counter that is born with its first increment hides that increment from
// whoever takes differences.
func (t *telemetry) launch(f *Flag, doc *rampart.Flag, now time.Time) *counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.flags[f.name]
	if doc.Launch == "" || doc.Removed {
		if s != nil && s.ended.IsZero() {
			s.ended = now
		}
		return nil
	}
	if s == nil {
		s = &series{flag: f.name, phases: map[rampart.Phase]*counts{}}
		s.events.Store(&map[string]*eventCounts{})
		for event := range t.events {
			s.addEvent(event)
		}
		t.flags[f.name] = s
	}
	// Launches of one flag have one name, and are told apart by the end of the one before.
	// Whoever was served off as if on has yet to be exposed, too.
	if shadow := doc.Shadow > 0; s.launch != doc.Launch || s.shadow != shadow || !s.ended.IsZero() {
		s.launch, s.shadow = doc.Launch, shadow
		s.exposed.forget()
	}
	s.ended = time.Time{}
	if s.phases[doc.Phase] == nil {
		s.phases[doc.Phase] = newCounts(s, doc.Phase, t.edges)
	}
	return s.phases[doc.Phase]
}

// current returns the series to export, and drops those whose time is over.
func (t *telemetry) current(now time.Time) []*series {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*series
	for name, s := range t.flags {
		if !s.ended.IsZero() && now.Sub(s.ended) > keepAfterLaunch {
			delete(t.flags, name)
			continue
		}
		out = append(out, s)
	}
	return out
}

// phasesOf returns the counters of a flag by phase.
func (t *telemetry) phasesOf(s *series) []*counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]*counts, 0, len(s.phases))
	for _, c := range s.phases {
		out = append(out, c)
	}
	return out
}
