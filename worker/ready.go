package worker

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/rampart-dev/rampart"
)

// A stage is where a process is in its life.
type stage string

const (
	starting stage = "starting" // waits for its parts
	working  stage = "working"
	draining stage = "draining" // takes no new work
)

// report is what /readyz answers.
type report struct {
	Ready       bool            `json:"ready"`
	Environment string          `json:"environment"`
	State       stage           `json:"state"`
	Parts       map[string]part `json:"parts"`
}

// part is one thing that the worker works with.
type part struct {
	OK     bool   `json:"ok"`
	Needed bool   `json:"needed"` // to be ready
	Error  string `json:"error,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

const (
	askTimeout = 2 * time.Second // for a part to answer
	askAgain   = time.Second     // a report is as old as this, at most
)

// readiness finds out whether the process can work.
type readiness struct {
	p *process

	mu        sync.Mutex
	stage     stage
	namespace string // id; empty until the parts were there once

	asking sync.Mutex // one asks, the others wait for its answer
	last   report
	at     time.Time
}

func (r *readiness) enter(s stage, namespace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stage = s
	if namespace != "" {
		r.namespace = namespace
	}
}

func (r *readiness) now() (s stage, namespace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stage, r.namespace
}

// ServeHTTP answers /readyz: 200 where the worker can work, else 503, in both cases
// with what is there and what is missing.
func (r *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	got := r.report()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !got.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(got)
}

func (r *readiness) report() report {
	r.asking.Lock()
	defer r.asking.Unlock()
	s, namespace := r.now()
	if s == r.last.State && time.Since(r.at) < askAgain {
		return r.last
	}
	// The answer is for everybody who asks within a second, so it does not end with
	// the request that happened to come first.
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	got := report{Ready: s == working, Environment: r.p.starter.Environment(), State: s, Parts: r.ask(ctx, namespace)}
	for _, x := range got.Parts {
		got.Ready = got.Ready && (x.OK || !x.Needed)
	}
	r.last, r.at = got, time.Now()
	return got
}

// ask asks all parts at once. Prometheus is not needed: without it the worker still
// turns back and kills, and holds everything else, which is what it is there for.
func (r *readiness) ask(ctx context.Context, namespace string) map[string]part {
	questions := map[string]func(context.Context) error{
		"temporal": func(ctx context.Context) error {
			_, err := r.p.starter.Temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
			if err != nil {
				return rampart.Errorf(rampart.Unreachable, "Temporal at %s does not answer", r.p.starter.Address)
			}
			return nil
		},
		"store":      func(ctx context.Context) error { return r.p.guard(ctx, namespace) },
		"prometheus": r.p.prometheus.Ping,
	}
	parts := make(map[string]part, len(questions))
	var mu sync.Mutex
	var all sync.WaitGroup
	for name, question := range questions {
		all.Go(func() {
			x := part{Needed: name != "prometheus"}
			err := question(ctx)
			x.OK = err == nil
			if err != nil {
				x.Error, x.Hint = err.Error(), rampart.HintOf(err)
			}
			mu.Lock()
			defer mu.Unlock()
			parts[name] = x
		})
	}
	all.Wait()
	return parts
}
