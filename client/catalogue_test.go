package client_test

import (
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/internal/catalogue"
)

// TestSeriesAreCatalogued holds docs/reference/telemetry.md to all that the client
// registers.
func TestSeriesAreCatalogued(t *testing.T) {
	registry := prometheus.NewRegistry()
	c, err := client.Open(t.Context(), client.Options{Environment: production, Feed: newFakeFeed(), Registerer: registry})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	catalogue.Check(t, filepath.Join("..", "docs", "reference", "telemetry.md"), "Series of services", registry)
}
