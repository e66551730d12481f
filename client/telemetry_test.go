package client_test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// launching is a flag with a launch.
func launching(version int64, exposure rampart.Percent, phase rampart.Phase) rampart.Flag {
	f := checkout(version, exposure)
	f.Launch, f.Phase = rampart.LaunchID(production, f.Name), phase
	return f
}

func counted(r prometheus.Registerer) func(*client.Options) {
	return func(o *client.Options) { o.Registerer = r }
}

// scrape returns the value of every series, by name and labels.
func scrape(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := f.GetName() + "{" + strings.Join(labels, ",") + "}"
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				out[name] = m.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				out[name] = m.GetGauge().GetValue()
			case dto.MetricType_HISTOGRAM:
				out[name] = float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return out
}

// sum adds the series of a name that carry all the labels.
func sum(series map[string]float64, name string, labels ...string) (total float64, n int) {
	fence := strings.NewReplacer("{", ",", "}", ",")
	for s, v := range series {
		has := strings.HasPrefix(s, name+"{")
		for _, l := range labels {
			has = has && strings.Contains(fence.Replace(s), ","+l+",")
		}
		if has {
			total += v
			n++
		}
	}
	return total, n
}

func total(series map[string]float64, name string, labels ...string) float64 {
	v, _ := sum(series, name, labels...)
	return v
}

func TestBothArmsAreThereBeforeTheFirstRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(launching(1, 0, rampart.TestInProduction))
		open(t, feed, counted(registry), func(o *client.Options) { o.Events = []string{"checkout_completed"} })
		series := scrape(t, registry)
		for name, want := range map[string]int{
			"rampart_requests_total":           2 * 20 * 2,
			"rampart_request_duration_seconds": 2,
			"rampart_exposed_units_total":      2 * 20,
			"rampart_events_total":             2 * 20,
			"rampart_event_value_total":        2 * 20,
		} {
			v, n := sum(series, name, "flag=checkout-v2")
			require.Equal(t, want, n, name)
			require.Zero(t, v, name)
		}
		require.Contains(t, series, "rampart_requests_total{arm=off,bucket=19,flag=checkout-v2,outcome=error,phase=test-in-production}")
	})
}

func TestRequestsAreCountedByArm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(launching(1, 5000, rampart.MaxPowerRamp))
		c := open(t, feed, counted(registry))
		page := shop(c, func(w http.ResponseWriter, r *http.Request) {
			pass(30 * time.Millisecond)
			if !c.OnContext(r.Context(), "checkout-v2") {
				_, _ = io.WriteString(w, "old checkout")
				return
			}
			http.Error(w, "broken", http.StatusInternalServerError)
		})
		on, off, buckets := 0.0, 0.0, map[string]float64{}
		for i := range 200 {
			user := "user-" + strconv.Itoa(i)
			for range 2 {
				visit(page, user)
			}
			if rampart.BucketOf("checkout-v2", user) < 5000 {
				on++
				buckets["bucket="+strconv.Itoa(rampart.TelemetryBucket(user))]++
			} else {
				off++
			}
		}
		series := scrape(t, registry)
		require.Equal(t, 2*on, total(series, "rampart_requests_total", "arm=on", "outcome=error", "phase=max-power-ramp"))
		require.Zero(t, total(series, "rampart_requests_total", "arm=on", "outcome=ok"))
		require.Equal(t, 2*off, total(series, "rampart_requests_total", "arm=off", "outcome=ok"))
		require.Equal(t, 2*off, total(series, "rampart_request_duration_seconds", "arm=off"))
		require.Equal(t, on, total(series, "rampart_exposed_units_total", "arm=on"))
		require.Equal(t, off, total(series, "rampart_exposed_units_total", "arm=off"))
		for bucket, users := range buckets {
			require.Equal(t, 2*users, total(series, "rampart_requests_total", "arm=on", bucket), bucket)
			require.Equal(t, users, total(series, "rampart_exposed_units_total", "arm=on", bucket), bucket)
		}
	})
}

