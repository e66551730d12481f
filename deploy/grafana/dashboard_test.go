// Package grafana_test holds the dashboard to what the product exports and marks.
package grafana_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/internal/child"
)

// A dashboard is what the tests read of one.
type dashboard struct {
	Panels []struct {
		Title, Description string
		Targets            []struct{ Expr string }
	}
	Templating struct {
		List []struct{ Name, Type, Query string }
	}
	Annotations struct {
		List []struct{ Target struct{ Tags []string } }
	}
}

func read(t *testing.T) (d dashboard) {
	t.Helper()
	b, err := os.ReadFile("rampart.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &d))
	return d
}

// variables are put in before a query is sent.
var variables = strings.NewReplacer("$__rate_interval", "1m", "$environment", "production", "$flag", "checkout-v2")

// TestPromtoolTakesEveryQuery has each query be a rule, which promtool parses.
func TestPromtoolTakesEveryQuery(t *testing.T) {
	promtool, err := child.Program{Env: "RAMPART_PROMTOOL", InPath: "promtool", InCache: "promtool"}.Find()
	require.NoError(t, err)
	var rules []any
	for _, panel := range read(t).Panels {
		require.NotEmpty(t, panel.Description, panel.Title)
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			expr := variables.Replace(target.Expr)
			require.NotContains(t, expr, "$", "%s: a variable is not known", panel.Title)
			rules = append(rules, map[string]string{"record": fmt.Sprintf("query:%d", len(rules)), "expr": expr})
		}
	}
	text, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "rules.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	said, err := exec.Command(promtool, "check", "rules", file).CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Contains(t, string(said), fmt.Sprintf("%d rules found", len(rules)))
}

var (
	metric   = regexp.MustCompile(`\brampart_[a-z_]+\b`)
	suffixes = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// TestEveryMetricIsCatalogued: the catalogue is held to the code by tests of its own.
func TestEveryMetricIsCatalogued(t *testing.T) {
	var known string
	for _, page := range []string{"metrics.md", "telemetry.md"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", page))
		require.NoError(t, err)
		known += string(b)
	}
	d := read(t)
	var queries []string
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			require.Regexp(t, metric, target.Expr)
			queries = append(queries, target.Expr)
		}
	}
	for _, v := range d.Templating.List {
		queries = append(queries, v.Query)
	}
	for _, query := range queries {
		for _, name := range metric.FindAllString(query, -1) {
			require.Contains(t, known, "`"+suffixes.ReplaceAllString(name, "")+"`", query)
		}
	}
}

func TestChangesOfTheFlagAreShown(t *testing.T) {
	shown := map[string]bool{}
	for _, a := range read(t).Annotations.List {
		require.Subset(t, a.Target.Tags, []string{"rampart", "flag:$flag", "environment:$environment"})
		for _, tag := range a.Target.Tags {
			shown[tag] = true
		}
	}
	require.True(t, shown["change"] && shown["held"], "what worker/annotations marks")
}
