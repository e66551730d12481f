package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func layered() rampart.Plan {
	p := shadowed()
	p.Shadow, p.Layer, p.Holdout = 0, &rampart.Layer{Name: "checkout-page", From: 1000, To: 7000}, "patients"
	p.Stages = []rampart.Stage{{Phase: rampart.MaxPowerRamp, Approvals: &rampart.Approvals{}, Steps: []rampart.Step{{Percent: 5000, Hold: rampart.Duration(7 * day)}}}}
	p.Finish = &rampart.Finish{Percent: rampart.Full, Bake: rampart.Duration(day)}
	return p
}

func TestALayerLastsUntilTheFinishAndAHoldoutBeyondIt(t *testing.T) {
	r := newRig(t, layered())
	var ramp, bake rampart.Flag
	r.at(3*day, func() { ramp = r.flag().Flag })
	r.at(7*day+12*time.Hour, func() { bake = r.flag().Flag })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Launched, out.State, out.Reason)
	patients := []rampart.Rule{{Segment: "patients"}}
	require.Equal(t, r.plan.Layer, ramp.Layer)
	require.Equal(t, patients, ramp.Except)
	require.Equal(t, rampart.Full, bake.Exposure)
	require.Nil(t, bake.Layer, "everybody is exposed")
	require.Equal(t, patients, bake.Except)
	end := r.flag().Flag
	require.Nil(t, end.Layer)
	require.Equal(t, patients, end.Except)
	require.Equal(t, 2, end.Format)
}

func TestATurningBackFreesTheSlots(t *testing.T) {
	r := newRig(t, layered())
	r.at(3*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Nil(t, r.flag().Flag.Layer)
	require.Len(t, r.flag().Flag.Except, 1)
}
