package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// served is what a service that trusts its caller serves of checkout-v2.
func served(t *testing.T, c *client.Client, s rampart.Subject, baggage ...string) rampart.Decision {
	t.Helper()
	ctx, r := c.Receive(t.Context(), s, client.Incoming{Baggage: baggage, Trusted: true})
	defer r.End(false)
	return c.DecideContext(ctx, "checkout-v2")
}

func TestServicesAgreeAboutARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feeds := [2]*fakeFeed{newFakeFeed(), newFakeFeed()}
		var services [2]*client.Client
		for i, feed := range feeds {
			byRequest := launching(1, 5000, rampart.Debug)
			byRequest.Unit = rampart.Request
			feed.put(byRequest)
			byUser := launching(1, 5000, rampart.Debug)
			byUser.Name, byUser.Salt, byUser.Launch = "new-cart", "new-cart", rampart.LaunchID(production, "new-cart")
			feed.put(byUser)
			services[i] = open(t, feed)
		}
		behind := httptest.NewServer(client.TrustingMiddleware(services[1], func(*http.Request) bool { return true },
			func(*http.Request) rampart.Subject { return rampart.Subject{} })(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, services[1].OnContext(r.Context(), "checkout-v2"), services[1].OnContext(r.Context(), "new-cart"))
		})))
		defer behind.Close()
		outgoing := http.Client{Transport: client.Transport(behind.Client().Transport, client.Carry{})}
		edge := client.Middleware(services[0], func(r *http.Request) rampart.Subject {
			return rampart.Subject{Key: r.URL.Query().Get("user")}
		})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mine := fmt.Sprint(services[0].OnContext(r.Context(), "checkout-v2"), services[0].OnContext(r.Context(), "new-cart"))
			call, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, behind.URL, nil)
			answer, err := outgoing.Do(call)
			require.NoError(t, err)
			defer answer.Body.Close()
			theirs := make([]byte, len(mine))
			_, err = answer.Body.Read(theirs)
			require.True(t, err == nil || err.Error() == "EOF", err)
			require.Equal(t, mine, string(theirs))
			require.Empty(t, call.Header, "the request of the caller must not change")
			_, _ = w.Write(theirs)
		}))
		seen := map[string]bool{}
		for i := range 40 {
			seen[visit(edge, fmt.Sprintf("user-%d", i)).Body.String()] = true
		}
		require.Len(t, seen, 4, "every combination")
	})
}

func TestWhatACallerDecidedIsFollowed(t *testing.T) {
	onAt5 := "rampart.flags=checkout-v2:on@5"
	for name, c := range map[string]struct {
		flag    func(*rampart.Flag)
		kill    bool
		subject rampart.Subject
		baggage string
		on      bool
		arm     rampart.Arm
		reason  rampart.Reason
		result  string
	}{
		"by a service that lags": {baggage: onAt5, on: true, arm: rampart.ArmOn, reason: rampart.ReasonCarried, result: "followed"},
		"by one of the same version, which knows less": {
			flag: func(f *rampart.Flag) {
				f.Version = 5
				f.Where = []rampart.Rule{{Attribute: "region", In: []string{"eu"}}}
			},
			baggage: onAt5, on: true, arm: rampart.ArmOn, reason: rampart.ReasonCarried, result: "followed",
		},
		"as served off in the shadow":                  {baggage: "rampart.flags=checkout-v2:shadow@5", arm: rampart.ArmOn, reason: rampart.ReasonCarried, result: "followed"},
		"not by one that knows better":                 {subject: rampart.Subject{Key: "ann"}, flag: func(f *rampart.Flag) { f.Version = 6 }, baggage: onAt5, arm: rampart.ArmOff, reason: rampart.ReasonSplit, result: "overruled"},
		"not where the flag is killed":                 {kill: true, baggage: onAt5, reason: rampart.ReasonKilled, result: "overruled"},
		"not where the reader is too old":              {flag: func(f *rampart.Flag) { f.Format = rampart.FlagFormat + 1 }, baggage: onAt5, reason: rampart.ReasonUnsupportedRule, result: "overruled"},
		"not for another subject":                      {subject: rampart.Subject{Key: "bob"}, baggage: "rampart.key=ann," + onAt5, arm: rampart.ArmOff, reason: rampart.ReasonSplit},
		"not in another request":                       {subject: rampart.Subject{Key: "ann", Request: "r2"}, baggage: "rampart.request=r1," + onAt5, arm: rampart.ArmOff, reason: rampart.ReasonSplit},
		"and told apart from being decided alike":      {baggage: "rampart.flags=checkout-v2:off@5", subject: rampart.Subject{Key: "ann"}, arm: rampart.ArmOff, reason: rampart.ReasonSplit, result: "agreed"},
		"without properties and blanks around it":      {baggage: "other=1 , rampart.flags = checkout-v2:on@5 ; p=1", on: true, arm: rampart.ArmOn, reason: rampart.ReasonCarried, result: "followed"},
		"but not where it is malformed":                {baggage: "rampart.flags=checkout-v2:on@x/checkout-v2:maybe@5/:on@5/checkout-v2", reason: rampart.ReasonNoUnit},
		"nor where there is too much baggage":          {baggage: onAt5 + "," + strings.Repeat("x=y,", 3000), reason: rampart.ReasonNoUnit},
		"nor of a flag that comes after too many":      {baggage: "rampart.flags=" + strings.Repeat("a:on@1/", 32) + "checkout-v2:on@5", reason: rampart.ReasonNoUnit},
		"and its key is the subject, if there is none": {baggage: "rampart.key=ann%40example.com", arm: rampart.ArmOff, reason: rampart.ReasonSplit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				feed, registry := newFakeFeed(), prometheus.NewRegistry()
				flag := launching(1, 1, rampart.Debug)
				if c.flag != nil {
					c.flag(&flag)
				}
				feed.put(flag)
				feed.kill("checkout-v2", 1, c.kill)
				d := served(t, open(t, feed, counted(registry)), c.subject, c.baggage)
				require.Equal(t, []any{c.on, c.arm, c.reason.String()}, []any{d.On, d.Arm, d.Reason.String()})
				series := scrape(t, registry)
				for _, result := range []string{"agreed", "followed", "overruled"} {
					want := 0.0
					if result == c.result {
						want = 1
					}
					require.Equal(t, want, total(series, "rampart_carried_decisions_total", "result="+result), result)
				}
				if c.reason != rampart.ReasonUnsupportedRule { // of which nobody knows the launch
					require.EqualValues(t, 1, total(series, "rampart_requests_total", "arm="+c.arm.String()))
				}
				if c.subject.Key == "" && !strings.Contains(c.baggage, "rampart.key") {
					require.Zero(t, total(series, "rampart_exposed_units_total"), "nobody knows whom")
				}
			})
		})
	}
}

func TestBaggageOfUsersIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(launching(1, 0, rampart.Debug))
		c := open(t, feed)
		forged := httptest.NewRequest(http.MethodGet, "/?user=ann", nil)
		forged.Header.Set("Baggage", "tenant=7,rampart.request=r1,rampart.key=bob,rampart.flags=checkout-v2:on@9")
		page := shop(c, func(_ http.ResponseWriter, r *http.Request) {
			require.False(t, c.OnContext(r.Context(), "checkout-v2"))
			require.Equal(t, "ann", client.FromContext(r.Context()).Subject().Key)
			require.NotEqual(t, "r1", client.FromContext(r.Context()).Subject().Request)
			require.Equal(t, "tenant=7", r.Header.Get("Baggage"), "nobody behind is told")
		})
		page.ServeHTTP(httptest.NewRecorder(), forged)
		require.Contains(t, forged.Header.Get("Baggage"), "rampart.key", "the server's own request must not change")
	})
}

func TestDecisionsAreCarriedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(launching(3, rampart.Full, rampart.Debug))
		c := open(t, feed)
		say := func(s rampart.Subject, withKey bool, theirs ...string) string {
			ctx, r := c.Receive(t.Context(), s, client.Incoming{Baggage: theirs, Trusted: true})
			defer r.End(false)
			c.OnContext(ctx, "checkout-v2")
			return strings.Join(client.Baggage(ctx, []string{"tenant=7;p=1", "rampart.flags=forged:on@1"}, withKey), "|")
		}
		subject := rampart.Subject{Key: "ann, 50 % \"é\"", Request: "r1"}
		require.Equal(t, "tenant=7;p=1,rampart.request=r1,rampart.flags=checkout-v2:on@3", say(subject, false))
		require.Equal(t, "tenant=7;p=1,rampart.request=r1,rampart.key=ann%2C%2050%20%25%20%22%C3%A9%22,rampart.flags=checkout-v2:on@3", say(subject, true))
		require.Equal(t, "tenant=7;p=1,rampart.request=r1,rampart.flags=checkout-v2:off@4/new-cart:out@2",
			say(subject, false, "rampart.request=r1,rampart.flags=new-cart:out@2/checkout-v2:off@4"), "also those of other services, with the version that gave them")
		long := rampart.Subject{Key: strings.Repeat("é", 200), Request: "r1"}
		require.NotContains(t, say(long, true), "rampart.key", "too long")
		ctx, r := c.Begin(t.Context(), subject)
		defer r.End(false)
		require.Len(t, strings.Split(client.Baggage(ctx, []string{strings.Repeat("x=y,", 64)}, true)[0], ","), 64, "none of ours is one too many")
		require.Equal(t, []string{"x=y"}, client.Baggage(context.Background(), []string{"x=y"}, true), "no request")
	})
}

func FuzzBaggage(f *testing.F) {
	for _, seed := range []string{
		"", "rampart.key=ann%40example.com,rampart.request=r1;p, rampart.flags=checkout-v2:on@5/new-cart:out@6",
		"rampart.key=%zz", "rampart.flags=:::@@@///", ",,=,;=", "rampart.flags=checkout-v2:on@99999999999999999999",
	} {
		f.Add(seed, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	}
	feed := newFakeFeed()
	feed.put(launching(1, 5000, rampart.Debug))
	c, err := client.Open(context.Background(), client.Options{Environment: production, Feed: feed, Logger: quiet})
	require.NoError(f, err)
	f.Cleanup(func() { _ = c.Close() })
	f.Fuzz(func(t *testing.T, baggage, traceparent string) {
		ctx, r := c.Receive(t.Context(), rampart.Subject{}, client.Incoming{Baggage: []string{baggage}, Traceparent: traceparent, Trusted: true})
		d := c.DecideContext(ctx, "checkout-v2")
		r.End(true)
		require.NotEmpty(t, r.Subject().Request)
		require.LessOrEqual(t, len(r.Subject().Request), 128)
		require.LessOrEqual(t, len(r.Subject().Key), 256)
		told := client.Baggage(ctx, nil, true)
		require.Len(t, told, 1)
		require.LessOrEqual(t, len(told[0]), 2048)
		again, next := c.Receive(t.Context(), rampart.Subject{}, client.Incoming{Baggage: told, Trusted: true})
		defer next.End(false)
		require.Equal(t, r.Subject().Request, next.Subject().Request)
		require.Equal(t, r.Subject().Key, next.Subject().Key)
		require.Equal(t, d.On, c.OnContext(again, "checkout-v2"))
		for _, kept := range client.StripBaggage([]string{baggage}) {
			require.NotContains(t, strings.Split(kept, ","), "rampart.key=ann")
		}
	})
}
