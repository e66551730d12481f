package activities_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"

	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/internal/temporaltest"
)

// What an attempt wants to be remembered reaches the next one with its failure, on a
// real server, and no heartbeat is sent.
func TestAFailureCarriesTheHeartbeat(t *testing.T) {
	var carrier activities.Carrier
	var beats atomic.Int64
	server := temporaltest.Start(t)
	client, err := sdk.Dial(sdk.Options{HostPort: server.Address(), ConnectionOptions: sdk.ConnectionOptions{DialOptions: []grpc.DialOption{
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			switch req := req.(type) {
			case *workflowservice.RecordActivityTaskHeartbeatRequest:
				beats.Add(1)
			case *workflowservice.RespondActivityTaskFailedRequest: // as the worker does
				carrier.Load(req)
				defer carrier.Told(req)
			}
			return invoke(ctx, method, req, reply, cc, opts...)
		}),
	}}})
	require.NoError(t, err)
	t.Cleanup(client.Close)

	counting := func(ctx context.Context) (int, error) {
		var n int
		if activity.HasHeartbeatDetails(ctx) {
			if err := activity.GetHeartbeatDetails(ctx, &n); err != nil {
				return 0, err
			}
		}
		if n == 3 {
			return n, nil
		}
		carrier.Beat(ctx, n+1)
		return 0, temporal.NewApplicationErrorWithOptions("again", activities.TypeHolding, temporal.ApplicationErrorOptions{NextRetryDelay: 10 * time.Millisecond})
	}
	w := worker.New(client, "carried", worker.Options{})
	w.RegisterActivityWithOptions(counting, activity.RegisterOptions{Name: "counting"})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (n int, err error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second})
		err = workflow.ExecuteActivity(ctx, "counting").Get(ctx, &n)
		return n, err
	}, workflow.RegisterOptions{Name: "counted"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	run, err := client.ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{TaskQueue: "carried"}, "counted")
	require.NoError(t, err)
	var n int
	require.NoError(t, run.Get(t.Context(), &n))
	require.Equal(t, 3, n)
	require.Zero(t, beats.Load())
}
