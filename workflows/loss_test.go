package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// The sweep is quicker than the watch to find that the store was emptied. The launch
// must write its flag again without letting go of the watch, whose heartbeat is all
// that is left of the evidence.
func TestAnEmptiedStoreCostsNoEvidence(t *testing.T) {
	r := newRig(t, fivePhases())
	var before, after rampart.Progress
	r.at(2*day+30*time.Minute, func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}) })
	r.at(2*day+10*time.Hour+30*time.Minute, func() {
		require.NoError(t, r.redis.Client().FlushAll(t.Context()).Err())
		require.NoError(t, r.store.Setup(t.Context(), "namespace-id"))
		r.SignalWorkflow(rampart.SignalLost, "the store had lost everything")
	})
	var restored rampart.Percent
	r.at(2*day+10*time.Hour+31*time.Minute, func() { before, restored = r.progress(), r.flag().Flag.Exposure })
	r.at(2*day+12*time.Hour+30*time.Minute, func() { after = r.progress() })
	r.at(3*day, func() { r.ask(rampart.UpdateTurnBack, rampart.Ask{By: "bo", Reason: "enough"}) })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Percent(100), restored, "before the watch looks again")
	require.Equal(t, before.Exposure, after.Exposure)
	require.Greater(t, after.Looks, before.Looks+8, "the looks of ten hours are not forgotten")
	require.Greater(t, out.Receipt.Looks, after.Looks)
}
