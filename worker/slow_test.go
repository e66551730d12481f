package worker_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

// While every look that the worker may take waits for a Prometheus that hangs, people
// and the store are heard all the same: looks have a queue of their own.
func TestPrometheusThatHangsDelaysNobodyWhoActs(t *testing.T) {
	s := newSite(t).setup()
	var asked atomic.Int64
	over := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("query") != "vector(1)" { // which readiness asks
			asked.Add(1)
			<-over
		}
		s.prometheus.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(over) })
	s.config.Prometheus.Address, s.config.Prometheus.Timeout = hanging.URL, time.Minute
	s.config.Looks, s.config.StopTimeout = 1, time.Second
	s.work().awaitReady()

	const killed, turnedBack = "flag-0", "flag-1"
	for i := range 4 {
		plan := s.plan()
		plan.Flag = fmt.Sprintf("flag-%d", i)
		query := "errors_" + plan.Flag
		plan.Gates = []rampart.Gate{{Name: "errors", Threshold: &rampart.Threshold{Query: query, Max: new(float64)}}}
		_, err := s.starter.Start(t.Context(), starter.Launching{Plan: plan, By: "rita"})
		require.NoError(t, err)
	}
	exposed := func(flag string) rampart.Percent {
		entry, err := s.starter.Store.Get(t.Context(), flag)
		require.NoError(t, err)
		return entry.Flag.Exposure
	}
	require.Eventually(t, func() bool { return asked.Load() > 0 && exposed(killed) > 0 && exposed(turnedBack) > 0 }, patience, tick)

	before := asked.Load()
	_, err := s.starter.Kill(t.Context(), killed, "rita", "fire", 0)
	require.NoError(t, err)
	_, err = s.starter.TurnBack(t.Context(), turnedBack, rampart.Ask{By: "rita", Reason: "enough"})
	require.NoError(t, err)
	for flag, state := range map[string]rampart.State{killed: rampart.Killed, turnedBack: rampart.TurnedBack} {
		out, err := s.starter.Wait(t.Context(), flag)
		require.NoError(t, err)
		require.Equal(t, state, out.State)
		require.Zero(t, exposed(flag))
	}
	require.LessOrEqual(t, asked.Load(), before+1, "nobody has waited for the looks of all four launches")
}
