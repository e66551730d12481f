package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
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

// Whoever intervenes while the launch has heard of the loss, and not written its document
// again yet, calls the writing off. The next watch finds nothing at all in the store: no
// lease, and so none that has ended.
func TestAnEmptiedStoreIsNoLeaseThatHasEnded(t *testing.T) {
	r := newRig(t, fivePhases())
	lost := 2*day + 10*time.Hour + 30*time.Minute
	r.wrote = func(in activities.ExposeInput) {
		if in.Verb == "restore" { // of which the answer is that all is lost, and then nothing comes through
			r.away = "Expose"
		}
	}
	r.at(lost, func() {
		require.NoError(t, r.redis.Client().FlushAll(t.Context()).Err())
		require.NoError(t, r.store.Setup(t.Context(), "namespace-id"))
		r.SignalWorkflow(rampart.SignalLost, "the store had lost everything")
	})
	r.at(lost+time.Minute, func() { r.ask(rampart.UpdatePause, rampart.Ask{By: "bo"}) })
	r.at(lost+10*time.Minute, func() {
		r.wrote, r.away = nil, ""
	})
	var restored rampart.Percent
	r.at(2*day+12*time.Hour, func() { restored = r.flag().Flag.Exposure })
	r.at(3*day, func() { r.ask(rampart.UpdateTurnBack, rampart.Ask{By: "bo", Reason: "enough"}) })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.CausePerson, out.Cause, out.Reason)
	require.Equal(t, rampart.Percent(100), restored)
}
