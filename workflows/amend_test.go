package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// amend sends an amendment of the plan as it is walked, changed.
func (r *rig) amend(by string, change func(p *rampart.Plan)) *reply {
	next := r.plan
	next.Stages = slices.Clone(r.plan.Stages)
	for i := range next.Stages {
		next.Stages[i].Steps = slices.Clone(next.Stages[i].Steps)
	}
	change(&next)
	got := &reply{}
	r.UpdateWorkflow(rampart.UpdateAmend, "", got, rampart.Amendment{Plan: next, By: by, Reason: "traffic is low"})
	return got
}

func TestAStageToComeIsAmended(t *testing.T) {
	r := newRig(t, fivePhases())
	r.whenAsked("ann")
	var done *reply
	r.at(3*day, func() { done = r.amend("bo", func(p *rampart.Plan) { p.Stages[3].Steps[0].Percent = 8000 }) })
	var after rampart.Progress
	r.at(3*day+time.Hour, func() { after = r.progress() })
	out, err := r.walk()
	require.NoError(t, err)
	require.NoError(t, done.err)
	require.Equal(t, rampart.Amended{Changes: []string{"scalability: steps"}, Voided: []rampart.Phase{rampart.Scalability}}.Changes, done.answer.(rampart.Amended).Changes)
	require.Equal(t, 2, after.Revision)
	require.Equal(t, rampart.Launched, out.State)
	require.Equal(t, []float64{0, 1, 5, 10, 50, 80, 95, 100}, r.path())
}

func TestTheStageThatALaunchStandsInIsApprovedAgain(t *testing.T) {
	r := newRig(t, fivePhases())
	mpr := rampart.MaxPowerRamp
	r.at(6*day, func() { r.approve(mpr, "ann") })
	r.at(8*day, func() {
		r.amend("bo", func(p *rampart.Plan) {
			p.Stages[2].Steps[0].Hold = rampart.Duration(14 * day)
			p.Stages[2].Approvals = &rampart.Approvals{Count: 2}
		})
	})
	var asking, waiting, holding rampart.Progress
	r.at(9*day, func() { asking = r.progress() })
	r.at(10*day, func() { r.approve(mpr, "bo") })
	r.at(10*day, func() { r.approve(mpr, "ann") })
	r.at(12*day, func() { waiting = r.progress() })
	r.at(20*day, func() { r.approve(mpr, "eve") })
	r.at(21*day, func() { holding = r.progress() })
	r.at(60*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, mpr, asking.Asking)
	require.Equal(t, rampart.Percent(5000), asking.Exposure)
	require.Equal(t, "2 people", asking.Missing)
	require.Len(t, waiting.Approvals, 1, "whoever amended the plan does not approve it")
	require.Equal(t, asking.Held, waiting.Held, "the hold stands still until people have consented")
	require.Equal(t, rampart.Watching, holding.State)
	require.Equal(t, rampart.Duration(14*day), holding.Hold)
	require.Equal(t, []float64{0, 1, 5, 10, 50, 0}, r.path())
}

func TestAnAmendmentOfWhatIsAskedForAsksAnew(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(p *rampart.Plan)
		asks   rampart.Phase
		path   []float64
	}{
		"its steps":     {change: func(p *rampart.Plan) { p.Stages[2].Steps[0].Percent = 4000 }, asks: rampart.MaxPowerRamp, path: []float64{0, 1, 5, 10, 40, 0}},
		"its leaving":   {change: func(p *rampart.Plan) { p.Stages = slices.Delete(p.Stages, 2, 3) }, asks: rampart.Scalability, path: []float64{0, 1, 5, 10, 75, 0}},
		"another first": {change: func(p *rampart.Plan) { p.Stages[1].Steps[2].Hold = rampart.Duration(2 * day) }, asks: rampart.MaxPowerRamp, path: []float64{0, 1, 5, 10, 50, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, fivePhases())
			r.plan.Stages[2].Approvals = &rampart.Approvals{Count: 2}
			r.at(6*day, func() { r.approve(rampart.MaxPowerRamp, "ann") })
			var before, after rampart.Progress
			r.at(7*day, func() { before = r.progress() })
			r.at(8*day, func() { r.amend("bo", tt.change) })
			r.at(9*day, func() { after = r.progress() })
			r.at(10*day, func() { r.approve(tt.asks, "ann") })
			r.at(11*day, func() { r.approve(tt.asks, "eve") })
			r.at(12*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
			_, err := r.walk()
			require.NoError(t, err)
			require.Len(t, before.Approvals, 1)
			require.Equal(t, tt.asks, after.Asking)
			if name != "another first" {
				require.Equal(t, "2 people", after.Missing)
			}
			require.Equal(t, tt.path, r.path())
		})
	}
}

func TestAmendmentsAreRefusedWithTheReason(t *testing.T) {
	r := newRig(t, fivePhases())
	var passed, nothing, nobody, invalid, late *reply
	r.at(3*day, func() {
		passed = r.amend("bo", func(p *rampart.Plan) { p.Stages[0].Steps[0].Hold = rampart.Duration(day) })
		nothing = r.amend("bo", func(*rampart.Plan) {})
		nobody = r.amend("", func(p *rampart.Plan) { p.Hypothesis = "x" })
		invalid = r.amend("bo", func(p *rampart.Plan) { p.Stages[3].Steps[0].Percent = 100 })
		late = &reply{}
		r.UpdateWorkflow(rampart.UpdateAmend, "", late, rampart.Amendment{Plan: r.plan, By: "bo", Revision: 7})
	})
	r.at(4*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	var after rampart.Progress
	r.at(3*day+time.Hour, func() { after = r.progress() })
	_, err := r.walk()
	require.NoError(t, err)
	require.ErrorContains(t, passed.err, "test-in-production is passed")
	require.ErrorContains(t, nothing.err, "walked already")
	require.ErrorContains(t, nobody.refused, "does not say who")
	require.ErrorContains(t, invalid.err, "below the 50 % reached before")
	require.ErrorContains(t, late.refused, "walks revision 1")
	require.Equal(t, 1, after.Revision)
}
