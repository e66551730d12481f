package temporaltest_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/temporaltest"
)

func TestMain(m *testing.M) { os.Exit(temporaltest.Run(m, "--namespace", "other")) }

func TestServerKeepsItsWorkflowsAndItsAddressOverARestart(t *testing.T) {
	ctx := context.Background()
	srv := temporaltest.Start(t)
	addr := srv.Address()
	_, err := srv.Client("default").ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "w", TaskQueue: "q"}, "Anything")
	require.NoError(t, err)

	srv.Restart()

	require.Equal(t, addr, srv.Address())
	d, err := srv.Client("default").DescribeWorkflowExecution(ctx, "w", "")
	require.NoError(t, err)
	require.Equal(t, "w", d.GetWorkflowExecutionInfo().GetExecution().GetWorkflowId())
}

func TestStoppedServerDoesNotAnswer(t *testing.T) {
	srv := temporaltest.Start(t)
	srv.Stop()
	_, err := srv.Client("default").CheckHealth(context.Background(), &client.CheckHealthRequest{})
	require.Error(t, err)
	srv.Stop() // stopping what is down is no mistake
}

func TestSharedServerIsOneWithTheSearchAttributesInEveryNamespace(t *testing.T) {
	ctx := context.Background()
	srv := temporaltest.Shared(t)
	require.Same(t, srv, temporaltest.Shared(t))
	ids := map[string]bool{}
	for _, namespace := range []string{"default", "other"} {
		c := srv.Client(namespace)
		have, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
		require.NoError(t, err)
		require.Contains(t, have.GetCustomAttributes(), rampart.AttributePercent)
		d, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
		require.NoError(t, err)
		ids[d.GetNamespaceInfo().GetId()] = true
	}
	require.Len(t, ids, 2)
}
