package starter_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

func TestWhyTellsWhatTheEvidenceSays(t *testing.T) {
	ratio, low, high := 1.04, 0.91, 1.19
	errors := rampart.GateVerdict{Gate: "errors", Kind: rampart.KindRatio, Word: rampart.Holding, Value: &ratio, Low: &low, High: &high,
		Share: 0.03, OnN: 61_234, OffN: 1_163_446, Phi: 1.8, Part: "region=eu"}
	few := rampart.GateVerdict{Gate: "latency", Kind: rampart.KindLatency, Word: rampart.Holding, Share: 0.01}
	told := func(v rampart.Verdict, together float64) []string {
		v.At = ago(0)
		return starter.Explain(starter.Situation{Flag: "checkout-v2", Now: now, Progress: ramping(func(p *rampart.Progress) { p.Verdict, p.Share = &v, together })}).Stands[1:]
	}
	const last = "the last look was at 14:03:15."
	for _, c := range []struct {
		name     string
		v        rampart.Verdict
		together float64
		want     []string
	}{
		{"nothing is counted yet", rampart.Verdict{Gates: []rampart.GateVerdict{{Gate: "pool"}}}, 0, []string{"Its gate is in bounds so far; " + last}},
		{"one gate has the most", rampart.Verdict{Gates: []rampart.GateVerdict{few, errors}}, 0.051, []string{
			"Its 2 gates are in bounds so far; " + last,
			"errors is the nearest to a breach, with 3 % of the evidence that it takes: 1.04x on/off (0.91–1.19), of 61,234 on, 1,163,446 off, phi 1.8, most in region=eu.",
			"All gates together have 5 % of the evidence that turns it back.",
		}},
		{"a gate has no ratio yet", rampart.Verdict{Gates: []rampart.GateVerdict{few}}, 0, []string{
			"Its gate is in bounds so far; " + last, "latency is the nearest to a breach, with 1 % of the evidence that it takes.",
		}},
		{"a breach names itself", rampart.Verdict{Word: rampart.Breach, Reason: "pool 61 > 50", Gates: []rampart.GateVerdict{few}}, 1,
			[]string{"A gate is out of bounds: pool 61 > 50."}},
		{"the arms match, and more is recommended", rampart.Verdict{
			Gates:       []rampart.GateVerdict{{Gate: "pool"}},
			SampleRatio: &rampart.SampleRatio{On: 498, Off: 9502, Expected: 0.05}, Recommended: &rampart.Recommendation{Percent: 4000, Reason: "harm is small"},
		}, 0, []string{
			"Its gate is in bounds so far; " + last,
			"The sample ratio matches: 498 of 10,000 new units on, 500 expected.",
			"Recommended next is 40 %: harm is small.",
		}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, told(c.v, c.together)) })
	}
}
