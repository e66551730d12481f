package client

import (
	"context"
	"math/rand/v2"
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

// confirmSoon tells it after a moment that grows with the number of readers: where a
// thousand confirm at once, the last of them hear late of what the first confirm.
// Half of it lets the change reach everybody, over the other half they spread.
func (c *Client) confirmSoon() {
	half := min(time.Duration(c.readers.Load())*confirmTakes, confirmWithin) / 2
	time.AfterFunc(half+rand.N(half+1), func() { signal(c.confirm) }) // #nosec G404 -- nobody gains by guessing it
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
	readers, err := c.feed.Confirm(ctx, reader)
	if err != nil {
		c.failed("confirm", err)
		return
	}
	c.readers.Store(int64(readers))
}
