package web_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

func TestWebProviderInChromium(t *testing.T) {
	site := newSite(t)
	w := newWorld(t, site.URL)
	p := openPage(t, site.URL)
	require.Equal(t, "READY", p.use(w.URL(), w.Browser, "eve"))

	// All at once.
	on := p.details(`getBooleanDetails("checkout-v2", false)`)
	require.Equal(t, environment, on.FlagMetadata["flagSetId"])
	require.NotZero(t, on.FlagMetadata["flagVersion"])
	on.FlagMetadata = nil
	require.Equal(t, details{FlagKey: "checkout-v2", Value: true, Variant: "on", Reason: "SPLIT"}, on)
	require.Equal(t, "festive", p.details(`getStringDetails("banner", "none")`).Value)
	require.Equal(t, 25.0, p.details(`getNumberDetails("results", 1)`).Value)
	require.Equal(t, "TYPE_MISMATCH", p.details(`getBooleanDetails("banner", false)`).ErrorCode)
	require.Equal(t, "FLAG_NOT_FOUND", p.details(`getBooleanDetails("staff-first", false)`).ErrorCode, "which the page's token may not see")
	bulk, _ := p.wires()
	require.Equal(t, []int64{200}, bulk, "one answer for all flags")

	// Asked again while nothing has changed, the console says just that.
	p.awaits("the event stream's first word", func(bulk []int64, events []string) bool { return len(events) == 1 && len(bulk) == 2 })
	script[chromedp.Void](p, `window.OpenFeature.setContext({ targetingKey: "eve" })`)
	bulk, _ = p.wires()
	require.Equal(t, []int64{200, 304, 304}, bulk)
	require.Equal(t, true, p.details(`getBooleanDetails("checkout-v2", false)`).Value, "which it still has")

	// A kill reaches the page by itself.
	gone := p.expect("checkout-v2")
	began := time.Now()
	w.kill("checkout-v2")
	gone()
	t.Logf("the page has heard of the kill after %s", time.Since(began).Round(time.Millisecond))
	off := p.details(`getBooleanDetails("checkout-v2", true)`)
	require.Equal(t, false, off.Value)
	require.Equal(t, "DISABLED", off.Reason)
	require.Equal(t, "KILLED", off.FlagMetadata["reason"])
	bulk, events := p.wires()
	require.Equal(t, []int64{200, 304, 304, 200}, bulk)
	require.Len(t, events, 2)
	require.Contains(t, events[1], "refetchEvaluation")
}

func TestKillIsSeenByAPageWhoseConsoleWasAway(t *testing.T) {
	site := newSite(t)
	w := newWorld(t, site.URL)
	p := openPage(t, site.URL)
	require.Equal(t, "READY", p.use(w.URL(), w.Browser, "eve"))
	p.awaits("the event stream's first word", func(bulk []int64, events []string) bool { return len(events) == 1 && len(bulk) == 2 })
	gone := p.expect("checkout-v2")
	w.crash()
	w.kill("checkout-v2")
	w.start()
	gone()
	require.Equal(t, false, p.details(`getBooleanDetails("checkout-v2", true)`).Value)
}

func TestOnlyPagesOfOursWithATokenGetAnAnswer(t *testing.T) {
	ours, stranger := newSite(t), newSite(t)
	w := newWorld(t, ours.URL)
	for _, c := range []struct{ name, site, token, want string }{
		{"ours", ours.URL, w.Browser, "READY"},
		{"a page of somebody else", stranger.URL, w.Browser, "ERROR"},
		{"a token that nobody made", ours.URL, "rampart_browser_AAAA", "FATAL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, openPage(t, c.site).use(w.URL(), c.token, "eve"))
		})
	}
}
