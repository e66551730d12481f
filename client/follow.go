package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rampart-dev/rampart/flagstore"
)

// The patience with the store, and the pace of looking after it.
const (
	answerWithin  = 2 * time.Second        // one small read
	loadWithin    = 10 * time.Second       // everything; 1,000 flags take a millisecond
	probeEvery    = time.Second            // at most this long on a feed that is silently dead
	probeSoonest  = 200 * time.Millisecond // where a busy feed falls silent
	messageWithin = 100 * time.Millisecond // that a message may come after the write is visible
	behindAtMost  = time.Second            // that it may come after what it told of was loaded
	confirmEvery  = 10 * time.Second       // readers are forgotten after a minute
	confirmTakes  = 200 * time.Microsecond // twice what a reader and the store spend on one confirmation
	confirmWithin = time.Second            // after a change that asks for it, however many readers there are
	firstBackoff  = 50 * time.Millisecond  // between attempts to follow; doubled up to
	lastBackoff   = 5 * time.Second        // so that a store that comes back is found soon
)

// A position is how far the client has come. It is guarded by Client.mu.
type position struct {
	epoch     string
	revision  int64
	proved    time.Time     // when the state was last known to be current
	heard     time.Time     // the last message
	usual     time.Duration // between messages, smoothed
	started   bool          // a snapshot of the store was joined
	moved     chan struct{} // closed at the next change of the position; nil: nobody waits for it
	cut       func()        // ends the current subscription
	told      int64         // the latest revision of which the current subscription has told
	owed      int64         // that it has yet to tell of, for the store has it
	owedSince time.Time     // zero: it is not behind
	failure   string        // why the store is out of reach
}

// follow keeps a subscription alive.
func (c *Client) follow(ctx context.Context) {
	backoff := firstBackoff
	for ctx.Err() == nil {
		began := time.Now()
		err := c.followOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > lastBackoff {
			backoff = firstBackoff
		}
		c.failed("follow", err)
		pause(ctx, jitter(backoff))
		backoff = min(2*backoff, lastBackoff)
	}
}

// followOnce subscribes, loads everything once the subscription is acknowledged,
// and then applies what was published since.
func (c *Client) followOnce(ctx context.Context) error {
	ctx, cut := context.WithCancel(ctx)
	defer cut()
	late := time.AfterFunc(answerWithin, cut)
	sub, err := c.feed.Follow(ctx)
	inTime := late.Stop()
	if sub != nil {
		defer sub.Close()
	}
	switch {
	case !inTime:
		return errors.New("subscribe: no acknowledgement")
	case err != nil:
		return fmt.Errorf("subscribe: %w", err)
	}
	c.mu.Lock()
	p := &c.position
	p.cut, p.told, p.owed, p.owedSince = cut, 0, 0, time.Time{} // it owes nothing of before
	c.mu.Unlock()
	if err := c.load(ctx, "subscribed"); err != nil {
		return err
	}
	for {
		change, err := sub.Next(ctx)
		if err != nil {
			return fmt.Errorf("read the change feed: %w", err)
		}
		if c.apply(change) {
			if err := c.load(ctx, "gap"); err != nil {
				return err
			}
		}
		if change.Confirm {
			c.confirmSoon()
		}
	}
}

// load joins everything that the store knows.
func (c *Client) load(ctx context.Context, why string) error {
	ctx, cancel := context.WithTimeout(ctx, loadWithin)
	defer cancel()
	c.mu.Lock()
	before, asked := c.position.revision, time.Now()
	c.mu.Unlock()
	snapshot, err := c.feed.Load(ctx)
	if err != nil {
		return fmt.Errorf("load flags: %w", err)
	}
	if first := c.take(snapshot, why, before, asked); first {
		// A flag whose lease ended before this process began must not be served even once.
		c.readLeasesOnce(ctx)
		signal(c.confirm)
	} else {
		c.confirmSoon() // somebody may wait for what was missed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.position.started {
		c.position.started = true
		close(c.loaded)
		c.tell(nil)
	}
	c.move()
	return nil
}

// take joins a snapshot and reports whether it is the first of the store.
func (c *Client) take(s flagstore.Snapshot, why string, before int64, asked time.Time) (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.position
	first = !p.started
	if !first && s.Epoch != p.epoch {
		c.log.Warn("flag store has a new epoch; keeping every flag at its highest version", "was", p.epoch, "is", s.Epoch)
	}
	if !first {
		c.metrics.resynced(why)
	}
	c.reached()
	c.joinSnapshot(s, FromStore)
	// A message that came while the snapshot was read may be ahead of it.
	if s.Revision > p.revision || p.revision == before {
		p.revision = s.Revision
	}
	p.epoch = s.Epoch
	p.prove(asked.Add(-s.Age))
	signal(c.leaseDue)
	c.tell(nil)
	return first
}

// apply joins a change and reports whether changes before it are missing.
func (c *Client) apply(ch flagstore.Change) (gap bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, p := time.Now(), &c.position
	c.joinChange(ch)
	c.publishNames()
	p.hear(now)
	p.told = max(p.told, ch.Revision)
	switch {
	case ch.Revision == 0: // not to be understood by this reader
		return true
	case ch.Revision <= p.revision: // a duplicate, or older than the snapshot
		return false
	case ch.Previous != p.revision:
		return true
	}
	p.revision = ch.Revision
	p.prove(now)
	if ch.Flag != nil {
		signal(c.leaseDue)
	}
	c.move()
	return false
}

// prove notes that the state was the store's at that time. A store without an epoch
// has lost everything, or has not been given anything yet, and proves nothing.
func (p *position) prove(at time.Time) {
	if p.epoch != "" && at.After(p.proved) {
		p.proved = at
	}
}

// hear notes that a message came.
func (p *position) hear(now time.Time) {
	if gap := now.Sub(p.heard); p.heard.IsZero() {
		p.usual = probeEvery
	} else {
		p.usual += (gap - p.usual) / 4
	}
	p.heard = now
}

// move tells those who wait that the position has changed. The caller holds c.mu.
func (c *Client) move() {
	if c.position.moved != nil {
		close(c.position.moved)
		c.position.moved = nil
	}
}

// failed notes that the store is out of reach, and logs the first of a row.
func (c *Client) failed(doing string, err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.position.failure == "" {
		c.log.Warn("flag store is out of reach; serving the last state", "doing", doing, "error", err)
	}
	c.position.failure = err.Error()
}

// reached notes that the store has answered. The caller holds c.mu.
func (c *Client) reached() {
	if c.position.failure != "" {
		c.position.failure = ""
		c.log.Info("flag store is within reach again")
	}
}

// pause waits and reports whether there is reason to go on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// jitter spreads readers that were started together: 75 to 125 % of d.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1) // #nosec G404 -- nobody gains by guessing it
}

// signal wakes whoever waits on a channel of one place.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
