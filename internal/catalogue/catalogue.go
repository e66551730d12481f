// Package catalogue holds tables of metrics in the documentation to what is exported: the
// names in the first column, and the labels in the second.
package catalogue

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// Check compares the tables of a file, or of one section of it, with what collectors
// describe of the product's own. Either may have nothing that the other has not.
func Check(t *testing.T, file, section string, collectors ...prometheus.Collector) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	exported := map[string]string{}
	for _, c := range collectors {
		described := make(chan *prometheus.Desc, 10_000)
		c.Describe(described)
		close(described)
		for d := range described {
			if name, labels := read(d); strings.HasPrefix(name, "rampart_") {
				exported[name] = labels
			}
		}
	}
	require.NotEmpty(t, exported)
	require.Equal(t, exported, tables(string(text), section), "%s lists each metric, with its labels: add what is new", file)
}

var (
	namePart  = regexp.MustCompile(`fqName: "([^"]*)"`)
	constPart = regexp.MustCompile(`constLabels: \{([^}]*)\}`)
	otherPart = regexp.MustCompile(`variableLabels: \{([^}]*)\}`)
	labelPart = regexp.MustCompile(`[a-z_]+`)
	inTicks   = regexp.MustCompile("`(rampart_[a-z0-9_]+)`")
	quoted    = regexp.MustCompile(`"[^"]*"`)
)

// read takes a description apart, which has no other way to be asked.
func read(d *prometheus.Desc) (name, labels string) {
	text := d.String()
	constant := quoted.ReplaceAllString(constPart.FindStringSubmatch(text)[1], "")
	return namePart.FindStringSubmatch(text)[1], sorted(constant + "," + otherPart.FindStringSubmatch(text)[1])
}

func sorted(list string) string {
	all := labelPart.FindAllString(list, -1)
	slices.Sort(all)
	return strings.Join(all, " ")
}

// tables reads names and labels off the rows below a heading of the second level; of all
// rows, where none is named.
func tables(text, section string) map[string]string {
	found, within := map[string]string{}, section == ""
	for line := range strings.Lines(text) {
		if heading, ok := strings.CutPrefix(line, "## "); ok && section != "" {
			within = strings.TrimSpace(heading) == section
		}
		cells := strings.Split(line, "|")
		if !within || len(cells) < 4 {
			continue
		}
		for _, name := range inTicks.FindAllStringSubmatch(cells[1], -1) {
			found[name[1]] = sorted(cells[2])
		}
	}
	return found
}
