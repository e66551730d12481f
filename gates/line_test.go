package gates_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// A slow Prometheus is asked for no more than a few things at once. Who cannot be
// served in time is blind, and says why.
func TestASlowPrometheusIsNotAskedForEverythingAtOnce(t *testing.T) {
	var running, most atomic.Int64
	enough := make(chan struct{})
	f := newFakePrometheus(t, func(string, time.Time) (int, any) {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-enough
		return http.StatusOK, vector("1")
	})
	p := f.source(t, func(o *gates.PrometheusOptions) {
		o.Concurrent, o.Waiting, o.Timeout = 2, 10, 6*time.Second
	})
	var all sync.WaitGroup
	answers := make(chan error, 40)
	for i := range 40 {
		all.Go(func() {
			_, err := p.Value(t.Context(), fmt.Sprintf("query_%d", i), noon)
			answers <- err
		})
	}
	for range 40 - 2 - 10 { // those that find too many waiting go away at once, the others when they have waited for long
		err := <-answers
		require.ErrorContains(t, err, "was not asked: too many queries are waiting")
		require.Equal(t, rampart.Unreachable, rampart.KindOf(err))
		require.NotEmpty(t, rampart.HintOf(err))
	}
	for range 10 {
		require.ErrorContains(t, <-answers, "too many queries are waiting")
	}
	close(enough)
	all.Wait()
	require.EqualValues(t, 2, most.Load())
	require.NoError(t, <-answers)
	require.NoError(t, <-answers)

	_, err := p.Value(t.Context(), "another", noon)
	require.NoError(t, err, "places are free again")
}

func TestAnOverloadIsBlindAndNeverABreach(t *testing.T) {
	enough := make(chan struct{})
	f := newFakePrometheus(t, func(string, time.Time) (int, any) { <-enough; return http.StatusOK, vector("99") })
	defer close(enough)
	p := f.source(t, func(o *gates.PrometheusOptions) { o.Concurrent, o.Waiting, o.Timeout = 1, 1, 4*time.Second })
	var specs []rampart.Gate
	for i := range 6 {
		g := named(pool(50, 0), fmt.Sprintf("pool-%d", i))
		g.Threshold = &rampart.Threshold{Query: fmt.Sprintf("pool_%d", i), Max: ptr(50)}
		specs = append(specs, g)
	}
	w := newWalk(t, specs...)
	w.judge = gates.New(gates.Options{Source: p})
	v := w.tick()
	require.Equal(t, rampart.Blind, v.Word)
	crowded := 0
	for _, g := range v.Gates {
		require.Equal(t, rampart.Blind, g.Word)
		if g.Reason == g.Gate+": prometheus at "+f.Listener.Addr().String()+" was not asked: too many queries are waiting for it" {
			crowded++
		}
	}
	require.Equal(t, 5, crowded)
}

// A service that was just deployed has new series for every flag. Whether its
// instances were scraped before is asked once.
func TestNewSeriesOfOneServiceAreAskedAboutOnce(t *testing.T) {
	f := newFakePrometheus(t, func(q string, at time.Time) (int, any) {
		if flagsOf(q) == nil {
			return http.StatusOK, vector()
		}
		result := []any{}
		for _, flag := range flagsOf(q) {
			result = append(result, map[string]any{
				"metric": map[string]string{"flag": flag, "arm": "on", "job": "shop", "instance": "a:1"},
				"values": []any{[]any{float64(at.Unix()) - 5, "100"}, []any{float64(at.Unix()) - 1, "110"}},
			})
		}
		return http.StatusOK, map[string]any{"resultType": "matrix", "result": result}
	})
	countAll(t, f.source(t), noon, 100, "requests_total")
	ups := 0
	for _, q := range f.asked() {
		if flagsOf(q) == nil {
			ups++
		}
	}
	require.Equal(t, 1, ups)
}

// A launch that is looked at seldom is asked about together with one that always is,
// and only when it is about to come.
func TestALaunchIsAskedAboutWhenItIsDue(t *testing.T) {
	f := newFakePrometheus(t, func(q string, at time.Time) (int, any) { return http.StatusOK, matrix(q, at, 2) })
	p := f.source(t)
	for tick := range 3 {
		at := noon.Add(time.Duration(tick) * time.Minute)
		for quarter := range 4 {
			at := at.Add(time.Duration(quarter) * 15 * time.Second)
			countOne(t, p, "always", at, 15*time.Second)
			if quarter == 0 {
				countOne(t, p, "seldom", at, time.Minute)
			}
		}
	}
	var queries []string
	for _, q := range f.asked() {
		if flagsOf(q) != nil {
			queries = append(queries, q)
		}
	}
	require.Len(t, queries, 1+3*4, "one for each tick, but for the first, when nobody knew of either")
	for i, q := range queries[1+4:] {
		want := []string{"always"}
		if i%4 == 0 {
			want = []string{"always", "seldom"}
		}
		require.Equal(t, want, flagsOf(q), "query %d", i)
	}
}

func countOne(t *testing.T, p *gates.Prometheus, flag string, at time.Time, pace time.Duration) {
	t.Helper()
	got := p.Count(t.Context(), gates.CountQuery{
		Flag: flag, To: at, Every: 15 * time.Second, Pace: pace, Counters: []gates.Counter{{Selector: "requests_total", From: at.Add(-pace)}},
	})
	require.NoError(t, got[0].Err)
}
