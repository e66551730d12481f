package client

import (
	"context"
	"time"
)

// probe compares the revision with the store's. Only data prove that the feed is
// alive: a subscription can starve while its connection answers PING. What was missed
// is loaded at once; the subscription is ended where it stays behind.
func (c *Client) probe(ctx context.Context) {
	for pause(ctx, jitter(c.probeIn())) {
		asked := time.Now()
		epoch, revision, err := c.askRevision(ctx)
		if err != nil {
			c.failed("probe", err)
			continue
		}
		if !c.caughtUp(ctx, epoch, revision, asked) {
			if err := c.load(ctx, "revision"); err != nil {
				c.failed("load", err)
			}
			c.owe(revision)
		}
		c.cutIfBehind()
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
			c.tell(nil)
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

// owe notes that the subscription has yet to tell of a revision.
func (c *Client) owe(revision int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.position
	if p.owedSince.IsZero() || p.told >= p.owed { // what it owed before has come
		p.owedSince = time.Now()
	}
	p.owed = revision
}

// cutIfBehind ends a subscription that owes a revision for too long. One that is only
// late is left alone: where a machine has much to do, to subscribe and load again and
// again would be yet more.
func (c *Client) cutIfBehind() {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.position
	switch {
	case p.told >= p.owed:
		p.owedSince = time.Time{}
	case time.Since(p.owedSince) >= behindAtMost && p.cut != nil:
		p.cut()
	}
}
