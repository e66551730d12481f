package rampart_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/rampart-dev/rampart"

// rooms says which of the product's own packages each room may import, besides its
// own subpackages. Dependencies run one way.
var rooms = map[string][]string{
	"":           {},
	"evidence":   {},
	"planfile":   {""},
	"gates":      {"", "evidence"},
	"flagstore":  {""},
	"client":     {"", "flagstore"},
	"console":    {"", "client", "flagstore"},
	"relay":      {"", "client", "flagstore"},
	"activities": {"", "gates", "flagstore"},
	"workflows":  {"", "activities", "gates"},
	"starter":    {"", "workflows", "activities", "flagstore"},
	"worker":     {"", "starter", "workflows", "activities", "gates", "flagstore"},
}

// owners says which rooms may import what belongs to one of them.
var owners = map[string][]string{
	"go.temporal.io/":                         {"workflows", "activities", "worker", "starter", "cmd", "examples", "bench", "chaos", "internal"},
	"github.com/redis/go-redis":               {"flagstore", "bench", "internal"},
	"github.com/prometheus/client_golang/api": {"gates", "bench"},
	"github.com/prometheus/common":            {"gates"},
	"github.com/nicholas-fedor/shoutrrr":      {"worker"},
	"github.com/goccy/go-yaml":                {"planfile"},
	"github.com/rs/cors":                      {"console"},
	"buf.build/gen/go/open-feature/flagd/":    {"console"},
	"golang.org/x/time":                       {"console"},
	"github.com/spf13/":                       {"cmd", "worker", "starter", "console", "relay", "bench", "chaos", "examples", "internal"},
	"google.golang.org/grpc":                  {"gates", "worker", "starter", "console", "cmd", "internal", "client"},
}

func TestDependencies(t *testing.T) {
	for pkg, imports := range imports(t) {
		room := roomOf(pkg)
		for _, imported := range imports {
			if own, ok := strings.CutPrefix(imported, module); ok {
				checkRoom(t, pkg, room, roomOf(own))
				continue
			}
			for library, allowed := range owners {
				if strings.HasPrefix(imported, library) {
					require.Containsf(t, allowed, room, "%s imports %s, which belongs to %v", pkg, imported, allowed)
				}
			}
			if room == "" {
				require.NotContainsf(t, strings.Split(imported, "/")[0], ".", "%s imports %s: the vocabulary needs the standard library only", pkg, imported)
			}
		}
	}
}

func checkRoom(t *testing.T, pkg, room, imported string) {
	t.Helper()
	allowed, known := rooms[room]
	if !known || room == imported || imported == "internal" { // cmd, examples, bench, chaos and internal wire everything
		return
	}
	require.Containsf(t, allowed, imported, "%s imports room %q", pkg, imported)
}

// A service that imports client pays neither for Temporal nor for the Prometheus API.
func TestClientLinksNeitherTemporalNorThePrometheusAPI(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./client/...").Output()
	require.NoError(t, err)
	for _, dep := range strings.Fields(string(out)) {
		require.False(t, strings.HasPrefix(dep, "go.temporal.io/"), dep)
		require.False(t, strings.HasPrefix(dep, "github.com/prometheus/client_golang/api"), dep)
	}
}

// A service pays for what it uses: those of gRPC, zap and OpenTelemetry are packages of
// their own.
func TestClientLinksWhatEveryServiceNeeds(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./client").Output()
	require.NoError(t, err)
	for _, dep := range strings.Fields(string(out)) {
		for _, library := range []string{"google.golang.org/grpc", "go.uber.org/zap", "go.opentelemetry.io/"} {
			require.False(t, strings.HasPrefix(dep, library), dep)
		}
	}
}

func imports(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	require.NoError(t, err)
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		all[strings.TrimPrefix(strings.TrimPrefix(fields[0], module), "/")] = fields[1:]
	}
	require.Contains(t, all, "workflows")
	return all
}

func roomOf(pkg string) string {
	room, _, _ := strings.Cut(strings.TrimPrefix(pkg, "/"), "/")
	return room
}
