package acceptance_test

import (
	"context"
	"log/slog"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/worker"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/workflows"
)

// requireReplayable makes sure that whoever takes the launch over comes to where it
// is: several workers, some of which were killed, have made its history.
func (l *launch) requireReplayable() {
	if l.t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	events := l.people.Temporal.GetWorkflowHistory(ctx, rampart.LaunchID(l.env, l.plan.Flag), l.run, false, 0)
	var history historypb.History
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(l.t, err)
		history.Events = append(history.Events, event)
	}
	replayer := sdk.NewWorkflowReplayer()
	replayer.RegisterWorkflow(workflows.Launch)
	require.NoError(l.t, replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), &history))
}
