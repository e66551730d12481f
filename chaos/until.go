package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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

// fetch asks whether a URL answers with success.
func fetch(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}
