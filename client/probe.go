package client

import (
	"context"
	"time"
)

// probe compares the revision with the store's. Only data prove that the feed is
// alive: a subscription can starve while its connection answers PING.
func (c *Client) probe(ctx context.Context) {
	for pause(ctx, jitter(c.probeIn())) {
		asked := time.Now()
		epoch, revision, err := c.askRevision(ctx)
		if err != nil {
			c.failed("probe", err)
			continue
		}
		if c.caughtUp(ctx, epoch, revision, asked) {
			continue
		}
		if err := c.load(ctx, "revision"); err != nil {
			c.failed("load", err)
		}
		c.resubscribe()
	}
}

func (c *Client) askRevision(ctx context.Context) (string, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return c.feed.Revision(ctx)
}

// probeIn returns a second; less where a feed that was busy has been silent for
// longer than usual.
func (c *Client) probeIn() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.position
	if p.heard.IsZero() {
		return probeEvery
	}
	usual := max(p.usual, time.Since(p.heard)/10)
	return max(probeSoonest, min(3*usual, probeEvery))
}

// caughtUp reports whether the client is where the store is, or gets there by a
// message that is on its way.
func (c *Client) caughtUp(ctx context.Context, epoch string, revision int64, asked time.Time) bool {
	timeout := time.NewTimer(messageWithin)
	defer timeout.Stop()
	for {
		c.mu.Lock()
		p := &c.position
		equal := p.started && epoch == p.epoch && revision == p.revision
		ahead := p.started && epoch == p.epoch && p.revision > revision && p.heard.After(asked)
		if equal {
			p.prove(asked)
			c.reached()
		}
		if p.moved == nil {
			p.moved = make(chan struct{})
		}
		moved := p.moved
		c.mu.Unlock()
		if equal || ahead {
			return true
		}
		select {
		case <-moved:
		case <-timeout.C:
			return false
		case <-ctx.Done():
			return true
		}
	}
}

// resubscribe ends a subscription that has missed something.
func (c *Client) resubscribe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.position.cut != nil {
		c.position.cut()
	}
}
