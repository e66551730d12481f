package client

import (
	"context"
	"time"

	"github.com/rampart-dev/rampart/flagstore"
)

// confirmPosition tells the store how far this reader has come.
func (c *Client) confirmPosition(ctx context.Context) {
	for {
		c.confirmOnce(ctx)
		timer := time.NewTimer(jitter(confirmEvery))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-c.confirm:
			timer.Stop()
		}
	}
}

func (c *Client) confirmOnce(ctx context.Context) {
	c.mu.Lock()
	started := c.position.started
	reader := flagstore.Reader{ID: c.options.ID, Service: c.options.Service, Revision: c.position.revision}
	c.mu.Unlock()
	if !started {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := c.feed.Confirm(ctx, reader); err != nil {
		c.failed("confirm", err)
	}
}
