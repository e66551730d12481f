package relay_test

import (
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/catalogue"
	"github.com/rampart-dev/rampart/relay"
)

// TestMetricsAreCatalogued holds docs/reference/telemetry.md to all that a relay registers
// beside its reader.
func TestMetricsAreCatalogued(t *testing.T) {
	registry := &recorder{Registry: prometheus.NewRegistry()}
	r, err := relay.Open(t.Context(), relay.Options{
		Store: flagstore.Options{URL: "redis://127.0.0.1:1", Environment: production}, Registerer: registry, Log: zap.NewNop(),
	})
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Len(t, registry.all, 4)
	catalogue.Check(t, filepath.Join("..", "docs", "reference", "telemetry.md"), "Metrics of a relay", registry.all[1:]...)
}

// A recorder remembers what was registered; the reader is the first.
type recorder struct {
	*prometheus.Registry
	all []prometheus.Collector
}

// Register implements prometheus.Registerer.
func (r *recorder) Register(c prometheus.Collector) error {
	r.all = append(r.all, c)
	return r.Registry.Register(c)
}
