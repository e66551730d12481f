package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/starter"
)

func TestHeldLaunchesAreCounted(t *testing.T) {
	s := newSite(t).setup()
	w := s.work().awaitReady()
	plan := s.plan()
	plan.Gates[0].Threshold.Max = nil
	plan.Gates[0].Threshold.Min, plan.Gates[0].OnBreach = new(1.0), &rampart.Policy{Action: rampart.ActHold}
	_, err := s.starter.Start(t.Context(), starter.Launching{By: "rita", Plan: plan})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		held, err := s.starter.Count(t.Context(), rampart.Held)
		return err == nil && held == 1
	}, patience, tick)
	require.NoError(t, w.stop())

	w = s.work().awaitReady() // it counts at once, and then every half minute
	w.exports(`rampart_launches{environment="`+s.config.Parts.Environment+`",state="held"} 1`,
		`rampart_launches{environment="`+s.config.Parts.Environment+`",state="watching"} 0`)
}

func TestReadersAreCounted(t *testing.T) {
	s := newSite(t).setup()
	_, err := s.starter.Store.Confirm(t.Context(), flagstore.Reader{ID: "shop-1", Service: "shop"})
	require.NoError(t, err)
	s.work().awaitReady().exports(
		`rampart_readers{environment="`+s.config.Parts.Environment+`"} 1`,
		`rampart_readers_behind{environment="`+s.config.Parts.Environment+`"} 0`)
}

// exports waits until the worker exports all of the samples.
func (w *running) exports(samples ...string) {
	w.t.Helper()
	var metrics string
	require.Eventually(w.t, func() bool {
		_, metrics = w.get("/metrics")
		return containsAll(metrics, samples...)
	}, patience, tick, "%s", &metrics)
}
