package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// observer keeps what it is told.
type observer struct {
	mu   sync.Mutex
	told []client.Observation
}

func (o *observer) observe(_ context.Context, what client.Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, what)
}

func (o *observer) take() []client.Observation {
	o.mu.Lock()
	defer o.mu.Unlock()
	told := o.told
	o.told = nil
	return told
}

func signals(s client.Signals) func(*client.Options) {
	return func(o *client.Options) { o.Signals = s }
}

func TestObserversAreToldOnceARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, o := newFakeFeed(), &observer{}
		feed.put(launching(7, rampart.Full, rampart.Debug))
		other := checkout(1, rampart.Full)
		other.Name = "no-launch"
		feed.put(other)
		open := func(salt string) *client.Client {
			return open(t, feed, signals(client.Signals{
				Observers: []func(context.Context, client.Observation){func(context.Context, client.Observation) { panic("defect") }, o.observe},
				Share:     rampart.Full, Salt: []byte(salt), Attributes: []string{"region"}, Session: "session",
			}))
		}
		c := open("secret")
		ctx, r := c.Begin(t.Context(), rampart.Subject{Key: "ann", Request: "r1", Attributes: []rampart.Attr{
			{Name: "region", Value: "eu"}, {Name: "email", Value: "ann@example.com"}, {Name: "session", Value: "s1"},
		}})
		for range 3 {
			require.True(t, c.OnContext(ctx, "checkout-v2"))
			c.OnContext(ctx, "no-launch")
		}
		r.End(false)
		r.End(false)
		c.OnContext(ctx, "checkout-v2")
		told := o.take()
		require.Len(t, told, 1)
		require.Equal(t, c.Decide("checkout-v2", r.Subject()), told[0].Decision)
		require.Equal(t, "r1", told[0].Request)
		require.Equal(t, production, told[0].Environment)
		require.Equal(t, []rampart.Attr{{Name: "region", Value: "eu"}}, told[0].Attributes, "the others are nobody's business")
		require.Regexp(t, "^[0-9a-f]{32}$", told[0].Subject)
		require.Regexp(t, "^[0-9a-f]{32}$", told[0].Session)

		as := func(c *client.Client, key string) string {
			ctx, r := c.Begin(t.Context(), rampart.Subject{Key: key, Request: "r2"})
			c.OnContext(ctx, "checkout-v2")
			r.End(false)
			return o.take()[0].Subject
		}
		require.Equal(t, told[0].Subject, as(open("secret"), "ann"), "one salt, one hash")
		require.NotEqual(t, told[0].Subject, as(c, "bob"))
		require.NotEqual(t, told[0].Subject, as(open("other"), "ann"))
		require.NotEqual(t, as(open(""), "ann"), as(open(""), "ann"), "without a salt each process has its own")
		require.Empty(t, as(c, ""))
	})
}

// sampled returns which of a thousand requests are told of.
func sampled(t *testing.T, c *client.Client, o *observer) map[string]bool {
	t.Helper()
	for i := range 1000 {
		ctx, r := c.Begin(t.Context(), rampart.Subject{Key: "ann", Request: fmt.Sprintf("request-%d", i)})
		c.OnContext(ctx, "checkout-v2")
		r.End(false)
	}
	in := map[string]bool{}
	for _, what := range o.take() {
		in[what.Request] = true
	}
	return in
}

func TestAFlagSamplesTelemetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, o := newFakeFeed(), &observer{}
		feed.put(launching(1, rampart.Full, rampart.Debug))
		c := open(t, feed, signals(client.Signals{Observers: []func(context.Context, client.Observation){o.observe}}))
		require.InDelta(t, 100, len(sampled(t, c, o)), 40, "by default")

		version := int64(0)
		say := func(value string, change func(*rampart.Flag)) map[string]bool {
			version++
			flag := checkout(version, rampart.Full)
			flag.Name, flag.Salt, flag.Type = "telemetry-sampling", "telemetry-sampling", rampart.Operations
			flag.Off, flag.On = []byte("0"), []byte(value)
			if change != nil {
				change(&flag)
			}
			feed.publish(feed.put(flag))
			synctest.Wait()
			return sampled(t, c, o)
		}
		quarter, half := say("0.25", nil), say("0.5", nil)
		require.InDelta(t, 250, len(quarter), 60)
		require.InDelta(t, 500, len(half), 80)
		for request := range quarter {
			require.Contains(t, half, request, "whoever is in at a quarter is in at a half")
		}
		require.Len(t, say("1", nil), 1000)
		require.Len(t, say("true", nil), 1000)
		require.Empty(t, say("false", nil))
		require.InDelta(t, 100, len(say("25", nil)), 40, "a number that may mean anything is not guessed")
		require.InDelta(t, 100, len(say(`"all"`, nil)), 40)
		require.Empty(t, say("1", func(f *rampart.Flag) { f.Exposure = 0 }))
		say("1", nil)
		feed.publish(feed.kill("telemetry-sampling", 1, true))
		synctest.Wait()
		require.Empty(t, sampled(t, c, o), "a kill stops it")
	})
}

func TestDecisionsOfARequestAreBounded(t *testing.T) {
	feed, o := newFakeFeed(), &observer{}
	for i := range 10_000 {
		f := launching(1, rampart.Full, rampart.Debug)
		f.Name = fmt.Sprintf("flag-%d", i)
		f.Launch = "one" // series of ten thousand launches are not what is tested
		if i >= 1100 {
			f.Launch = ""
		}
		feed.put(f)
	}
	c := open(t, feed, signals(client.Signals{Observers: []func(context.Context, client.Observation){o.observe}, Share: rampart.Full}))
	ctx, r := c.Begin(t.Context(), *ann)
	for i := range 10_000 {
		require.True(t, c.OnContext(ctx, fmt.Sprintf("flag-%d", i)))
	}
	n := 0
	for range r.Decisions() {
		n++
	}
	require.Equal(t, 1000, n)
	require.Len(t, o.take(), 1000)
	baggage := client.Baggage(ctx, nil, true)
	require.LessOrEqual(t, len(baggage[0]), 2048)
	require.Equal(t, 31, strings.Count(baggage[0], "/"), "32 flags")
	var out bytes.Buffer
	slog.New(client.LogHandler(slog.NewJSONHandler(&out, nil))).InfoContext(ctx, "paid")
	require.Less(t, out.Len(), 1000)
	require.Contains(t, out.String(), `"flags_more":984`)
	r.End(true)
}

func TestLogLinesTellOfFlags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(launching(1, rampart.Full, rampart.Debug))
		c := open(t, feed)
		var out bytes.Buffer
		log := slog.New(client.LogHandler(slog.NewJSONHandler(&out, nil))).With("service", "shop")
		ctx, r := c.Begin(t.Context(), rampart.Subject{Key: "ann", Request: "r1"})
		line := func(ctx context.Context, log *slog.Logger) map[string]any {
			out.Reset()
			log.InfoContext(ctx, "paid", "amount", 5)
			fields := map[string]any{}
			require.NoError(t, json.Unmarshal(out.Bytes(), &fields))
			return fields
		}
		require.NotContains(t, line(ctx, log), "flags", "nothing is decided yet")
		c.OnContext(ctx, "checkout-v2")
		r.End(false)
		got := line(ctx, log)
		require.Equal(t, map[string]any{"checkout-v2": "on"}, got["flags"])
		require.Equal(t, "r1", got["request_id"])
		require.Equal(t, "shop", got["service"])
		require.NotContains(t, out.String(), "ann")
		require.NotContains(t, line(t.Context(), log), "request_id")
		require.Contains(t, line(ctx, log.WithGroup("http"))["http"], "flags")
	})
}

func exposition(t *testing.T, g prometheus.Gatherer, accept string) string {
	t.Helper()
	req, w := httptest.NewRequest(http.MethodGet, "/metrics", nil), httptest.NewRecorder()
	req.Header.Set("Accept", accept)
	promhttp.HandlerFor(g, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, req)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	return w.Body.String()
}

