package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

func layered() rampart.Plan {
	p := shadowed()
	p.Shadow, p.Layer, p.Holdout = 0, &rampart.Layer{Name: "checkout-page", From: 1000, To: 7000}, "patients"
	p.Stages = []rampart.Stage{{Phase: rampart.MaxPowerRamp, Approvals: &rampart.Approvals{}, Steps: []rampart.Step{{Percent: 5000, Hold: rampart.Duration(7 * day)}}}}
	p.Finish = &rampart.Finish{Percent: rampart.Full, Bake: rampart.Duration(day)}
	return p
}

// newLayeredRig is a rig whose store has whom the plan holds out.
func newLayeredRig(t *testing.T, plan rampart.Plan) *rig {
	r := newRig(t, plan)
	_, err := r.store.PutSegment(t.Context(), rampart.Segment{Name: "patients", Keys: []string{"pat"}}, "ann", "")
	require.NoError(t, err)
	return r
}

func TestALayerLastsUntilTheFinishAndAHoldoutBeyondIt(t *testing.T) {
	r := newLayeredRig(t, layered())
	var ramp, bake rampart.Flag
	r.at(3*day, func() {
		ramp = r.flag().Flag
		require.Equal(t, rampart.Percent(5000), r.progress().HighWater)
	})
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
	r := newLayeredRig(t, layered())
	r.at(3*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Nil(t, r.flag().Flag.Layer)
	require.Len(t, r.flag().Flag.Except, 1)
}

// takes has another flag take slots that overlap those of the launch.
func (r *rig) takes(flag string) error {
	base := r.plan.NewFlag()
	base.Name = flag
	_, err := r.store.Acquire(r.t.Context(), flagstore.AcquireInput{
		Flag: flag, Owner: rampart.LaunchID(env, flag), At: r.Now().UnixMilli(), By: "bo", Baseline: &base,
		Claim: &flagstore.Claim{Layer: &rampart.Layer{Name: "checkout-page", From: 5000, To: 9000}},
	})
	return err
}

func TestAStepBackOutOfTheBakeClaimsItsSlotsAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		another bool
		state   rampart.State
		path    []float64
	}{
		"which are free":          {false, rampart.Launched, []float64{50, 100, 50, 100}},
		"which are another's now": {true, rampart.TurnedBack, []float64{50, 100, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			plan := layered()
			plan.Gates[0].OnBreach = &rampart.Policy{Action: rampart.ActStepBack, CoolDown: rampart.Duration(12 * time.Hour), Attempts: 1}
			r := newLayeredRig(t, plan)
			r.breaks(rampart.Full, 1)
			breaks, bakes := r.metric, false
			r.metric = func(query string, at time.Time) (float64, error) {
				if !bakes && r.flag().Flag.Exposure == rampart.Full {
					if bakes = true; tt.another {
						require.NoError(t, r.takes("one-page"))
					}
				}
				return breaks(query, at)
			}
			out, err := r.walk()
			require.NoError(t, err)
			require.True(t, bakes)
			require.Equal(t, tt.state, out.State, out.Reason)
			require.Equal(t, tt.path, r.path())
			if tt.another {
				require.Contains(t, out.Reason, "slots 10-70 % of layer checkout-page are taken: one-page has 50-90 %")
			}
		})
	}
}

// A failover may lose the document, and with it the claim. Whoever claimed the slots
// since has them: two launches must never be on for one person.
func TestALaunchWhoseLostSlotsAreAnothersIsTurnedBack(t *testing.T) {
	for name, another := range map[string]bool{"another's": true, "still free": false} {
		t.Run(name, func(t *testing.T) {
			r := newLayeredRig(t, layered())
			var later flagstore.Entry
			r.at(3*day, func() {
				require.NoError(t, r.redis.Client().FlushAll(t.Context()).Err())
				require.NoError(t, r.store.Setup(t.Context(), "namespace-id"))
				if another {
					require.NoError(t, r.takes("one-page"))
				}
				r.SignalWorkflow(rampart.SignalLost, "the store had gone back in time")
			})
			r.at(4*day, func() { later = r.flag() })
			out, err := r.walk()
			require.NoError(t, err)
			if !another {
				require.Equal(t, rampart.Launched, out.State, out.Reason)
				require.Equal(t, r.plan.Layer, later.Flag.Layer)
				return
			}
			require.Equal(t, rampart.TurnedBack, out.State, out.Reason)
			require.Contains(t, out.Reason, "one-page has 50-90 %")
			require.Zero(t, later.Flag.Exposure)
			require.Nil(t, later.Flag.Layer)
		})
	}
}
