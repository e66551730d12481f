package relay_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client/relayed"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/relay"
)

// Nothing tells that a subscription starves: its connection is open, and answers PING.
func TestSubscriptionOfTheRelayStarves(t *testing.T) {
	s := newStand(t)
	s.write(checkout(1, rampart.Full))
	proxy := redistest.StartProxy(t)
	proxy.Lead(s.redis.Addr())
	s.config.Store.URL = strings.Replace(s.config.Store.URL, s.redis.Addr(), proxy.Addr(), 1)
	s.process()
	c := s.read()
	proxy.Treat(func(l redistest.Line) redistest.Fate { return redistest.Fate{Starve: l.Listen} })
	_, err := s.store.Kill(t.Context(), "checkout-v2", "ann@example.com", "fire")
	require.NoError(t, err)
	eventually(t, "the kill comes through", func() bool { return c.Decide("checkout-v2", ann).Reason == rampart.ReasonKilled })
	s.confirmed(1)

	proxy.Treat(nil)
	s.write(checkout(2, rampart.Full))
	s.confirmed(1)
}

// confirmed waits until so many readers are where the store is.
func (s *stand) confirmed(readers int) {
	s.t.Helper()
	_, revision, err := s.store.Revision(s.t.Context())
	require.NoError(s.t, err)
	eventually(s.t, "readers have confirmed", func() bool {
		confirmed, total, err := s.store.Confirmed(s.t.Context(), revision)
		return err == nil && confirmed == readers && total == readers
	})
}

// A starver swallows what a relay says on streams of changes while it is told to.
type starver struct {
	http.Handler
	starve atomic.Bool
	began  atomic.Int64 // streams
}

func (s *starver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if strings.HasSuffix(q.URL.Path, "/"+relayed.PathChanges) {
		s.began.Add(1)
		w = &swallowing{w, s}
	}
	s.Handler.ServeHTTP(w, q)
}

type swallowing struct {
	http.ResponseWriter
	*starver
}

func (w *swallowing) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w *swallowing) Header() http.Header         { return w.ResponseWriter.Header() }
func (w *swallowing) WriteHeader(status int)      { w.ResponseWriter.WriteHeader(status) }
func (w *swallowing) Write(b []byte) (int, error) {
	if w.starve.Load() {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

func TestStreamOfAReaderStarves(t *testing.T) {
	s := newStand(t)
	s.write(checkout(1, rampart.Full))
	r, err := relay.Open(t.Context(), relay.Options{Store: s.config.Store, Log: zap.NewNop()})
	require.NoError(t, err)
	starver := &starver{Handler: r}
	server := httptest.NewServer(starver)
	t.Cleanup(func() {
		r.Stop()
		server.Close()
		require.NoError(t, r.Close())
	})
	s.config.Listen = server.URL
	c := s.read()
	require.EqualValues(t, 1, starver.began.Load())
	starver.starve.Store(true)
	_, err = s.store.Kill(context.Background(), "checkout-v2", "ann@example.com", "fire")
	require.NoError(t, err)
	eventually(t, "the kill comes through", func() bool { return c.Decide("checkout-v2", ann).Reason == rampart.ReasonKilled })
	s.confirmed(1)
	starver.starve.Store(false)
	eventually(t, "and the reader follows anew", func() bool { return starver.began.Load() > 1 })
}