func TestAUnitIsExposedOnceALaunch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(launching(1, 0, rampart.Debug))
		c := open(t, feed, counted(registry))
		page := shop(c, func(http.ResponseWriter, *http.Request) {})
		visit(page, "ann")
		feed.publish(feed.put(launching(2, rampart.Full, rampart.MaxPowerRamp)))
		synctest.Wait()
		visit(page, "ann")
		series := scrape(t, registry)
		require.EqualValues(t, 1, total(series, "rampart_exposed_units_total", "arm=off"))
		require.Zero(t, total(series, "rampart_exposed_units_total", "arm=on"))
		require.EqualValues(t, 1, total(series, "rampart_requests_total", "arm=on", "phase=max-power-ramp"))
		require.EqualValues(t, 1, total(series, "rampart_requests_total", "arm=off", "phase=debug"))
	})
}

func TestTheNextLaunchCountsItsUnitsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(launching(1, 0, rampart.Debug))
		c := open(t, feed, counted(registry))
		page := shop(c, func(http.ResponseWriter, *http.Request) {})
		visit(page, "ann")
		for version, f := range []rampart.Flag{checkout(2, 0), launching(3, rampart.Full, rampart.Debug)} {
			feed.publish(feed.put(f))
			synctest.Wait()
			visit(page, "ann")
			series := scrape(t, registry)
			require.EqualValues(t, 1, total(series, "rampart_exposed_units_total", "arm=off"))
			require.EqualValues(t, version, total(series, "rampart_exposed_units_total", "arm=on"))
		}
	})
}

func TestIncludedUnitsAreInNoArm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		flag := launching(1, 0, rampart.TestInProduction)
		flag.Include = []rampart.Rule{{Keys: []string{"ann"}}}
		feed.put(flag)
		visit(shop(open(t, feed, counted(registry)), func(http.ResponseWriter, *http.Request) {}), "ann")
		series := scrape(t, registry)
		require.EqualValues(t, 1, total(series, "rampart_requests_total", "arm=none", "outcome=ok"))
		require.Zero(t, total(series, "rampart_requests_total", "arm=on"))
		require.Zero(t, total(series, "rampart_exposed_units_total"))
	})
}

func TestFlagsWithoutALaunchHaveNoSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(checkout(1, rampart.Full))
		c := open(t, feed, counted(registry))
		visit(shop(c, func(http.ResponseWriter, *http.Request) {}), "ann")
		_, n := sum(scrape(t, registry), "rampart_requests_total")
		require.Zero(t, n)

		feed.publish(feed.put(launching(2, rampart.Full, rampart.Debug)))
		feed.publish(feed.put(checkout(3, rampart.Full)))
		pass(time.Minute)
		_, n = sum(scrape(t, registry), "rampart_requests_total")
		require.Equal(t, 80, n, "the last counts are still to be scraped")
		pass(5 * time.Minute)
		_, n = sum(scrape(t, registry), "rampart_requests_total")
		require.Zero(t, n)
	})
}

func TestTrackFollowsTheSubjectToLaterRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(launching(1, rampart.Full, rampart.Debug))
		c := open(t, feed, counted(registry))
		pay := func(user string) {
			ctx, r := c.Begin(t.Context(), rampart.Subject{Key: user})
			c.Track(ctx, nil, "checkout_completed", 19.5)
			r.End(false)
		}
		pay("bob")
		require.Zero(t, total(scrape(t, registry), "rampart_events_total"), "the flag was never decided for bob")
		visit(shop(c, func(_ http.ResponseWriter, r *http.Request) { c.Track(r.Context(), nil, "checkout_begun", -1) }), "ann")
		pay("ann")
		c.Track(t.Context(), &rampart.Subject{Key: "ann"}, "checkout_completed", 19.5) // a parcel that arrived, say
		series := scrape(t, registry)
		require.EqualValues(t, 2, total(series, "rampart_events_total", "arm=on", "event=checkout_completed"))
		require.EqualValues(t, 39, total(series, "rampart_event_value_total", "arm=on", "event=checkout_completed"))
		require.EqualValues(t, 1, total(series, "rampart_events_total", "arm=on", "event=checkout_begun"))
		require.Zero(t, total(series, "rampart_event_value_total", "event=checkout_begun"), "counters only grow")
	})
}

