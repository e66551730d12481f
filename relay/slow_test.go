package relay_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart/client/relayed"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/relay"
)

// A full connection has the first of its readers' messages fail with a deadline.
type full struct{ http.ResponseWriter }

func (full) Write([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// Not only whose backlog is full is slow: one that reads nothing of little is, too.
func TestReaderThatReadsNothingIsCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	r, err := relay.Open(t.Context(), relay.Options{
		Store: flagstore.Options{URL: "redis://127.0.0.1:1", Environment: production}, Registerer: registry, Log: zap.NewNop(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	q := httptest.NewRequest(http.MethodGet, "http://"+relayed.Host+relayed.Path(production, relayed.PathChanges), nil)
	r.ServeHTTP(full{httptest.NewRecorder()}, q)
	families, err := registry.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		got[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	require.EqualValues(t, 1, got["rampart_relay_streams_cut_total"])
	require.Zero(t, got["rampart_relay_streams"])
}
