package worker_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/internal/catalogue"
	"github.com/rampart-dev/rampart/worker"
	"github.com/rampart-dev/rampart/worker/annotations"
)

// TestMetricsAreCatalogued holds docs/reference/metrics.md to all that a worker registers.
func TestMetricsAreCatalogued(t *testing.T) {
	registry, err := worker.Registered(worker.Config{Grafana: annotations.Grafana{URL: "http://grafana:3000", Token: "t"}})
	require.NoError(t, err)
	catalogue.Check(t, filepath.Join("..", "docs", "reference", "metrics.md"), "", registry)
}
