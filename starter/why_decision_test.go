package starter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

func walked() rampart.Plan {
	return rampart.Plan{Flag: "checkout-v2", Owner: "team-payments", Purpose: "One-page checkout"}.WithDefaults()
}

func TestWhyTellsOfAMismatchAndWhoEndsIt(t *testing.T) {
	p := rampart.Progress{
		Flag: "checkout-v2", Plan: walked(), State: rampart.Held, Phase: rampart.Debug, Exposure: 500, Exposed: 1, StepSince: 1,
		Note: "held at 5 %, because the sample ratio does not match: 450 of 10,000 new units on, 500 expected", Mismatch: "450 of 10,000 new units on, 500 expected",
	}
	got := starter.Explain(starter.Situation{Flag: p.Flag, Now: time.UnixMilli(2), Progress: &p})
	require.Contains(t, strings.Join(got.Who, " "), "rampart acknowledge checkout-v2 --reason")
	require.NotContains(t, strings.Join(got.Who, " "), "rampart resume")
}

func TestWhyTellsTheDecisionToWhoeverIsAsked(t *testing.T) {
	p := rampart.Progress{
		Flag: "checkout-v2", Plan: walked(), State: rampart.Waiting, WaitingFor: rampart.ForDecision, Phase: rampart.MaxPowerRamp, Exposure: 5000,
		Exposed: 1, StepSince: 1, Asking: rampart.Scalability, Missing: "1 person",
		Decision: &rampart.RampDecision{Word: rampart.Ship, Reason: "no guardrail is worse than its margin", Goals: []rampart.GoalVerdict{
			{Goal: "completed checkouts", Word: rampart.Ship, Reason: "completed checkouts +2.3 % (+0.4 to +4.2), 2 % wanted"}}},
	}
	got := strings.Join(starter.Explain(starter.Situation{Flag: p.Flag, Now: time.UnixMilli(2), Progress: &p}).Stands, " ")
	require.Contains(t, got, `came to the decision "ship": no guardrail is worse than its margin.`)
	require.Contains(t, got, "completed checkouts +2.3 % (+0.4 to +4.2), 2 % wanted: ship.")
}

func TestTheFirstStepComesAfterTheShadow(t *testing.T) {
	plan := walked()
	plan.Stages = plan.Stages[1:]
	r, ok := starter.NextRaise(rampart.Progress{
		Flag: "checkout-v2", Plan: plan, State: rampart.Watching, Phase: rampart.Debug, StepName: "shadow", StepSince: 1, Hold: rampart.Duration(time.Hour),
	})
	require.True(t, ok)
	require.Equal(t, rampart.Debug, r.Phase)
	require.Equal(t, rampart.Percent(100), r.Percent)
	require.Nil(t, r.Consent)
}
