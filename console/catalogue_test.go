package console_test

import (
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rampart-dev/rampart/console/flagd"
	"github.com/rampart-dev/rampart/console/ofrep"
	"github.com/rampart-dev/rampart/internal/catalogue"
)

// TestMetricsAreCatalogued holds docs/reference/telemetry.md to all that a console
// registers beside its reader.
func TestMetricsAreCatalogued(t *testing.T) {
	registry := prometheus.NewRegistry()
	ofrep.New(ofrep.Options{Registerer: registry})
	flagd.New(flagd.Options{Registerer: registry})
	catalogue.Check(t, filepath.Join("..", "docs", "reference", "telemetry.md"), "Metrics of a console", registry)
}
