package planfile_test

import (
	"bytes"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/planfile"
)

func TestTimeline(t *testing.T) {
	start := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	for _, name := range []string{"checkout-v2", "minimal", "express", "seconds"} {
		t.Run(name, func(t *testing.T) {
			plan, _, err := planfile.Read(examples + name + ".yaml")
			require.NoError(t, err)
			var out bytes.Buffer
			require.NoError(t, planfile.Timeline(&out, plan, start))
			requireGolden(t, "testdata/timeline-"+name+".txt", out.Bytes())
			for line := range bytes.Lines(out.Bytes()) {
				require.LessOrEqual(t, utf8.RuneCount(bytes.TrimRight(line, "\n")), 80)
			}
		})
	}
}

func TestTimelineDrawsEvenAPlanWithMistakes(t *testing.T) {
	for name, plan := range map[string]rampart.Plan{
		"nothing":                       {},
		"no steps and no time":          {Stages: []rampart.Stage{{Phase: "canary"}}, Finish: &rampart.Finish{}},
		"exposure below and beyond all": {Stages: []rampart.Stage{{Steps: []rampart.Step{{Percent: -1}, {Percent: 20000, Hold: 1}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NotPanics(t, func() { _ = planfile.Timeline(&bytes.Buffer{}, plan, time.Time{}) })
		})
	}
}
