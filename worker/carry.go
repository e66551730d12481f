package worker

import (
	"context"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"

	"github.com/rampart-dev/rampart/activities"
)

// carrying has the failures that the SDK tells Temporal of take along what the carrier
// has for them.
func carrying(c *activities.Carrier) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		failed, ok := req.(*workflowservice.RespondActivityTaskFailedRequest)
		if ok {
			c.Load(failed)
		}
		err := invoke(ctx, method, req, reply, cc, opts...)
		if ok && err == nil {
			c.Told(failed)
		}
		return err
	}
}
