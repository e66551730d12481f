package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// The history of a flag whose launch was terminated, and swept, is kept like those of
// the endings that a launch can tell itself.
func TestASweptFlagIsRecorded(t *testing.T) {
	t.Parallel()
	r := newRecorder(t, "swept")
	r.start()
	r.reach(500)
	require.NoError(t, r.s.Attest(t.Context(), r.plan.Flag))
	require.NoError(t, r.s.Temporal.TerminateWorkflow(t.Context(), r.id(), "", "a slip"))
	left, err := r.s.Store.Get(t.Context(), r.plan.Flag)
	require.NoError(t, err)
	in := rampart.Sweeping{Launch: r.id(), Seen: left.Flag.Version, Reason: "its launch is terminated", Notify: []string{"oncall"}}
	require.NoError(t, r.s.SweepFlag(t.Context(), r.plan.Flag, in))
	p, err := r.s.Progress(t.Context(), r.plan.Flag)
	require.NoError(t, err)
	require.Equal(t, rampart.TurnedBack, p.State)
	require.Equal(t, rampart.CauseSwept, p.Outcome.Cause)
	is, err := r.s.Store.Get(t.Context(), r.plan.Flag)
	require.NoError(t, err)
	require.Zero(t, is.Flag.Exposure)
	require.Eventually(t, func() bool {
		meant, err := r.s.Attested(t.Context())
		return err == nil && len(meant[r.plan.Flag]) > len("launch")
	}, time.Minute, 50*time.Millisecond, "the index has it")
	r.keep("swept", rampart.FlagID(r.env, r.plan.Flag))
}
