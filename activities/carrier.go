package activities

import (
	"context"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
)

// A Carrier has the failure of an attempt carry its heartbeat details, which Temporal
// takes as it takes a heartbeat. A look is a failure anyway, so that spares one of the
// three calls that it costs, and a verdict does not wait for it.
//
// The SDK does not offer this, so the worker has its calls to Temporal pass by the
// Carrier. A nil Carrier sends heartbeats.
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

// Load puts the details of an attempt into the call that tells of its failure.
func (c *Carrier) Load(failed *workflowservice.RespondActivityTaskFailedRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l, ok := c.loads[string(failed.GetTaskToken())]; ok {
		failed.LastHeartbeatDetails = l.details
	}
}

// Told lets go of them once that call has succeeded: until then it may be tried again.
func (c *Carrier) Told(failed *workflowservice.RespondActivityTaskFailedRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.loads, string(failed.GetTaskToken()))
}
