package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// steppingBack is the standard plan whose gate steps back.
func steppingBack(attempts int) rampart.Plan {
	p := fivePhases()
	p.Gates[0].OnBreach = &rampart.Policy{Action: rampart.ActStepBack, CoolDown: rampart.Duration(12 * time.Hour), Attempts: attempts}
	return p
}

// breaks makes the metric bad at an exposure, so many times.
func (r *rig) breaks(at rampart.Percent, times int) {
	seen := map[int64]bool{}
	r.metric = func(string, time.Time) (float64, error) {
		if e := r.flag().Flag; e.Exposure == at && (seen[e.Version] || len(seen) < times) {
			seen[e.Version] = true
			return 4, nil
		}
		return 0, nil
	}
}

func TestStepsBackAndTriesAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		attempts int
		breaks   rampart.Percent
		times    int
		state    rampart.State
		path     []float64
	}{
		"within a stage":                             {attempts: 1, breaks: 500, times: 1, state: rampart.Launched, path: []float64{0, 1, 5, 1, 5, 10, 50, 75, 95, 100}},
		"until it was tried often enough":            {attempts: 2, breaks: 500, times: 9, state: rampart.TurnedBack, path: []float64{0, 1, 5, 1, 5, 1, 5, 0}},
		"to the stage before, and asks anew":         {attempts: 1, breaks: 5000, times: 1, state: rampart.Launched, path: []float64{0, 1, 5, 10, 50, 10, 50, 75, 95, 100}},
		"to whoever is included":                     {attempts: 1, breaks: 100, times: 1, state: rampart.Launched, path: []float64{0, 1, 0, 1, 5, 10, 50, 75, 95, 100}},
		"from the bake, and bakes again":             {attempts: 1, breaks: rampart.Full, times: 1, state: rampart.Launched, path: []float64{0, 1, 5, 10, 50, 75, 95, 100, 95, 100}},
		"from the first step, to nobody":             {attempts: 1, breaks: 0, times: 1, state: rampart.Launched, path: []float64{0, 0, 0, 1, 5, 10, 50, 75, 95, 100}},
		"not at all, where the plan does not say so": {breaks: 500, times: 1, state: rampart.TurnedBack, path: []float64{0, 1, 5, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			plan := fivePhases()
			if tt.attempts > 0 {
				plan = steppingBack(tt.attempts)
			}
			r := newRig(t, plan)
			r.whenAsked("ann")
			r.breaks(tt.breaks, tt.times)
			out, err := r.walk()
			require.NoError(t, err)
			require.Equal(t, tt.state, out.State, out.Reason)
			require.Equal(t, tt.path, r.path())
		})
	}
}

func TestALaunchThatSteppedBackCoolsDown(t *testing.T) {
	r := newRig(t, steppingBack(1))
	r.breaks(5000, 1)
	r.at(8*day, func() { r.approve(rampart.MaxPowerRamp, "ann") })
	var cooling, asking rampart.Progress
	r.at(8*day+6*time.Hour, func() { cooling = r.progress() })
	r.at(10*day, func() { asking = r.progress() })
	r.at(11*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Cooling, cooling.State)
	require.Equal(t, rampart.Percent(1000), cooling.Exposure)
	require.Equal(t, 1, cooling.Attempt)
	require.Positive(t, cooling.Until)
	require.Empty(t, cooling.Approvals, "a breach voids the consent that was given before")
	require.Equal(t, rampart.MaxPowerRamp, asking.Asking)
	require.Equal(t, rampart.Killed, out.State)
	require.Equal(t, []float64{0, 1, 5, 10, 50, 10, 0}, r.path())
}

func TestAKillWinsOverACoolDown(t *testing.T) {
	r := newRig(t, steppingBack(3))
	r.breaks(500, 1)
	r.at(3*day+8*time.Hour, func() { r.SignalWorkflow(rampart.SignalKill, "fire") })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Killed, out.State)
	require.Equal(t, []float64{0, 1, 5, 1, 0}, r.path())
}

func TestABreachWhileCoolingDownStepsBackFurther(t *testing.T) {
	r := newRig(t, steppingBack(2))
	bad := func(at time.Time) bool { return at.After(r.began.Add(3*day + 5*time.Hour)) }
	r.metric = func(_ string, at time.Time) (float64, error) {
		if bad(at) {
			return 4, nil
		}
		return 0, nil
	}
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.CauseBreach, out.Cause)
	require.Equal(t, []float64{0, 1, 5, 1, 0, 0}, r.path(), "5 % broke, then 1 %, then whoever is included")
}
