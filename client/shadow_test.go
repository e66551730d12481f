package client_test

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func TestUnitsAreInArmsInTheShadowAndAreCountedAnewBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		shadow := launching(1, 0, rampart.TestInProduction)
		shadow.Shadow = rampart.Full / 2
		feed.put(shadow)
		c := open(t, feed, counted(registry))
		on := 0
		page := shop(c, func(_ http.ResponseWriter, r *http.Request) {
			if c.Flag("checkout-v2").OnContext(r.Context()) {
				on++
			}
		})
		all := func() {
			for i := range 400 {
				visit(page, strconv.Itoa(i))
			}
		}
		all()
		series := scrape(t, registry)
		require.Zero(t, on, "everybody is served off")
		require.InDelta(t, 200, total(series, "rampart_exposed_units_total", "arm=on"), 60)
		require.EqualValues(t, 400, total(series, "rampart_exposed_units_total", "arm=on")+total(series, "rampart_exposed_units_total", "arm=off"))
		feed.publish(feed.put(launching(2, rampart.Full/2, rampart.Debug)))
		synctest.Wait()
		all()
		require.Positive(t, on)
		require.EqualValues(t, 2*total(series, "rampart_exposed_units_total", "arm=on"), total(scrape(t, registry), "rampart_exposed_units_total", "arm=on"),
			"the same units are in the same arm, each once more")
	})
}
