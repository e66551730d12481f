package client_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/murmur3"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// The scenario of the benchmarks: a rule that does not match and a quarter of the
// users, among a thousand flags.
const benchKey = "user-4711-0815"

var (
	benchSubject = &rampart.Subject{Key: benchKey, Attributes: []rampart.Attr{{Name: "region", Value: "us-east-1"}}}
	benchHash    atomic.Uint32
	benchOn      int
)

func benchClient(tb testing.TB) *client.Client {
	feed := newFakeFeed()
	for i := range 1000 {
		f := checkout(1, 2500)
		f.Name = fmt.Sprintf("checkout-v%d", i)
		f.Salt = f.Name
		f.Include = []rampart.Rule{{Attribute: "region", In: []string{"eu-west-1"}}}
		if i%10 == 0 {
			f.Launch, f.Phase = rampart.LaunchID(production, f.Name), rampart.Debug
		}
		feed.put(f)
	}
	c, err := client.Open(tb.Context(), client.Options{Environment: production, Feed: feed, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = c.Close() })
	require.True(tb, c.Ready())
	return c
}

// BenchmarkHash is the yardstick: one murmur3, by a well-known library, of the bytes
// that the bucketing hashes, and an atomic load.
func BenchmarkHash(b *testing.B) {
	key := "checkout-v2" + benchKey
	var p atomic.Pointer[string]
	p.Store(&key)
	var sum uint32
	for b.Loop() {
		sum += murmur3.StringSum32(*p.Load())
	}
	benchHash.Add(sum)
}

// BenchmarkHashOfKey is a shorter yardstick: the unit's key alone.
func BenchmarkHashOfKey(b *testing.B) {
	key := benchKey
	var p atomic.Pointer[string]
	p.Store(&key)
	var sum uint32
	for b.Loop() {
		sum += murmur3.StringSum32(*p.Load())
	}
	benchHash.Add(sum)
}

func BenchmarkDecideHandle(b *testing.B) {
	f := benchClient(b).Flag("checkout-v2")
	b.ReportAllocs()
	for b.Loop() {
		if f.Bool(benchSubject, false) {
			benchOn++
		}
	}
}

func BenchmarkDecideHandleOn(b *testing.B) {
	f := benchClient(b).Flag("checkout-v2")
	b.ReportAllocs()
	for b.Loop() {
		if f.On(benchSubject) {
			benchOn++
		}
	}
}

func BenchmarkDecideName1000(b *testing.B) {
	c := benchClient(b)
	b.ReportAllocs()
	for b.Loop() {
		if c.Bool("checkout-v2", benchSubject, false) {
			benchOn++
		}
	}
}

func BenchmarkDecideDetails(b *testing.B) {
	f := benchClient(b).Flag("checkout-v2")
	b.ReportAllocs()
	for b.Loop() {
		if f.Decide(benchSubject).On {
			benchOn++
		}
	}
}

// BenchmarkDecideCounted is one decision by context, counted, within a request.
func BenchmarkDecideCounted(b *testing.B) {
	c := benchClient(b)
	f := c.Flag("checkout-v10")
	ctx, r := c.Begin(b.Context(), *benchSubject)
	b.ReportAllocs()
	for b.Loop() {
		if f.BoolContext(ctx, false) {
			benchOn++
		}
	}
	r.End(false)
}

// BenchmarkDecideCountedFour is a whole request that decides four flags: what is
// reported is a quarter of it.
func BenchmarkDecideCountedFour(b *testing.B) {
	c := benchClient(b)
	flags := [4]*client.Flag{c.Flag("checkout-v10"), c.Flag("checkout-v20"), c.Flag("checkout-v30"), c.Flag("checkout-v40")}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		ctx, r := c.Begin(b.Context(), *benchSubject)
		for _, f := range flags {
			if f.BoolContext(ctx, false) {
				benchOn++
			}
		}
		r.End(false)
		n++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(4*n), "ns/decision")
}

// BenchmarkRequest is what is added to a request that asks one flag.
func BenchmarkRequest(b *testing.B) {
	c := benchClient(b)
	f := c.Flag("checkout-v10")
	b.ReportAllocs()
	for b.Loop() {
		ctx, r := c.Begin(b.Context(), *benchSubject)
		if f.OnContext(ctx) {
			benchOn++
		}
		r.End(false)
	}
}

// BenchmarkMiddleware is what the middleware adds to an HTTP request that asks one flag;
// BenchmarkMiddlewareFour, to one that asks four.
func BenchmarkMiddleware(b *testing.B)     { benchMiddleware(b, 1) }
func BenchmarkMiddlewareFour(b *testing.B) { benchMiddleware(b, 4) }

func benchMiddleware(b *testing.B, n int) {
	c := benchClient(b)
	var flags []*client.Flag
	for i := range n {
		flags = append(flags, c.Flag(fmt.Sprintf("checkout-v%d0", i+1)))
	}
	page := client.Middleware(c, func(*http.Request) rampart.Subject { return *benchSubject })(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, f := range flags {
			if f.OnContext(r.Context()) {
				benchOn++
			}
		}
	}))
	w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	req.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	b.ReportAllocs()
	for b.Loop() {
		page.ServeHTTP(w, req)
	}
}

func TestARequestWithFourFlagsAllocatesOnce(t *testing.T) {
	c := benchClient(t)
	flags := [4]*client.Flag{c.Flag("checkout-v10"), c.Flag("checkout-v20"), c.Flag("checkout-v30"), c.Flag("checkout-v40")}
	ctx := t.Context()
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		ctx, r := c.Begin(ctx, *benchSubject)
		for _, f := range flags {
			f.BoolContext(ctx, false)
		}
		r.End(false)
	}), 1.0)
}

func TestDecidingAllocatesNothing(t *testing.T) {
	c := benchClient(t)
	f := c.Flag("checkout-v2")
	ways := map[string]func(){
		"on by handle":      func() { f.On(benchSubject) },
		"bool by handle":    func() { f.Bool(benchSubject, false) },
		"string by handle":  func() { f.String(benchSubject, "") },
		"json by handle":    func() { f.JSON(benchSubject, nil) },
		"details by handle": func() { f.Decide(benchSubject) },
		"bool by name":      func() { c.Bool("checkout-v2", benchSubject, false) },
		"an unknown name":   func() { c.Bool("unheard-of", benchSubject, false) },
		"no subject":        func() { f.Bool(nil, false) },
	}
	for name, ask := range ways {
		t.Run(name, func(t *testing.T) {
			require.Zero(t, testing.AllocsPerRun(1000, ask))
		})
	}
	ctx, r := c.Begin(t.Context(), *benchSubject)
	defer r.End(false)
	counted := c.Flag("checkout-v10")
	require.Zero(t, testing.AllocsPerRun(1000, func() { counted.BoolContext(ctx, false) }))
}
