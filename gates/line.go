package gates

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// A line is where queries wait until there is a place among those that run. It keeps
// a worker with thousands of launches from asking Prometheus for everything at once,
// and from piling up questions that it cannot answer: who waits for too long, or
// finds too many waiting, goes away without an answer.
type line struct {
	places  chan struct{}
	waiting atomic.Int64
	most    int64 // that may wait
}

// errCrowded is the error of a query that was never asked.
var errCrowded = errors.New("too many queries are waiting")

func newLine(places, most int) *line {
	return &line{places: make(chan struct{}, places), most: int64(most)}
}

// enter returns once there is a place, which is to be left. It waits as long as its
// patience lasts, or the context.
func (l *line) enter(ctx context.Context, patience time.Duration) error {
	select {
	case l.places <- struct{}{}:
		return nil
	default:
	}
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > l.most {
		return errCrowded
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case l.places <- struct{}{}:
		return nil
	case <-enough.C:
		return errCrowded
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *line) leave() { <-l.places }
