package acceptance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/rampart-dev/rampart"
)

// While nobody is exposed nothing is watched: it is the sweep that finds a kill which
// Temporal was not told of. The register of another flag is ahead of it, as after a
// clock that was wrong.
func TestKillIsFoundBeforeAnybodyIsExposed(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	s.setByHand("by-hand", ten)
	later := rampart.Kill{Flag: "by-hand", Version: time.Now().Add(30 * time.Minute).UnixMilli(), Killed: true, By: "oncall", Reason: "slow"}
	require.NoError(t, s.people.Store.RestoreKill(t.Context(), later))
	s.awaitsKillKnown("by-hand")
	plan := s.aPlan("checkout-v2")
	plan.Stages = plan.Stages[1:]
	l := s.start(plan)
	l.asks(rampart.MaxPowerRamp)

	_, err := s.people.Store.Kill(t.Context(), "checkout-v2", "oncall", "support queue on fire")
	require.NoError(t, err)

	out := l.ends(rampart.Killed)
	require.Equal(t, "oncall", out.By)
	require.Zero(t, out.Receipt.FirstExposed)
	s.awaitsKillKnown("checkout-v2")
}

// awaitsKillKnown waits until a flag's own workflow knows that the flag is killed.
func (s *stack) awaitsKillKnown(flag string) {
	s.t.Helper()
	eventually(s.t, "the workflow of "+flag+" knows of the kill", func() (bool, any) {
		intent, err := s.people.Intent(s.t.Context(), flag)
		return err == nil && intent.Launch == "" && intent.Kill != nil && intent.Kill.Killed, intent
	})
}

func TestFlagWhoseWorkflowIsStuckKeepsNoOtherFromComingBack(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	s.setByHand("by-hand", ten)
	before := s.entry("by-hand")
	stuck := rampart.FlagID(s.env, "stuck")
	_, err := s.people.Temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: stuck, TaskQueue: "nobody works here",
		TypedSearchAttributes: temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword(rampart.AttributeEnvironment).ValueSet(s.env)),
	}, "Flag")
	require.NoError(t, err)
	eventually(t, "both flags are listed", func() (bool, any) {
		flags, err := s.people.Flags(t.Context())
		return err == nil && len(flags) == 2, flags
	})

	s.redis.Restart()

	s.awaitsRestored(before)
	meta, err := s.people.Store.Meta(t.Context())
	require.NoError(t, err)
	require.Empty(t, meta.Epoch, "not everything is there again")
	require.NoError(t, s.people.Temporal.TerminateWorkflow(t.Context(), stuck, "", "it is stuck"))
	s.awaitsEpoch()
}
