package promtest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/internal/promtest"
)

func TestServerScrapesItsTargets(t *testing.T) {
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("answer 42\n"))
	}))
	defer exporter.Close()
	srv := promtest.Start(t, promtest.Target{
		Address: strings.TrimPrefix(exporter.URL, "http://"),
		Path:    "/elsewhere",
		Labels:  map[string]string{"region": "eu"},
	})
	require.Eventually(t, func() bool {
		return strings.Contains(ask(t, srv, `answer{region="eu",job="test"}`), "=> 42")
	}, 30*time.Second, 50*time.Millisecond)
}

func TestServerKeepsItsAddressAndItsDataAtARestart(t *testing.T) {
	srv := promtest.Start(t)
	addr := srv.Addr()
	at := time.Now().Add(-10 * time.Second).Truncate(time.Second)
	srv.Write("requests_total", map[string]string{"arm": "on"},
		promtest.Sample{At: at, Value: 1}, promtest.Sample{At: at.Add(time.Second), Value: 3})

	srv.Restart()

	require.Equal(t, addr, srv.Addr())
	require.Contains(t, ask(t, srv, `requests_total{arm="on"}`), "=> 3")
}

func TestServerThatIsDownDoesNotAnswer(t *testing.T) {
	srv := promtest.Start(t)
	srv.Stop()
	srv.Stop() // stopping what is down is no mistake
	resp, err := http.Get(srv.URL() + "/-/ready")
	if err == nil {
		_ = resp.Body.Close()
	}
	require.Error(t, err)
}

func ask(t *testing.T, srv *promtest.Server, query string) string {
	t.Helper()
	c, err := api.NewClient(api.Config{Address: srv.URL()})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	v, _, _, err := promv1.NewAPI(c).Query(ctx, query, time.Now())
	require.NoError(t, err)
	return v.String()
}
