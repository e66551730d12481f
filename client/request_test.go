package client_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// However many goroutines work on a request, and whenever it ends meanwhile, each flag is
// remembered once, told once, and counted once if it was remembered at all.
func TestARequestIsSharedByGoroutines(t *testing.T) {
	for _, flags := range []int{1, 7, 8, 9, 30} { // eight are remembered in another place than more
		t.Run(fmt.Sprint(flags), func(t *testing.T) {
			feed, registry := newFakeFeed(), prometheus.NewRegistry()
			for i := range flags {
				f := launching(1, rampart.Full, rampart.Debug)
				f.Name = fmt.Sprintf("flag-%d", i)
				feed.put(f)
			}
			c := open(t, feed, counted(registry))
			remembered := 0
			for round := range 50 {
				ctx, r := c.Begin(t.Context(), *ann)
				var all sync.WaitGroup
				for worker := range 4 {
					all.Go(func() {
						for i := range flags {
							assert.True(t, c.OnContext(ctx, fmt.Sprintf("flag-%d", (i+worker*flags/4)%flags)))
						}
						if worker == 0 || round%2 == 0 {
							r.End(false)
						}
					})
				}
				all.Wait()
				seen := map[string]bool{}
				for d := range r.Decisions() {
					require.False(t, seen[d.Flag], d.Flag)
					seen[d.Flag] = true
				}
				remembered += len(seen)
				require.True(t, c.OnContext(ctx, "flag-0"), "work may outlive its request")
			}
			series := scrape(t, registry)
			require.EqualValues(t, remembered, total(series, "rampart_requests_total"))
			require.EqualValues(t, remembered, total(series, "rampart_request_duration_seconds"))
			require.LessOrEqual(t, total(series, "rampart_exposed_units_total"), float64(flags))
		})
	}
}

// What is counted is not lost while it is read.
func TestCountsAreReadWhileTheyGrow(t *testing.T) {
	feed, registry := newFakeFeed(), prometheus.NewRegistry()
	feed.put(launching(1, rampart.Full, rampart.Debug))
	c := open(t, feed, counted(registry))
	const each, workers = 2000, 4
	ctx, done := context.WithCancel(t.Context())
	var counting, reading sync.WaitGroup
	reading.Go(func() {
		last := 0.0
		for ctx.Err() == nil {
			now := total(scrape(t, registry), "rampart_requests_total")
			assert.GreaterOrEqual(t, now, last)
			last = now
		}
	})
	for range workers {
		counting.Go(func() {
			for range each {
				ctx, r := c.Begin(ctx, *ann)
				c.OnContext(ctx, "checkout-v2")
				r.End(false)
			}
		})
	}
	counting.Wait()
	done()
	reading.Wait()
	require.EqualValues(t, each*workers, total(scrape(t, registry), "rampart_requests_total"))
}
