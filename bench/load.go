package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

// load is many launches that run at the same time, and the service whose counters
// they are watched by. Every flag has two counters, and both arms of each.
type load struct {
	starter *starter.Starter
	every   time.Duration
	began   time.Time
	http    *http.Server
	address string // host:port of the metrics

	mu     sync.Mutex
	flags  []string
	broken map[string]time.Time // since when the on arm of a flag fails
}

// The two counters of each flag.
const (
	failures = "scale_errors_total"
	requests = "scale_requests_total"
)

// The traffic of each flag, requests in a second. One in a hundred fails, and of
// the on arm one in two once it is broken.
const (
	loadPercent  = rampart.Percent(1000)
	requestsOn   = 10
	requestsOff  = 90
	usualErrors  = 0.01
	brokenErrors = 0.5
)

func openLoad(s *starter.Starter, every time.Duration) (*load, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve counters: %w", err)
	}
	all := &load{starter: s, every: every, began: time.Now(), address: l.Addr().String(), broken: map[string]time.Time{}}
	all.http = &http.Server{Handler: all, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = all.http.Serve(l) }()
	return all, nil
}

func (l *load) close() { _ = l.http.Close() }

// starting is how many launches are started at once: what is measured begins only
// when all of them are watched.
const starting = 16

// start launches flags until there are n, and returns the names of the new ones.
func (l *load) start(ctx context.Context, n int) ([]string, error) {
	l.mu.Lock()
	var fresh []string
	for i := len(l.flags); i < n; i++ {
		fresh = append(fresh, fmt.Sprintf("scale-%05d", i))
	}
	l.flags = append(l.flags, fresh...)
	l.mu.Unlock()
	all, every := errgroup.WithContext(ctx)
	all.SetLimit(starting)
	for _, flag := range fresh {
		all.Go(func() error { return l.launch(every, flag) })
	}
	return fresh, all.Wait()
}

// launch starts one launch. Where the machine is too busy to answer in time it asks
// again: a launch that was started after all is found to be there.
func (l *load) launch(ctx context.Context, flag string) error {
	plan := rampart.Plan{
		Flag: flag, Owner: "bench", Purpose: "To be measured", RetireBy: "2099-12-31",
		Environment: l.starter.Environment(), Every: rampart.Duration(l.every),
		Gates: []rampart.Gate{
			{Name: "errors", Ratio: &rampart.Ratio{Events: failures, Of: requests}},
			{Name: "overall", Objective: &rampart.Objective{Events: failures, Of: requests, Good: 9000}}, // for the bake, which is never come to
		},
		Stages: []rampart.Stage{{
			Phase: rampart.Debug, Steps: []rampart.Step{{Percent: loadPercent, Hold: rampart.Duration(24 * time.Hour)}},
		}},
	}
	for tries := 1; ; tries++ {
		_, err := l.starter.Start(ctx, starter.Launching{Plan: plan, By: "bench"})
		switch kind := rampart.KindOf(err); {
		case err == nil, tries > 1 && kind == rampart.Refused:
			return nil
		case kind != rampart.Unreachable || tries == 10:
			return fmt.Errorf("start %s: %w", flag, err)
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// fail breaks flags.
func (l *load) fail(flags []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, flag := range flags {
		l.broken[flag] = time.Now()
	}
}

// ServeHTTP serves the counters of all flags.
func (l *load) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	to := bufio.NewWriterSize(w, 1<<16)
	defer func() { _ = to.Flush() }()
	since := time.Since(l.began).Seconds()
	for _, arm := range []struct {
		name string
		rate float64
	}{{"on", requestsOn}, {"off", requestsOff}} {
		for _, flag := range l.flags {
			bad := usualErrors * since
			if at, broken := l.broken[flag]; broken && arm.name == "on" {
				bad += brokenErrors * time.Since(at).Seconds()
			}
			_, _ = fmt.Fprintf(to, "%s{flag=%q,arm=%q} %d\n", requests, flag, arm.name, int64(arm.rate*since))
			_, _ = fmt.Fprintf(to, "%s{flag=%q,arm=%q} %d\n", failures, flag, arm.name, int64(arm.rate*bad))
		}
	}
}
