package rampart_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func TestEvidenceIsToldInWords(t *testing.T) {
	low := 0.91
	for _, c := range []struct{ name, got, want string }{
		{"a gate that has counted nothing", rampart.GateVerdict{Gate: "pool", Kind: rampart.KindThreshold}.Besides(), ""},
		{"a gate whose reason tells the counts", rampart.GateVerdict{Kind: rampart.KindRatio, OnN: 5, OffN: 50}.Besides(), ""},
		{"a gate with a ratio", rampart.GateVerdict{Kind: rampart.KindRatio, OnN: 61_234, OffN: 1_163_446, Low: &low, Phi: 1}.Besides(), "of 61,234 on, 1,163,446 off"},
		{"a gate of which a part broke", rampart.GateVerdict{Kind: rampart.KindRatio, OnN: 5, OffN: 50, Low: &low, Phi: 1.83, Part: "region=eu"}.Besides(),
			"of 5 on, 50 off, phi 1.8, most in region=eu"},
		{"a gate with evidence", rampart.GateVerdict{Kind: rampart.KindRatio, LogE: math.Log(6.3), OnN: 5, OffN: 50, Low: &low}.Besides(), "e-value 6.3, of 5 on, 50 off"},
		{"a gate that little speaks against", rampart.GateVerdict{Kind: rampart.KindRatio, LogE: math.Log(0.034)}.Besides(), "e-value 0.034"},
		{"a gate with much evidence", rampart.GateVerdict{Kind: rampart.KindRatio, LogE: math.Log(12345.6)}.Besides(), "e-value 12,346"},
		{"a gate with evidence beyond numbers", rampart.GateVerdict{Kind: rampart.KindRatio, LogE: 2000}.Besides(), "e-value 10^869"},
		{"a gate with evidence for harmlessness", rampart.GateVerdict{Kind: rampart.KindRatio, LogE: -50}.Besides(), "e-value 10^-22"},
		{"a gate whose tail is worst", rampart.GateVerdict{Kind: rampart.KindLatency, Part: "over 500ms"}.Besides(), "most over 500ms"},
		{"a gate without a denominator", rampart.GateVerdict{Kind: rampart.KindCount, OnN: 5, OffN: 50, Low: &low}.Besides(), ""},
		{"arms as they should be", rampart.SampleRatio{On: 498, Off: 9502, Expected: 0.05}.InWords(), "matches: 498 of 10,000 new units on, 500 expected"},
		{"arms that are not", rampart.SampleRatio{Mismatch: true, Reason: "612 of 10,000 new units on, 500 expected"}.InWords(),
			"does not match: 612 of 10,000 new units on, 500 expected"},
		{"arms that are not, as somebody knows", rampart.SampleRatio{Acked: 1, Reason: "why"}.InWords(), "acknowledged: why"},
		{"a decision", rampart.RampDecision{Word: rampart.Ship, Reason: "no guardrail is worse", Fraction: 1}.InWords(), "ship: no guardrail is worse"},
		{"a decision that may come too early", rampart.RampDecision{Word: rampart.Inconclusive, Fraction: 0.62}.InWords(), "inconclusive, at 62 % of the information"},
		{"a goal", rampart.GoalVerdict{Goal: "checkouts", Effect: 0.023, Low: 0.004, High: 0.042}.InWords(), "checkouts +2.3 % (+0.4 to +4.2)"},
		{"a goal with a reason", rampart.GoalVerdict{Goal: "checkouts", Reason: "checkouts +2 %"}.InWords(), "checkouts +2 %"},
		{"a recommendation", rampart.Recommendation{Percent: 4000, Reason: "harm is small"}.InWords(), "40 %: harm is small"},
		{"a bare recommendation", rampart.Recommendation{Percent: 4000}.InWords(), "40 %"},
		{"a number", rampart.Grouped(-1234567.4), "-1,234,567"},
		{"a small number", rampart.Grouped(999.4), "999"},
		{"no number", rampart.Grouped(math.NaN()), "NaN"},
		{"a gate that holds", rampart.GateVerdict{Gate: "errors", Word: rampart.Holding, Kind: rampart.KindRatio, OnN: 5, OffN: 50, Low: &low, Share: 0.03,
			Reason: "errors 1.04x on/off (0.91–1.19), evidence 3 % of limit"}.InWords(), "errors 1.04x on/off (0.91–1.19), evidence 3 % of limit, of 5 on, 50 off"},
		{"a gate that is undecided", rampart.GateVerdict{Gate: "errors", Word: rampart.Undecided, Reason: "errors 5 on, 7 off", Share: 0.03, Part: "eu"}.InWords(),
			"errors undecided: 5 on, 7 off, evidence 3 % of limit, most in eu"},
		{"a gate without data", rampart.GateVerdict{Gate: "pool", Word: rampart.NoData, Reason: "pool: no series"}.InWords(), "pool no-data: no series"},
		{"a gate without a reason", rampart.GateVerdict{Gate: "pool", Word: rampart.Blind}.InWords(), "pool blind"},
		{"a gate that passes without a reason", rampart.GateVerdict{Gate: "pool", Word: rampart.Pass}.InWords(), "pool"},
		{"a gate whose reason is about something else", rampart.GateVerdict{Gate: "err", Word: rampart.Pass, Reason: "errors are few"}.InWords(), "err errors are few"},
	} {
		require.Equal(t, c.want, c.got, c.name)
	}
}
