package acceptance_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// A service reads one flag, and answers requests which it counts as every service
// does: by way of the client, scraped by Prometheus. Which of them fail is not left
// to chance: every so many of an arm.
type service struct {
	t        testing.TB
	flags    *client.Client
	onFails  atomic.Int64 // every so many of the on arm
	onFailed atomic.Int64 // so many have
}

const (
	users        = 1000
	usuallyFails = 10 // every so many, of either arm
)

// serve runs a service that takes some 400 requests a second until the test ends.
func (s *stack) serve(flag string) *service {
	s.t.Helper()
	registry := prometheus.NewRegistry()
	flags, err := client.Open(s.t.Context(), client.Options{
		Redis: s.store.reader, Store: s.store.services, Environment: s.env, Service: "service", Registerer: registry, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(s.t, err)
	v := &service{t: s.t, flags: flags}
	v.onFails.Store(usuallyFails)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		v.work(flag, stop)
	}()
	exporter := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s.t.Cleanup(func() {
		close(stop)
		<-done
		exporter.Close()
		_ = flags.Close()
	})
	s.scrape(strings.TrimPrefix(exporter.URL, "http://"))
	return v
}

func (v *service) work(flag string, stop chan struct{}) {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	handle := v.flags.Flag(flag)
	answered := map[bool]int64{}
	for i := 0; ; i++ {
		for range 2 {
			ctx, request := v.flags.Begin(context.Background(), rampart.Subject{Key: "user-" + strconv.Itoa(i*7919%users)})
			on, every := handle.OnContext(ctx), int64(usuallyFails)
			if on {
				every = v.onFails.Load()
			}
			answered[on]++
			failed := answered[on]%every == 0
			if failed && on {
				v.onFailed.Add(1)
			}
			request.End(failed)
			i++
		}
		select {
		case <-stop:
			return
		case <-again.C:
		}
	}
}

// comparing is a plan whose gates count what a service says: its errors by arm, and
// altogether.
func (s *stack) comparing(flag string) rampart.Plan {
	const requests, failed = "rampart_requests_total", `rampart_requests_total{outcome="error"}`
	plan := s.aPlan(flag)
	plan.Gates = []rampart.Gate{
		{Name: "errors", Ratio: &rampart.Ratio{Events: failed, Of: requests}, Detect: 3},
		{Name: "overall", Objective: &rampart.Objective{Events: failed, Of: requests, Good: 7500}},
	}
	return plan
}
