//go:build mutants

package readers_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/chaos/ledger"
	"github.com/rampart-dev/rampart/chaos/readers"
)

// A defect is a change of the client that must be found.
type defect struct {
	name          string
	file          string // of the client
	find, replace string
	broken        ledger.Rule // as which it is found; empty: readers never agree
}

var defects = []defect{
	{
		"a reader takes any other version", "replica.go",
		"if d.Version <= r.doc.Version {", "if d.Version == r.doc.Version {", readers.Onward,
	}, {
		"a reader takes any other kill register", "replica.go",
		"if k.Version <= r.kill.Version {", "if k.Version == r.kill.Version {", readers.Dead,
	}, {
		"a lease never ends", "lease.go",
		"l.ended = !end.IsZero() && !now.Before(end)", "l.ended = false", readers.Leased,
	}, {
		"a reader is never stale", "status.go",
		"s.Staleness > c.options.StaleAfter", "s.Staleness > 1000*c.options.StaleAfter", readers.Honest,
	}, {
		"a reader is stale though it follows", "follow.go",
		"		p.proved = at\n", "		_ = at\n", readers.Sure,
	}, {
		"a bootstrap file keeps no kills", "bootstrap.go",
		"b.Kills = append(b.Kills, r.kill)", "_ = r.kill", readers.Dead,
	}, {
		"a bootstrap file is not read", "bootstrap.go",
		"	b, err := loadBootstrap(", "	return\n	b, err := loadBootstrap(", readers.Onward,
	}, {
		"a reader compares no revision", "probe.go",
		"equal := p.started && epoch == p.epoch && revision == p.revision", "equal := p.started && epoch == p.epoch", "",
	},
}

// TestMutants holds the test to its promise: each defect of the client is found as what
// it is. It is run by make mutants.
func TestMutants(t *testing.T) {
	for _, d := range defects {
		t.Run(d.name, func(t *testing.T) {
			out := d.run(t)
			want := string(d.broken)
			if want == "" {
				want = "all readers serve what is meant"
			}
			require.Contains(t, out, want)
		})
	}
}

// run runs the test over the client with the defect, and returns what it said.
func (d defect) run(t *testing.T) string {
	file, err := filepath.Abs(filepath.Join("..", "..", "client", d.file))
	require.NoError(t, err)
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(source), d.find), "the text is not to be found exactly once in %s:\n%s", d.file, d.find)
	dir := t.TempDir()
	changed, overlay := filepath.Join(dir, d.file), filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(changed, []byte(strings.Replace(string(source), d.find, d.replace, 1)), 0o600))
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{file: changed}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, b, 0o600))
	out, err := exec.Command("go", "test", "-vet=off", "-count=1", "-timeout=10m", "-overlay", overlay, "-run", "^TestNoReaderGoesBack$", ".").CombinedOutput()
	require.Error(t, err, "nobody has seen it:\n%s", out)
	return string(out)
}
