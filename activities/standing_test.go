package activities_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

func TestPendingActivitySaysHowThingsStand(t *testing.T) {
	low := 0.91
	errors := rampart.GateVerdict{
		Gate: "errors", Kind: rampart.KindRatio, Word: rampart.Holding, Reason: "errors 1.04x on/off (0.91–1.19), evidence 3 % of limit",
		Low: &low, OnN: 61_234, OffN: 1_163_446, LogE: 0.47, Share: 0.03, Phi: 1.8, Part: "region=eu",
	}
	in := activities.WatchInput{Hold: rampart.Duration(time.Hour), Exposure: 500}
	standing := func(v rampart.Verdict) string {
		return activities.Stands(in, activities.Memory{Held: rampart.Duration(3 * time.Minute), Verdict: v})
	}
	require.Equal(t, "held 3m of 1h at 5 %", standing(rampart.Verdict{}))
	require.Equal(t, "held 3m of 1h at 5 %; the sample ratio matches: all is well; decision ship: no harm; recommended next 40 %: harm is small; "+
		"errors 1.04x on/off (0.91–1.19), evidence 3 % of limit, e-value 1.6, of 61,234 on, 1,163,446 off, phi 1.8, most in region=eu; pool no-data: no series",
		standing(rampart.Verdict{
			Gates: []rampart.GateVerdict{
				errors, {Gate: "late", Word: rampart.NotApplicable, Reason: "late: one arm is empty by plan"},
				{Gate: "pool", Word: rampart.NoData, Reason: "pool: no series"},
			},
			SampleRatio: &rampart.SampleRatio{Reason: "all is well"},
			Decision:    &rampart.RampDecision{Word: rampart.Ship, Reason: "no harm"},
			Recommended: &rampart.Recommendation{Percent: 4000, Reason: "harm is small"},
		}))

	in.Mode = activities.Guard
	require.Equal(t, "guarding at 5 %", standing(rampart.Verdict{}))
	many := rampart.Verdict{Gates: make([]rampart.GateVerdict, 100)}
	for i := range many.Gates {
		many.Gates[i] = errors
	}
	said := standing(many)
	require.Less(t, len(said), 2000, "Temporal cuts what is too long")
	require.True(t, strings.HasSuffix(said, "..."))
}
