package load_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/examples/shop"
	"github.com/rampart-dev/rampart/examples/shop/load"
)

// A counter stands for the shop: it notes who asks for what, and answers as told.
type counter struct {
	mu     sync.Mutex
	byUser map[string]int
	paths  map[string]int
	all    int
	answer func(http.ResponseWriter, *http.Request)
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.byUser[r.Header.Get("X-User")]++
	c.paths[r.Header.Get("X-User")[:1]+" "+r.Method+" "+r.URL.Path]++
	c.all++
	c.mu.Unlock()
	c.answer(w, r)
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// click lets customers click until there were so many clicks.
func click(t *testing.T, o load.Options, clicks int, answer func(http.ResponseWriter, *http.Request)) (*counter, load.Seen) {
	t.Helper()
	c := &counter{byUser: map[string]int{}, paths: map[string]int{}, answer: answer}
	server := httptest.NewServer(c)
	defer server.Close()
	o.URL = server.URL
	l, err := load.New(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	require.Eventually(t, func() bool { return c.count() >= clicks }, time.Minute, time.Millisecond)
	cancel()
	<-done
	return c, l.Seen()
}

func answering(version string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(shop.VersionHeader, version) }
}

func TestSomeCustomersClickMuchMoreThanOthers(t *testing.T) {
	c, _ := click(t, load.Options{Rate: 20_000, Users: 500}, 20_000, answering(shop.OnePage))
	var clicks []int
	for _, n := range c.byUser {
		clicks = append(clicks, n)
	}
	sort.Sort(sort.Reverse(sort.IntSlice(clicks)))
	require.Greater(t, len(clicks), 490, "everybody comes")
	busiest := 0
	for _, n := range clicks[:5] {
		busiest += n
	}
	require.InDelta(t, 0.08, float64(busiest)/float64(c.all), 0.05, "the busiest hundredth")
}

func TestCustomersAreTheSameEachTime(t *testing.T) {
	o := load.Options{Rate: 20_000, Users: 5, Staff: []string{"ann"}, Seed: 7}
	c, _ := click(t, o, 500, answering(shop.OnePage))
	var names []string
	for name := range c.byUser {
		names = append(names, name)
	}
	require.ElementsMatch(t, []string{"user-0001", "user-0002", "user-0003", "user-0004", "user-0005", "ann"}, names)
}

func TestDayHasItsNightAndItsNoon(t *testing.T) {
	l, err := load.New(load.Options{URL: "http://shop", Rate: 500, Swing: 0.4, Day: 24 * time.Second})
	require.NoError(t, err)
	for at, want := range map[time.Duration]float64{0: 500, 6 * time.Second: 700, 12 * time.Second: 500, 18 * time.Second: 300, 24 * time.Second: 500, 30 * time.Second: 700} {
		require.InDelta(t, want, l.RateAt(at), 0.01, "at %s", at)
	}
	sum := 0.0
	for i := range 2400 {
		sum += l.RateAt(time.Duration(i) * 10 * time.Millisecond)
	}
	require.InDelta(t, 500, sum/2400, 0.1, "over a day")
}

func TestCustomersComeAtTheRateOfTheDay(t *testing.T) {
	began := time.Now()
	const clicks = 3000
	click(t, load.Options{Rate: 1000, Swing: 1e-9}, clicks, answering(shop.OnePage))
	require.GreaterOrEqual(t, time.Since(began).Seconds(), clicks/1000.0*(1-4/math.Sqrt(clicks)), "no faster than they should")
}

func TestCustomersClickTheirWayThroughTheCheckoutTheyGet(t *testing.T) {
	for version, way := range map[string][]string{
		shop.OnePage:   {"GET /checkout", "POST /checkout/order"},
		shop.ThreeStep: {"GET /checkout", "POST /checkout/delivery", "POST /checkout/payment", "POST /checkout/order"},
	} {
		t.Run(version, func(t *testing.T) {
			c, seen := click(t, load.Options{Users: 1, Rate: 2000, Concurrent: 1}, 400, answering(version))
			require.Len(t, c.paths, len(way))
			for _, step := range way {
				require.InDelta(t, float64(c.all)/float64(len(way)), float64(c.paths["u "+step]), 2, step)
			}
			require.InDelta(t, float64(c.all)/float64(len(way)), float64(seen.ByVersion[version].Orders), 2)
		})
	}
}

func TestCustomersRememberWhatTheySaw(t *testing.T) {
	_, seen := click(t, load.Options{Users: 100, Rate: 5000}, 2000, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(shop.VersionHeader, shop.ThreeStep)
		if r.Header.Get("X-User") == "user-0001" {
			w.Header().Set(shop.VersionHeader, shop.OnePage)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	one, three := seen.ByVersion[shop.OnePage], seen.ByVersion[shop.ThreeStep]
	require.Positive(t, one.Clicks)
	require.Equal(t, one.Clicks, one.Failed)
	require.Zero(t, one.Orders)
	require.Zero(t, three.Failed)
	require.Positive(t, three.Orders)
	require.Positive(t, three.P99)
	require.GreaterOrEqual(t, three.P99, three.P50)
	require.Positive(t, three.Mean())
	require.Less(t, three.Mean(), time.Minute)
	require.Zero(t, load.Since(seen, seen).ByVersion[shop.ThreeStep].Mean(), "of no answers")
	require.Equal(t, 1, seen.Hurt)
	require.Equal(t, one.Clicks+three.Clicks, seen.All().Clicks)
}

func TestShopThatIsDownIsSeenAsFailing(t *testing.T) {
	_, seen := click(t, load.Options{Users: 3, Rate: 5000}, 50, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	require.Equal(t, seen.ByVersion[""].Clicks, seen.ByVersion[""].Failed)
	require.Positive(t, seen.ByVersion[""].Failed)
}

func TestCustomersBeyondTheBoundAreTurnedAway(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	l, err := load.New(load.Options{URL: server.URL, Rate: 5000, Concurrent: 2})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	require.Eventually(t, func() bool { return l.Seen().Missed > 10 }, time.Minute, time.Millisecond)
	require.Zero(t, l.Seen().All().Clicks)
	close(release)
	cancel()
	<-done
}

func TestImpossibleCustomersAreRefused(t *testing.T) {
	for name, o := range map[string]load.Options{
		"no shop":               {},
		"a negative rate":       {URL: "http://shop", Rate: -1},
		"a swing beyond itself": {URL: "http://shop", Swing: 2},
	} {
		_, err := load.New(o)
		require.Error(t, err, name)
	}
}