func TestErrorsAndSlowRequestsHaveExemplars(t *testing.T) {
	const openMetrics = "application/openmetrics-text; version=1.0.0"
	trace := func(i int) string { return fmt.Sprintf("%032x", i) }
	for name, c := range map[string]struct {
		change func(*client.Options)
		flags  string
		want   []int // of the three requests: well, failed, slow
	}{
		"by default":                  {want: []int{2, 3}},
		"not of traces not kept":      {flags: "00"},
		"slow ones as far as is said": {change: func(o *client.Options) { o.Signals.Slow = -1 }, want: []int{2}},
		"of tracing":                  {change: func(o *client.Options) { o.Signals.Trace = func(context.Context) string { return trace(3) } }, want: []int{3}},
		"not where tracing panics":    {change: func(o *client.Options) { o.Signals.Trace = func(context.Context) string { panic("defect") } }},
		"not where it talks nonsense": {change: func(o *client.Options) { o.Signals.Trace = func(context.Context) string { return "\xff" } }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				feed, registry := newFakeFeed(), prometheus.NewRegistry()
				feed.put(launching(1, rampart.Full, rampart.Debug))
				if c.change == nil {
					c.change = func(*client.Options) {}
				}
				flags := open(t, feed, counted(registry), c.change)
				request := func(i int, failed bool, took time.Duration) {
					traceparent := fmt.Sprintf("00-%s-00f067aa0ba902b7-%s", trace(i), map[bool]string{true: "01", false: c.flags}[c.flags == ""])
					ctx, r := flags.Receive(t.Context(), *ann, client.Incoming{Traceparent: traceparent})
					require.Equal(t, trace(i), r.Subject().Request)
					flags.OnContext(ctx, "checkout-v2")
					pass(took)
					r.End(failed)
				}
				request(1, false, time.Millisecond)
				request(2, true, time.Millisecond)
				request(3, false, 20*time.Second)
				text := exposition(t, registry, openMetrics)
				for i := 1; i <= 3; i++ {
					want := false
					for _, w := range c.want {
						want = want || w == i
					}
					require.Equal(t, want, strings.Contains(text, trace(i)), "%d in\n%s", i, text)
				}
				require.NotContains(t, exposition(t, registry, "text/plain"), "trace_id")
				require.EqualValues(t, 3, total(scrape(t, registry), "rampart_requests_total", "arm=on"))
			})
		})
	}
}

func TestTraceparentsThatAreMalformedAreNoIDs(t *testing.T) {
	c := open(t, newFakeFeed())
	const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for name, header := range map[string]string{
		"nothing":            "",
		"too short":          good[:54],
		"too long":           good + "-00",
		"upper case":         strings.ToUpper(good),
		"no trace":           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"no parent":          "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"forbidden version":  "ff" + good[2:],
		"a line in it":       "00-4bf92f3577b34da6\n3ce929d0e0e4736-00f067aa0ba902b7-01",
		"other separators":   strings.ReplaceAll(good, "-", "_"),
		"a later one, badly": "01" + good[2:] + "x",
	} {
		_, r := c.Receive(t.Context(), rampart.Subject{}, client.Incoming{Traceparent: header})
		require.Regexp(t, "^[0-9a-f]{32}$", r.Subject().Request, name)
		require.NotEqual(t, "4bf92f3577b34da6a3ce929d0e0e4736", r.Subject().Request, name)
	}
	for _, header := range []string{good, "01" + good[2:] + "-what-comes"} {
		_, r := c.Receive(t.Context(), rampart.Subject{}, client.Incoming{Traceparent: header})
		require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", r.Subject().Request)
	}
}

func TestARequestThatIsNone(t *testing.T) {
	var r *client.Request
	r.End(true)
	r.EndUntimed(true)
	require.Nil(t, r.Subject())
	for range r.Decisions() {
		require.Fail(t, "there are none")
	}
}
