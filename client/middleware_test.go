package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// shop is a service whose page asks a flag and then does as the query says.
func shop(c *client.Client, work http.HandlerFunc) http.Handler {
	f := c.Flag("checkout-v2")
	subject := func(r *http.Request) rampart.Subject { return rampart.Subject{Key: r.URL.Query().Get("user")} }
	return client.Middleware(c, subject)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.OnContext(r.Context())
		f.BoolContext(r.Context(), false)
		work(w, r)
	}))
}

func visit(h http.Handler, user string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?user="+user, nil))
	return w
}

func TestPanicIsCountedAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, registry := newFakeFeed(), prometheus.NewRegistry()
		feed.put(launching(1, rampart.Full, rampart.Debug))
		page := shop(open(t, feed, counted(registry)), func(http.ResponseWriter, *http.Request) { panic("crash") })
		require.PanicsWithValue(t, "crash", func() { visit(page, "ann") })
		require.EqualValues(t, 1, total(scrape(t, registry), "rampart_requests_total", "arm=on", "outcome=error"))
	})
}

func TestMiddlewareKeepsTheAbilitiesOfTheServer(t *testing.T) {
	c := open(t, newFakeFeed())
	server := httptest.NewServer(shop(c, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hijack" {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.Close()
			}
			return
		}
		w.(http.Flusher).Flush()
		_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("copied"))
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			panic(err)
		}
	}))
	defer server.Close()
	answer, err := server.Client().Get(server.URL + "/?user=ann")
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, errors.Join(err, answer.Body.Close()))
	require.Equal(t, "copied", string(body))
	_, err = server.Client().Get(server.URL + "/hijack") //nolint:bodyclose // there is none
	require.Error(t, err)
}

func TestRequestsAreUnitsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		flag := checkout(1, 5000)
		flag.Unit = rampart.Request
		feed.put(flag)
		c := open(t, feed)
		on := 0
		page := shop(c, func(_ http.ResponseWriter, r *http.Request) {
			if c.OnContext(r.Context(), "checkout-v2") {
				on++
			}
		})
		for range 400 {
			visit(page, "ann")
		}
		require.InDelta(t, 200, on, 60)

		traced := httptest.NewRequest(http.MethodGet, "/", nil)
		traced.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		shop(c, func(_ http.ResponseWriter, r *http.Request) {
			require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", client.FromContext(r.Context()).Subject().Request)
		}).ServeHTTP(httptest.NewRecorder(), traced)
	})
}
