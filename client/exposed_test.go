package client_test

import (
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// Above a million units only a share of the new ones is counted, and the same share
// in both arms.
func TestManyUnitsAreCountedByASample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const exact, more = 1 << 20, 1 << 18
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(launching(1, 2500, rampart.Debug))
		c := open(t, feed, counted(registry))
		f := c.Flag("checkout-v2")
		visit := func(from, to int) (on, off float64) {
			before := scrape(t, registry)
			for i := from; i < to; i++ {
				ctx, r := c.Begin(t.Context(), rampart.Subject{Key: strconv.Itoa(i)})
				f.OnContext(ctx)
				r.End(false)
			}
			after := scrape(t, registry)
			count := func(arm string) float64 {
				return total(after, "rampart_exposed_units_total", arm) - total(before, "rampart_exposed_units_total", arm)
			}
			return count("arm=on"), count("arm=off")
		}
		on, off := visit(0, exact)
		require.EqualValues(t, exact, on+off)
		on, off = visit(exact, exact+more)
		require.InDelta(t, more/2, on+off, 2000)
		require.InDelta(t, 0.25, on/(on+off), 0.01)
		on, off = visit(0, more)
		require.Zero(t, on+off, "nobody is counted twice")
	})
}
