package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/gates"
)

// shadowed is the standard plan with a shadow period of two days.
func shadowed() rampart.Plan {
	p := fivePhases()
	p.Shadow = rampart.Duration(2 * day)
	return p
}

func TestAShadowPeriodAssignsArmsAndExposesNobody(t *testing.T) {
	r := newRig(t, shadowed())
	looks := 0
	r.taken = func(at time.Time) {
		if at.Before(r.began.Add(day)) {
			looks++
		}
	}
	var document rampart.Flag
	var shadow, after rampart.Progress
	r.at(day, func() { document, shadow = r.flag().Flag, r.progress() })
	r.at(3*day, func() { after = r.progress() })
	r.at(5*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Zero(t, document.Exposure)
	require.Empty(t, document.Include)
	require.Equal(t, rampart.Full/2, document.Shadow)
	require.Equal(t, rampart.Watching, shadow.State)
	require.Equal(t, "shadow", shadow.StepName)
	require.Equal(t, rampart.Duration(2*day), shadow.Hold)
	require.Zero(t, shadow.Exposed, "nobody was")
	require.Greater(t, looks, 20, "the gates learn")
	require.Equal(t, rampart.TestInProduction, after.Phase)
	require.Equal(t, "test-in-production/1", after.StepName)
	require.Equal(t, []float64{0, 0, 1, 0}, r.path(), "shadow, test in production, debug, and the kill")
	require.Zero(t, r.flag().Flag.Shadow)
}

func TestAShadowPeriodIsEndedEarly(t *testing.T) {
	r := newRig(t, shadowed())
	var done *reply
	r.at(3*time.Hour, func() { done = r.ask(rampart.UpdateAdvance, rampart.Ask{By: "bo"}) })
	var after rampart.Progress
	r.at(4*time.Hour, func() { after = r.progress() })
	r.at(day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.NoError(t, done.err)
	require.Equal(t, "test-in-production/1", after.StepName)
	require.Positive(t, after.Exposed)
}

func TestNobodyIsExposedAfterABreachInTheShadowPeriod(t *testing.T) {
	r := newRig(t, shadowed())
	r.metric = func(string, time.Time) (float64, error) { return 4, nil }
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.TurnedBack, out.State)
	require.Zero(t, out.Receipt.FirstExposed)
	require.Equal(t, []float64{0, 0}, r.path())
}

// Who consented to the first stage had not seen what held the launch before it exposed
// anybody.
func TestAHoldInTheShadowPeriodVoidsConsentToTheFirstStage(t *testing.T) {
	plan := shadowed()
	plan.Gates[0].OnBreach = &rampart.Policy{Action: rampart.ActHold}
	r := newRig(t, plan)
	r.plan.Stages[0].Approvals = &rampart.Approvals{Count: 1}
	r.metric = func(_ string, at time.Time) (float64, error) {
		if at.After(r.began.Add(12*time.Hour)) && at.Before(r.began.Add(15*time.Hour)) {
			return 4, nil
		}
		return 0, nil
	}
	first := rampart.TestInProduction
	r.at(time.Hour, func() { r.approve(first, "ann") })
	var held, asking, on rampart.Progress
	r.at(day, func() { held = r.progress(); r.ask(rampart.UpdateResume, rampart.Ask{By: "bo", Reason: "pool grown"}) })
	r.at(4*day, func() { asking = r.progress(); r.approve(first, "ann") })
	r.at(8*day, func() { on = r.progress(); r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Held, held.State)
	require.Empty(t, held.Approvals)
	require.Equal(t, first, asking.Asking)
	require.Zero(t, asking.Exposed)
	require.NotZero(t, on.Exposed, "%v", r.story())
}

func TestAPausedShadowPeriodLearnsNothing(t *testing.T) {
	r := newRig(t, shadowed())
	r.at(12*time.Hour, func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}) })
	r.at(5*day, func() { r.ask(rampart.UpdateResume, rampart.Ask{By: "bo"}) })
	var before, after rampart.Progress
	r.at(6*day, func() { before = r.progress() })
	r.at(7*day, func() { after = r.progress() })
	r.at(8*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, "shadow", before.StepName)
	require.Equal(t, "test-in-production/1", after.StepName)
}

// Test in production, whose internal users are in no arm, serves as the shadow period
// of a plan that has none.
func TestTestInProductionAssignsArms(t *testing.T) {
	for name, tt := range map[string]struct {
		plan func(p *rampart.Plan)
		want rampart.Percent
	}{
		"where gates compare the arms":       {plan: comparing, want: rampart.Full / 2},
		"unless no gate does":                {plan: func(*rampart.Plan) {}},
		"unless the plan has its own shadow": {plan: func(p *rampart.Plan) { comparing(p); p.Shadow = rampart.Duration(time.Hour) }},
	} {
		t.Run(name, func(t *testing.T) {
			plan := fivePhases()
			tt.plan(&plan)
			r := newRig(t, plan)
			r.count = func(q gates.CountQuery) []gates.Counted { return make([]gates.Counted, len(q.Counters)) }
			var document rampart.Flag
			r.wrote = func(in activities.ExposeInput) {
				if len(in.Flag.Include) > 0 {
					document = in.Flag
				}
			}
			r.at(day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
			_, err := r.walk()
			require.NoError(t, err)
			require.Equal(t, rampart.TestInProduction, document.Phase)
			require.Equal(t, tt.want, document.Shadow)
		})
	}
}

// comparing adds a gate that compares the arms.
func comparing(p *rampart.Plan) {
	p.Gates = append(p.Gates, rampart.Gate{Name: "failures", Ratio: &rampart.Ratio{Events: `rampart_requests_total{outcome="error"}`, Of: "rampart_requests_total"}})
}
