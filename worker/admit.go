package worker

import (
	"context"
	"errors"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 2 * time.Second
)

// admit waits until Temporal and the store answer, and makes sure that they belong
// together. It returns the id of the namespace.
func (p *process) admit(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.StartTimeout)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		id, err := p.pair(ctx)
		if err == nil || rampart.KindOf(err) != rampart.Unreachable {
			return id, err
		}
		p.log.Warn("waiting for a part", zap.Error(err))
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(pause):
		}
	}
}

// pair checks that the store is for this environment and this namespace.
func (p *process) pair(ctx context.Context) (string, error) {
	id, err := p.starter.NamespaceID(ctx)
	if err != nil {
		return "", err
	}
	err = p.guard(ctx, id)
	if errors.Is(err, flagstore.ErrNotSetUp) && p.swept(ctx) {
		p.log.Warn("the store has lost everything; the sweep restores it", zap.String("redis", p.starter.Store.Address()))
		return id, nil
	}
	return id, err
}

// guard returns an error unless the store is there, and the right one.
func (p *process) guard(ctx context.Context, namespace string) error {
	if namespace == "" { // Temporal has not told it yet
		return p.starter.Store.Ping(ctx)
	}
	return p.starter.Store.Guard(ctx, namespace)
}

// swept reports whether the environment has a sweep in this namespace. Only a
// worker that the store had admitted can have started it, so an empty store is one
// that has lost everything, which a worker must be there to restore.
func (p *process) swept(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	d, err := p.starter.Temporal.DescribeWorkflowExecution(ctx, rampart.SweepID(p.starter.Environment()), "")
	return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
}
