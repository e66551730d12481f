package console

import (
	"encoding/json"
	"net/http"
	"sync/atomic"

	"github.com/rampart-dev/rampart/client"
)

// report is what /readyz answers.
type report struct {
	Ready       bool          `json:"ready"`
	Environment string        `json:"environment"`
	State       client.State  `json:"state"`
	Source      client.Source `json:"source"`           // of the flags
	Staleness   float64       `json:"stalenessSeconds"` // since they were last known to be current
	Draining    bool          `json:"draining,omitempty"`
	Flags       int           `json:"flags"`
}

// readiness says whether to send requests here.
type readiness struct {
	flags       *client.Client
	environment string
	draining    atomic.Bool
}

func (r *readiness) drain() { r.draining.Store(true) }

// ServeHTTP answers /readyz: 200 where flags are known, else 503. A console that is
// STALE is ready: it knows the last state, and another one would know no better.
func (r *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s := r.flags.Status()
	got := report{
		Ready: s.State != client.Starting && !r.draining.Load(), Environment: r.environment, State: s.State, Source: s.Source,
		Staleness: s.Staleness.Seconds(), Draining: r.draining.Load(), Flags: s.Flags,
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !got.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(got)
}
