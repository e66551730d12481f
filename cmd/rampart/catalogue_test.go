package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// catalogued are the packages that export metrics, each with the test that holds the
// reference to what it registers.
var catalogued = map[string]string{
	"activities":         "worker: TestMetricsAreCatalogued",
	"worker":             "worker: TestMetricsAreCatalogued",
	"worker/annotations": "worker: TestMetricsAreCatalogued",
	"client":             "client: TestSeriesAreCatalogued",
	"console":            "console: TestMetricsAreCatalogued",
	"console/ofrep":      "console: TestMetricsAreCatalogued",
	"console/flagd":      "console: TestMetricsAreCatalogued",
	"relay":              "relay: TestMetricsAreCatalogued",
	"internal/catalogue": "exports none",
}

// TestWhoeverExportsMetricsCataloguesThem: a package that begins to export metrics lists
// them in docs/reference, and says here which test compares the list.
func TestWhoeverExportsMetricsCataloguesThem(t *testing.T) {
	const module, library = "github.com/rampart-dev/rampart", "github.com/prometheus/client_golang/prometheus"
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"/...").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(strings.TrimPrefix(fields[0], module), "/")
		room, _, _ := strings.Cut(name, "/")
		if room == "bench" || room == "chaos" || room == "examples" { // no part of the product
			continue
		}
		for _, imported := range fields[1:] {
			if imported == library {
				require.Contains(t, catalogued, name, "%s exports metrics: list them in docs/reference/telemetry.md or metrics.md, with a test that calls catalogue.Check", name)
			}
		}
	}
}
