package gates_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

const second = rampart.Duration(time.Second)

// probing returns a walk whose clock goes with its ticks.
func probing(t *testing.T, p rampart.Probe) *walk {
	w := newWalk(t, rampart.Gate{Name: "health", Probe: &p})
	w.judge = gates.New(gates.Options{Source: w.world, Now: func() time.Time { return w.look.At }})
	return w
}

func TestProbeOverHTTP(t *testing.T) {
	status, hits := atomic.Int32{}, atomic.Int32{}
	status.Store(http.StatusNoContent)
	service := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		rw.WriteHeader(int(status.Load()))
	}))
	defer service.Close()
	w := probing(t, rampart.Probe{URL: service.URL + "/health?token=secret", Interval: 15 * second, Failures: 3})

	requireReason(t, w.ticks(3), rampart.Holding, "health is well")
	w.look.HoldOver = true
	requireReason(t, w.tick(), rampart.Pass, "health is well")

	status.Store(http.StatusServiceUnavailable)
	began := w.look.At.Add(w.look.Every)
	requireReason(t, w.ticks(2), rampart.Holding, "health failed 2 of 3 times in a row: answered 503 Service Unavailable")
	requireReason(t, w.tick(), rampart.Breach, "health failed 3 times in a row: answered 503")
	require.Equal(t, began, w.state.Harm("health").Since.UTC())

	status.Store(http.StatusOK)
	requireReason(t, w.tick(), rampart.Pass, "health is well")
	require.Equal(t, int32(8), hits.Load())

	service.Close()
	v := w.ticks(3)
	requireReason(t, v, rampart.Breach, "connection refused")
	require.NotContains(t, v.Reason, "secret")
}

func TestProbeIsSentAtItsOwnInterval(t *testing.T) {
	hits := atomic.Int32{}
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer service.Close()
	w := probing(t, rampart.Probe{URL: service.URL, Interval: 60 * second})
	w.look.HoldOver = true

	requireReason(t, w.ticks(8), rampart.Pass, "health is well")
	require.Equal(t, int32(2), hits.Load())
}

func TestProbeFollowsItsHostAndNobodyElse(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer elsewhere.Close()
	mux := http.NewServeMux()
	mux.Handle("/moved", http.RedirectHandler("/health", http.StatusFound))
	mux.Handle("/away", http.RedirectHandler(elsewhere.URL, http.StatusFound))
	mux.Handle("/round", http.RedirectHandler("/round", http.StatusFound))
	mux.HandleFunc("/health", func(http.ResponseWriter, *http.Request) {})
	service := httptest.NewServer(mux)
	defer service.Close()

	requireReason(t, probing(t, rampart.Probe{URL: service.URL + "/moved"}).tick(), rampart.Holding, "health is well")
	for _, path := range []string{"/away", "/round"} {
		requireReason(t, probing(t, rampart.Probe{URL: service.URL + path, Failures: 1}).tick(), rampart.Breach, "answered 302 Found")
	}
	away := rampart.Probe{URL: service.URL + "/away", Status: []int{http.StatusFound}}
	requireReason(t, probing(t, away).tick(), rampart.Holding, "health is well")
}

func TestProbeWaitsNoLongerThanItsTimeout(t *testing.T) {
	done := make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
	defer service.Close()
	defer close(done)
	w := probing(t, rampart.Probe{URL: service.URL, Timeout: second / 20, Failures: 1})
	requireReason(t, w.tick(), rampart.Breach, "health failed once: no answer within 50ms")
}

func TestProbeReadsNoMoreThanItMust(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := rw.Write([]byte(strings.Repeat("all is well\n", 1000))); err != nil {
				return
			}
		}
	}))
	defer service.Close()
	requireReason(t, probing(t, rampart.Probe{URL: service.URL}).tick(), rampart.Holding, "health is well")
}

func TestProbeOverTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := probing(t, rampart.Probe{TCP: l.Addr().String(), Interval: 10 * second, Failures: 2})
	requireReason(t, w.tick(), rampart.Holding, "health is well")
	require.NoError(t, l.Close())
	requireReason(t, w.ticks(2), rampart.Breach, "health failed 2 times in a row", "connection refused")
}

func TestProbeOverGRPC(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server, says := grpc.NewServer(), health.NewServer()
	grpc_health_v1.RegisterHealthServer(server, says)
	go func() { _ = server.Serve(l) }()
	defer server.Stop()

	w := probing(t, rampart.Probe{GRPC: l.Addr().String() + "/checkout", Interval: 10 * second, Failures: 1})
	requireReason(t, w.tick(), rampart.Breach, "NotFound")
	says.SetServingStatus("checkout", grpc_health_v1.HealthCheckResponse_SERVING)
	requireReason(t, w.tick(), rampart.Holding, "health is well")
	says.SetServingStatus("checkout", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	requireReason(t, w.tick(), rampart.Breach, "answered NOT_SERVING")

	whole := probing(t, rampart.Probe{GRPC: l.Addr().String()})
	requireReason(t, whole.tick(), rampart.Holding, "health is well")
}

func TestProbeOfWhatMustNotBeProbedFails(t *testing.T) {
	for _, p := range []rampart.Probe{
		{URL: "http://169.254.169.254/latest/meta-data/"},
		{TCP: "169.254.169.254:80"},
		{TCP: "[fe80::1%25lo]:80"},
		{GRPC: "169.254.169.254:80"},
		{URL: "file:///etc/passwd"},
		{URL: "gopher://localhost:70"},
		{},
	} {
		p.Failures, p.Timeout = 1, 5*second
		v := probing(t, p).tick()
		require.Equal(t, rampart.Breach, v.Word, v.Reason)
		require.NotContains(t, v.Reason, "no answer within")
	}
}

func TestProbeNeverSendsCredentials(t *testing.T) {
	header := make(chan http.Header, 1)
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { header <- r.Header }))
	defer service.Close()
	w := probing(t, rampart.Probe{URL: strings.Replace(service.URL, "http://", "http://user:secret@", 1)})
	requireReason(t, w.tick(), rampart.Holding, "health is well")
	require.Empty(t, (<-header).Get("Authorization"))
}

func TestProbesAreSentAtOnce(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		both.Done()
		both.Wait() // answers only when the other one has come
	}))
	defer service.Close()
	probe := rampart.Gate{Name: "one", Probe: &rampart.Probe{URL: service.URL, Timeout: 20 * second}}
	w := newWalk(t, probe, named(probe, "two"))
	v, err := w.judge.Judge(context.Background(), w.look, &w.state)
	require.NoError(t, err)
	requireReason(t, v, rampart.Holding, "one is well")
}
