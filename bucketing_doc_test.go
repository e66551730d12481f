package rampart_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// TestBucketingIsDescribedWithVectors holds what people port to what is decided: the rows
// of the page are hashes of the product and of the published file, and what has to be
// ported is no more than forty lines.
func TestBucketingIsDescribedWithVectors(t *testing.T) {
	page, err := os.ReadFile("docs/reference/bucketing.md")
	require.NoError(t, err)
	doc, err := os.ReadFile(vectorsFile)
	require.NoError(t, err)
	var published vectors
	require.NoError(t, json.Unmarshal(doc, &published))

	ported, _, found := strings.Cut(after(t, string(page), "## Hash version 1"), "\n## Counting")
	require.True(t, found)
	lines := 0
	for line := range strings.Lines(ported) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	require.LessOrEqual(t, lines, 40, "nobody ports more without mistakes")

	rows := 0
	for line := range strings.Lines(after(t, string(page), "## Some of the vectors")) {
		cells := strings.Split(line, "|")
		if strings.HasPrefix(line, "##") {
			break
		}
		if len(cells) != 7 || strings.Contains(line, "---") || strings.Contains(line, " bits ") {
			continue
		}
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		v := hashVector{Salt: cells[1], Key: cells[2], UnitHash: cells[5]}
		v.Bucket, err = strconv.Atoi(cells[3])
		require.NoError(t, err, line)
		v.Telemetry, err = strconv.Atoi(cells[4])
		require.NoError(t, err, line)
		require.Contains(t, published.Hashes, v)
		require.Equal(t, v, hashVector{v.Salt, v.Key, rampart.BucketOf(v.Salt, v.Key), rampart.TelemetryBucket(v.Key), fmt.Sprintf("%016x", rampart.UnitHash(v.Key))})
		rows++
	}
	require.GreaterOrEqual(t, rows, 5)
}

// after returns what stands behind a heading.
func after(t *testing.T, page, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, heading+"\n")
	require.True(t, found, heading)
	return rest
}
