// Package prometheus_test holds the alert rules to what the product exports and to
// the runbooks, and runs their own tests.
package prometheus_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/internal/child"
)

const (
	rulesFile = "rampart.rules.yaml"
	testsFile = "rampart_test.yaml"
	runbooks  = "../../docs/runbooks"
	published = "https://github.com/rampart-dev/rampart/blob/main/docs/runbooks/"
)

func TestPromtoolAcceptsTheRulesAndTheirTestsPass(t *testing.T) {
	promtool, err := child.Program{Env: "RAMPART_PROMTOOL", InPath: "promtool", InCache: "promtool"}.Find()
	require.NoError(t, err)
	for _, args := range [][]string{{"check", "rules", "--lint-fatal", rulesFile}, {"test", "rules", testsFile}} {
		said, err := exec.Command(promtool, args...).CombinedOutput()
		require.NoErrorf(t, err, "promtool %s: %s", strings.Join(args, " "), said)
	}
}

func TestEveryAlertIsSeenFiringAndNotFiring(t *testing.T) {
	var all struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string
				ExpAlerts []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	read(t, testsFile, &all)
	firing, silent := map[string]bool{}, map[string]bool{}
	for _, test := range all.Tests {
		for _, look := range test.AlertRuleTest {
			firing[look.Alertname] = firing[look.Alertname] || len(look.ExpAlerts) > 0
			silent[look.Alertname] = silent[look.Alertname] || len(look.ExpAlerts) == 0
		}
	}
	for _, a := range alerts(t) {
		require.Truef(t, firing[a.Alert], "%s is never seen firing", a.Alert)
		require.Truef(t, silent[a.Alert], "%s is never seen silent", a.Alert)
	}
}

func TestEveryAlertHasAPageAndEveryPageAnAlert(t *testing.T) {
	known := map[string]bool{"README.md": true}
	index, err := os.ReadFile(filepath.Join(runbooks, "README.md"))
	require.NoError(t, err)
	for _, a := range alerts(t) {
		page := a.Alert + ".md"
		known[page] = true
		require.Equal(t, published+page, a.Annotations["runbook_url"], a.Alert)
		require.NotEmpty(t, a.Annotations["summary"], a.Alert)
		require.NotEmpty(t, a.Annotations["description"], a.Alert)
		require.Contains(t, []string{"page", "notify"}, a.Labels["severity"], a.Alert)
		require.Containsf(t, string(index), "["+a.Alert+"]("+page+") | "+a.Labels["severity"]+" |", "the index of the runbooks has no %s", a.Alert)

		text, err := os.ReadFile(filepath.Join(runbooks, page))
		require.NoError(t, err)
		require.Truef(t, strings.HasPrefix(string(text), "# "+a.Alert+"\n"), "%s begins with the alert's name", page)
		for _, part := range []string{"What it means", "Who is affected", "Look first", "End it", "Prevent it"} {
			require.Containsf(t, string(text), "\n## "+part+"\n", "%s does not say: %s", page, part)
		}
	}
	pages, err := os.ReadDir(runbooks)
	require.NoError(t, err)
	for _, p := range pages {
		require.Truef(t, known[p.Name()], "%s belongs to no alert", p.Name())
	}
}

var metric = regexp.MustCompile(`\brampart_[a-z_]+\b`)

// suffixes are what Prometheus adds to the name of a histogram.
var suffixes = regexp.MustCompile(`_(bucket|sum|count)$`)

func TestRulesReadOnlyWhatTheProductExports(t *testing.T) {
	var source strings.Builder
	for _, room := range []string{"activities", "worker", "client", "relay"} {
		files, err := filepath.Glob(filepath.Join("..", "..", room, "*.go"))
		require.NoError(t, err)
		for _, f := range files {
			b, err := os.ReadFile(f)
			require.NoError(t, err)
			source.Write(b)
		}
	}
	exported := source.String()
	for _, r := range rules(t) {
		for _, name := range metric.FindAllString(r.Expr, -1) {
			name = suffixes.ReplaceAllString(name, "")
			short := strings.TrimPrefix(name, "rampart_")
			require.Truef(t, strings.Contains(exported, `"`+name+`"`) || strings.Contains(exported, `"`+short+`"`),
				"%s%s reads %s, which nobody exports", r.Alert, r.Record, name)
		}
	}
}

type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	read(t, rulesFile, &file)
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func alerts(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, r := range rules(t) {
		if r.Alert != "" {
			all = append(all, r)
		}
	}
	require.NotEmpty(t, all)
	return all
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(b, into))
}
