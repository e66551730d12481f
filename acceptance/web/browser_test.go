package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// newSite serves an empty page, with the shop's bundle for its scripts.
func newSite(t testing.TB) *httptest.Server {
	t.Helper()
	js, err := os.ReadFile(bundleFile)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, `<!doctype html><title>page</title>`)
	})
	mux.HandleFunc("GET /openfeature.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(js)
	})
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	return site
}

// A page is one tab of a Chromium of its own, and what went over its wires.
type page struct {
	t   testing.TB
	ctx context.Context

	mu     sync.Mutex
	asked  map[network.RequestID]bool
	bulk   []int64  // statuses of bulk evaluations, in order
	events []string // what came by event stream
	wrong  []string // what scripts of the page have thrown
}

// openPage opens one. It ends with the test.
func openPage(t testing.TB, url string) *page {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(cached(t, "bin", "chromium")), chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(patience),
		chromedp.NoSandbox, // root can have none, and the only pages are the test's
		chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	ctx, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeTab := chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {})) // of events that it does not know
	p := &page{t: t, ctx: ctx, asked: map[network.RequestID]bool{}}
	t.Cleanup(func() {
		closeTab()
		end()
		if t.Failed() {
			t.Logf("bulk answers: %v; events: %q; thrown: %q", p.bulk, p.events, p.wrong)
		}
	})
	require.NoError(t, chromedp.Listen(ctx, p.hear))
	p.do(chromedp.Navigate(url))
	return p
}

// hear keeps what goes over the wires. Preflights are no evaluations.
func (p *page) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.asked[e.RequestID] = e.Request.Method == http.MethodPost
	case *network.EventResponseReceived:
		if p.asked[e.RequestID] {
			p.bulk = append(p.bulk, e.Response.Status)
		}
	case *network.EventEventSourceMessageReceived:
		p.events = append(p.events, e.Data)
	case *runtime.EventExceptionThrown:
		p.wrong = append(p.wrong, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	}
}

// wires returns what has gone over them.
func (p *page) wires() (bulk []int64, events []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.bulk), slices.Clone(p.events)
}

// awaits waits for what goes over the wires.
func (p *page) awaits(what string, is func(bulk []int64, events []string) bool) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return is(p.wires()) }, patience, tick, what)
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, actions...))
}

// script runs one, waits for its promise, and returns what it comes to.
func script[T any](p *page, text string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T](text, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, text)
	return result
}

// use makes the provider that a page of ours would, without polling, and waits until it
// is ready or has given up. It returns its status.
func (p *page) use(url, token, user string) (status string) {
	p.t.Helper()
	options, err := json.Marshal(map[string]any{
		"baseUrl": url, "headers": [][]string{{"Authorization", "Bearer " + token}}, "pollInterval": 0, "cacheMode": "disabled",
	})
	require.NoError(p.t, err)
	return script[string](p, fmt.Sprintf(`(async () => {
		const { OpenFeature, OFREPWebProvider, ProviderEvents } = await import("/openfeature.js");
		window.OpenFeature = OpenFeature;
		window.flags = OpenFeature.getClient();
		window.changed = (flag) => new Promise((resolve) => {
			flags.addHandler(ProviderEvents.ConfigurationChanged, ({ flagsChanged }) => flagsChanged.includes(flag) && resolve());
		});
		try {
			await OpenFeature.setProviderAndWait(new OFREPWebProvider(%s), { targetingKey: %q });
		} catch {}
		return flags.providerStatus;
	})()`, options, user))
}

// details asks the provider as a page would.
func (p *page) details(call string) details {
	p.t.Helper()
	return script[details](p, "window.flags."+call)
}

// expect begins to listen for a change of a flag. What it returns waits for it.
func (p *page) expect(flag string) (wait func()) {
	p.t.Helper()
	script[chromedp.Void](p, fmt.Sprintf(`void (window.change = window.changed(%q))`, flag))
	return func() { script[chromedp.Void](p, `window.change`) }
}
