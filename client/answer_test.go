package client_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

func TestAnAnswerIsWhatTheFlagServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(launching(1, rampart.Full, rampart.Debug))
		feed.kill("killed-unseen", 1, true)
		c := open(t, feed, counted(registry))

		a := c.Answer(t.Context(), "checkout-v2", &rampart.Subject{Key: "ann"})
		require.Equal(t, c.Decide("checkout-v2", &rampart.Subject{Key: "ann"}), a.Decision)
		require.True(t, a.Served())
		require.Equal(t, []string{production, "checkout-v2"}, []string{a.Environment(), a.Handle().Name()})
		doc, known := a.Document()
		require.True(t, known)
		require.EqualValues(t, 1, doc.Version)
		on, ok := client.Read(&a, (*rampart.Value).Bool)
		require.True(t, on && ok)
		_, ok = client.Read(&a, (*rampart.Value).Text)
		require.False(t, ok || a.Served(), "it is no text, and nothing is served then")
		require.Equal(t, rampart.ReasonWrongType, a.Reason)

		for flag, reason := range map[string]rampart.Reason{"unheard-of": rampart.ReasonUnknownFlag, "killed-unseen": rampart.ReasonKilled} {
			a := c.Answer(t.Context(), flag, &rampart.Subject{Key: "ann"})
			require.Equal(t, reason, a.Reason, flag)
			require.False(t, a.Served(), flag)
			_, ok := client.Read(&a, (*rampart.Value).Bool)
			require.False(t, ok, flag)
		}
		require.Zero(t, total(scrape(t, registry), "rampart_requests_total"), "of no request")
		nobody := c.Answer(t.Context(), "checkout-v2", nil)
		require.Equal(t, rampart.ReasonFull, nobody.Reason)
	})
}

// Whatever comes with the request, an answer is what a handle gives in it.
func TestAnAnswerKeepsToWhatTheCallerOfTheRequestDecided(t *testing.T) {
	for name, c := range map[string]struct {
		baggage string
		kill    bool
		about   *rampart.Subject
		reason  rampart.Reason
		on      bool
		result  string
	}{
		"of the request's subject":             {baggage: "rampart.flags=checkout-v2:on@5", reason: rampart.ReasonCarried, on: true, result: "followed"},
		"named again":                          {baggage: "rampart.flags=checkout-v2:on@5", about: &rampart.Subject{Key: "ann"}, reason: rampart.ReasonCarried, on: true, result: "followed"},
		"as decided here":                      {baggage: "rampart.flags=checkout-v2:off@5", reason: rampart.ReasonSplit, result: "agreed"},
		"not of somebody else":                 {baggage: "rampart.flags=checkout-v2:on@5", about: &rampart.Subject{Key: "bob"}, reason: rampart.ReasonSplit},
		"not by a version that is known later": {baggage: "rampart.flags=checkout-v2:on@2", reason: rampart.ReasonSplit, result: "overruled"},
		"not where it is killed":               {baggage: "rampart.flags=checkout-v2:on@5", kill: true, reason: rampart.ReasonKilled, result: "overruled"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				feed, registry := newFakeFeed(), prometheus.NewRegistry()
				feed.put(launching(3, 1, rampart.Debug))
				feed.kill("checkout-v2", 1, c.kill)
				flags := open(t, feed, counted(registry))
				ctx, r := flags.Receive(t.Context(), rampart.Subject{Key: "ann"}, client.Incoming{Baggage: []string{c.baggage}, Trusted: true})
				a := flags.Answer(ctx, "checkout-v2", c.about)
				require.Equal(t, []any{c.on, c.reason}, []any{a.On, a.Reason})
				on, ok := client.Read(&a, (*rampart.Value).Bool)
				require.Equal(t, []bool{c.on, true}, []bool{on, ok})
				if c.result != "" {
					require.Equal(t, flags.DecideContext(ctx, "checkout-v2"), a.Decision)
				}
				r.End(false)
				series := scrape(t, registry)
				for _, result := range []string{"agreed", "followed", "overruled"} {
					require.Equal(t, result == c.result, total(series, "rampart_carried_decisions_total", "result="+result) > 0, result)
				}
				want := 1.0
				if c.about != nil && c.about.Key == "bob" {
					want = 0 // the request is not work for bob
				}
				require.Equal(t, want, total(series, "rampart_requests_total"))
			})
		})
	}
}

// A job that decides for one user after the other calls services about each of them.
func TestWhatWasDecidedForOneUserIsNotCarriedToWorkForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		feed.put(launching(1, rampart.Full-1, rampart.Debug))
		byRequest := launching(2, rampart.Full, rampart.Debug)
		byRequest.Name, byRequest.Salt, byRequest.Unit, byRequest.Launch = "new-cart", "new-cart", rampart.Request, rampart.LaunchID(production, "new-cart")
		feed.put(byRequest)
		c := open(t, feed)
		ctx, job := c.Begin(t.Context(), rampart.Subject{Request: "nightly"})
		defer job.End(false)
		require.Equal(t, rampart.ReasonSplit, c.Answer(ctx, "checkout-v2", &rampart.Subject{Key: "ann", Request: "nightly"}).Reason)
		require.True(t, c.Answer(ctx, "new-cart", &rampart.Subject{Key: "ann", Request: "nightly"}).On)
		carried := strings.Join(client.Baggage(ctx, nil, false), ",")
		require.Equal(t, "rampart.request=nightly,rampart.flags=new-cart:on@2", carried)
	})
}
