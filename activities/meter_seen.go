package activities

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// seen is which launches this worker has looked at of late. Series of others are let go
// of: a worker that runs for months sees thousands of launches end, or move elsewhere.
type seen struct {
	mu     sync.Mutex
	last   map[watchedFlag]time.Time
	pruned time.Time
}

type watchedFlag struct{ environment, flag string }

const (
	// forgetLaunch is longer than a launch is left alone, an hour, and than whoever
	// reads increases of its counters looks back.
	forgetLaunch = 3 * time.Hour
	pruneEvery   = 10 * time.Minute
)

// forget notes a look, and drops the series of launches that had none for long.
func (m *Meter) forget(env, flag string, now time.Time) {
	s := &m.seen
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[watchedFlag]time.Time{}
	}
	s.last[watchedFlag{env, flag}] = now
	if now.Sub(s.pruned) < pruneEvery {
		return
	}
	s.pruned = now
	for who, at := range s.last {
		if now.Sub(at) < forgetLaunch {
			continue
		}
		delete(s.last, who)
		labels := prometheus.Labels{"environment": who.environment, "flag": who.flag}
		m.verdicts.DeletePartialMatch(labels)
		m.blind.Delete(labels)
		m.noData.Delete(labels)
		m.lastLook.Delete(labels)
	}
}