func TestOneLargeValueCountsAsMuchAsTheServiceAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(launching(1, rampart.Full, rampart.Debug))
		most := map[string]float64{"checkout_completed": 200}
		c := open(t, feed, counted(registry), func(o *client.Options) { o.Most = most })
		ctx, r := c.Begin(t.Context(), *ann)
		c.OnContext(ctx, "checkout-v2")
		for _, value := range []float64{19.5, 200, 1e6, math.Inf(1), math.NaN()} {
			c.Track(ctx, nil, "checkout_completed", value)
			c.Track(ctx, nil, "pages_read", value)
		}
		r.End(false)
		series := scrape(t, registry)
		require.EqualValues(t, 5, total(series, "rampart_events_total", "event=checkout_completed"))
		require.EqualValues(t, 19.5+3*200, total(series, "rampart_event_value_total", "event=checkout_completed"))
		require.EqualValues(t, 19.5+200+1e6, total(series, "rampart_event_value_total", "event=pages_read"), "of others nothing is cut off")
	})
	for _, most := range []float64{0, -1, math.Inf(1), math.NaN()} {
		_, err := client.Open(t.Context(), client.Options{Environment: production, Feed: newFakeFeed(), Most: map[string]float64{"paid": most}})
		require.ErrorContains(t, err, "Options.Most lets paid add")
	}
}

func TestEventsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(launching(1, rampart.Full, rampart.Debug))
		c := open(t, feed, counted(registry))
		ctx, r := c.Begin(t.Context(), *ann)
		require.True(t, c.OnContext(ctx, "checkout-v2"))
		c.Track(ctx, nil, "user "+ann.Key, 1)
		for i := range 60 {
			c.Track(ctx, nil, fmt.Sprintf("event_%d", i), 1)
		}
		r.End(false)
		require.EqualValues(t, 50, total(scrape(t, registry), "rampart_events_total"))
	})
}

func TestWorkThatOutlivesItsRequestIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(launching(1, rampart.Full, rampart.Debug))
		c := open(t, feed, counted(registry))
		ctx, r := c.Begin(t.Context(), *ann)
		r.End(false)
		r.End(true)
		require.True(t, c.OnContext(ctx, "checkout-v2"), "but it is decided")
		require.Zero(t, total(scrape(t, registry), "rampart_requests_total"))
	})
}

func TestContextOfNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(launching(1, 5000, rampart.Debug))
		c := open(t, feed, counted(registry))
		f := c.Flag("checkout-v2")
		require.True(t, f.BoolContext(t.Context(), true))
		require.False(t, f.OnContext(t.Context()))
		require.Equal(t, rampart.ReasonNoUnit, f.DecideContext(t.Context()).Reason)
		c.Track(t.Context(), nil, "checkout_completed", 1)
		require.EqualValues(t, 2, total(scrape(t, registry), "rampart_reader_defaults_total", "reason=NO_UNIT"))
	})
}

func TestReaderMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(checkout(1, 0))
		feed.kill("checkout-v2", 1, true)
		c := open(t, feed, counted(registry))
		pass(3 * time.Second)
		series := scrape(t, registry)
		require.Less(t, series["rampart_reader_staleness_seconds{}"], 1.5)
		require.Zero(t, series["rampart_reader_stale{}"])
		require.EqualValues(t, 1, series["rampart_reader_flags{served=killed}"])
		require.EqualValues(t, c.Status().Revision, series["rampart_reader_revision{}"])

		feed.setDown(true)
		pass(20 * time.Second)
		series = scrape(t, registry)
		require.EqualValues(t, 1, series["rampart_reader_stale{}"])
		require.Greater(t, series["rampart_reader_staleness_seconds{}"], 19.0)
		feed.setDown(false)
		pass(10 * time.Second)
		require.NotZero(t, total(scrape(t, registry), "rampart_reader_resyncs_total", "cause=subscribed"))
	})
}

// A process that began while the store was away, without a bootstrap file, serves
// defaults; the alert on stale readers must hear of it.
func TestReaderThatNeverKnewAnythingIsToldAsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(checkout(1, rampart.Full))
		feed.setDown(true)
		c := open(t, feed, counted(registry))
		require.Zero(t, scrape(t, registry)["rampart_reader_stale{}"], "it has only just begun")
		pass(20 * time.Second)
		require.Equal(t, client.Starting, c.Status().State)
		require.EqualValues(t, 1, scrape(t, registry)["rampart_reader_stale{}"])
		feed.setDown(false)
		pass(10 * time.Second)
		require.Zero(t, scrape(t, registry)["rampart_reader_stale{}"])
	})
}

func TestTwoClientsOnOneRegistererAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		open(t, newFakeFeed(), counted(registry))
		_, err := client.Open(t.Context(), client.Options{Environment: production, Feed: newFakeFeed(), Registerer: registry})
		require.Error(t, err)
		require.NotEmpty(t, rampart.HintOf(err))
	})
}
