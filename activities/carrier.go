package activities

import (
	"context"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc"
)

// A Carrier has the failure of an attempt carry its heartbeat details, which Temporal
// takes as it takes a heartbeat. A look is a failure anyway, so that spares one of the
// three calls that it costs, and a verdict does not wait for it.
//
// The SDK does not offer this, so a Carrier sits between it and the wire: see
// [Carrier.Intercept]. A nil Carrier sends heartbeats.
type Carrier struct {
	mu     sync.Mutex
	loads  map[string]load // by task token
	pruned time.Time
}

type load struct {
	details *commonpb.Payloads
	since   time.Time
}

// loadLife is longer than an attempt, and than the SDK tries to tell of its failure.
const loadLife = 2 * time.Minute

// beat keeps details for the next attempt: they go with the failure of this one.
func (c *Carrier) beat(ctx context.Context, details any) {
	if c != nil {
		if p, err := converter.GetDefaultDataConverter().ToPayloads(details); err == nil {
			c.put(string(activity.GetInfo(ctx).TaskToken), p)
			return
		}
	}
	activity.RecordHeartbeat(ctx, details)
}

func (c *Carrier) put(token string, details *commonpb.Payloads) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.pruned) > loadLife {
		c.pruned = now
		for t, l := range c.loads {
			if now.Sub(l.since) > loadLife { // its failure was never told
				delete(c.loads, t)
			}
		}
	}
	if c.loads == nil {
		c.loads = map[string]load{}
	}
	c.loads[token] = load{details, now}
}

func (c *Carrier) get(token string) *commonpb.Payloads {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loads[token].details
}

func (c *Carrier) drop(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.loads, token)
}

// Intercept is a gRPC interceptor for the client that the worker speaks to Temporal by.
func (c *Carrier) Intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	failed, ok := req.(*workflowservice.RespondActivityTaskFailedRequest)
	if !ok {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	token := string(failed.GetTaskToken())
	if details := c.get(token); details != nil {
		failed.LastHeartbeatDetails = details
	}
	err := invoke(ctx, method, req, reply, cc, opts...)
	if err == nil { // else it may be tried again
		c.drop(token)
	}
	return err
}
