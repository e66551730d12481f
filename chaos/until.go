package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// tick is how often something is asked again.
const tick = 100 * time.Millisecond

// errNotYet says that something is to be asked again.
var errNotYet = errors.New("it is not so yet")

func now() int64 { return time.Now().UnixMilli() }

// pause waits, unless the context ends; then it returns false.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// until tries until it succeeds.
func (s *soak) until(ctx context.Context, patience time.Duration, what string, try func() error) error {
	began := time.Now()
	for {
		err := try()
		if err == nil {
			return nil
		}
		if !pause(ctx, tick) {
			return context.Cause(ctx)
		}
		if time.Since(began) > patience {
			return fmt.Errorf("not within %s: %s: %w", patience, what, err)
		}
	}
}
