package acceptance_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/internal/promtest"
)

// The rules' own tests make up the series. These are of a worker, as Prometheus
// scrapes it.
func TestAlertsReadWhatAWorkerExports(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	file, err := filepath.Abs("../deploy/prometheus/rampart.rules.yaml")
	require.NoError(t, err)
	s.prometheus = promtest.StartConfig(t, promtest.Config{Rules: []string{file}})
	w := s.work()
	s.read("checkout-v2")
	s.scrape(w.address)
	s.standAtTen("checkout-v2")

	of := `{environment="` + s.env + `"}`
	s.awaitValue("rampart:exposing_launches"+of, 1)
	for _, name := range recorded(t, file) {
		eventually(t, name+" is recorded", func() (bool, any) {
			_, err := s.query(name + of)
			return err == nil, err
		})
	}
	s.awaitValue(`count(ALERTS{severity="page"}) or vector(0)`, 0)

	w.kill()
	s.awaitValue(`count(ALERTS{alertname="RampartWorkersGone",severity="page",environment="`+s.env+`"})`, 1) // pending, for a minute

	s.scrape(s.work().address)
	s.awaitValue(`count(ALERTS{severity="page"}) or vector(0)`, 0)
	s.awaitValue("rampart:exposing_launches"+of, 1)
}

// awaitValue waits until a query has that value.
func (s *stack) awaitValue(query string, want float64) {
	s.t.Helper()
	eventually(s.t, query, func() (bool, any) {
		got, err := s.query(query)
		return err == nil && got == want, []any{got, err}
	})
}

// recorded returns the names of the recorded rules.
func recorded(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var rules struct {
		Groups []struct {
			Rules []struct{ Record string }
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &rules))
	var names []string
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				names = append(names, r.Record)
			}
		}
	}
	require.NotEmpty(t, names)
	return names
}
