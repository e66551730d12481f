package client

import (
	"context"
	"fmt"
	"time"

	"github.com/rampart-dev/rampart"
)

// The pace of reading leases. A third of a lease is left when it is read, so that
// a guard that renews at every tick costs readers one read in two thirds of a lease.
const (
	leaseSoonest = 200 * time.Millisecond // between two reads
	leaseRetry   = 5 * time.Second        // where a lease has ended, or is not known to the store
)

// A lease says how long a flag's exposure may outlive its guard. It is measured by
// the store's clock at a read and this process's monotonic clock since.
type lease struct {
	term     rampart.LeaseTerm // the latest known, joined by (version, end)
	termEnd  time.Time         // its end by our clock
	guessed  time.Time         // the latest end that the document allows, by our clock
	readAt   time.Time         // when to ask the store next; zero: nothing is leased
	ended    bool
	deadline *time.Timer
}

// end returns when the flag falls back to off, or zero where nothing is leased.
func (r *registers) leaseEnd() time.Time {
	switch {
	case !r.leased():
		return time.Time{}
	case r.lease.term.Version == r.doc.Version:
		return r.lease.termEnd
	}
	return r.lease.guessed
}

// leased reports whether the flag exposes somebody under a lease.
func (r *registers) leased() bool {
	return r.flag.Lease > 0 && (r.flag.Exposure > 0 || len(r.flag.Include) > 0)
}

// expectLease begins with what the document allows until the register is read. A
// document that was just written has its lease before it; of one that was loaded
// the register is read at once. The caller holds c.mu.
func (c *Client) expectLease(f *Flag, fresh bool) {
	l, now := &f.registers.lease, time.Now()
	lasts := f.registers.flag.Lease.D()
	l.guessed, l.readAt = now.Add(lasts), now
	if fresh {
		l.readAt = now.Add(lasts * 2 / 3)
	}
	c.armLease(f, now)
}

// armLease brings ended up to date and sets the timer that ends the lease though
// nobody writes and the store be gone. The caller holds c.mu and recompiles.
func (c *Client) armLease(f *Flag, now time.Time) {
	l, end := &f.registers.lease, f.registers.leaseEnd()
	l.ended = !end.IsZero() && !now.Before(end)
	if l.deadline != nil {
		l.deadline.Stop()
		l.deadline = nil
	}
	if !end.IsZero() && !l.ended {
		l.deadline = time.AfterFunc(end.Sub(now), func() { c.endLease(f) })
	}
	if end.IsZero() {
		l.readAt = time.Time{}
	}
}

// boundLease takes the end that an earlier process knew, by this machine's clock,
// until the register is read. The caller holds c.mu.
func (c *Client) boundLease(f *Flag, end time.Time) {
	if l := &f.registers.lease; end.Before(l.guessed) {
		l.guessed = end
		c.armLease(f, time.Now())
		c.recompile(f)
	}
}

// endLease turns the flag to its baseline if its lease has ended by now.
func (c *Client) endLease(f *Flag) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, now := &f.registers, time.Now()
	if r.lease.ended {
		return
	}
	c.armLease(f, now) // or again, where it was renewed meanwhile
	if !r.lease.ended {
		return
	}
	c.recompile(f)
	c.log.Error("lease ended without its guard; flag serves off", "flag", f.name, "version", r.doc.Version)
}

// joinTerms takes up the lease registers, as read when the store's clock said now
// and ours said asked. The caller holds c.mu.
func (c *Client) joinTerms(terms []rampart.LeaseTerm, storeNow, asked time.Time) {
	for _, t := range terms {
		f := c.flags[t.Flag]
		if f == nil {
			continue // it is read again when the flag is there
		}
		l := &f.registers.lease
		if t.Version < l.term.Version || t.Version == l.term.Version && t.End < l.term.End {
			continue
		}
		// Of two readings of one term the later knows better how far the clocks are apart.
		l.term, l.termEnd = t, asked.Add(time.UnixMilli(t.End).Sub(storeNow))
		signal(c.changed)
	}
	for _, f := range c.flags {
		if r := &f.registers; r.leased() {
			was := r.lease.ended
			c.armLease(f, asked)
			r.lease.readAt = r.nextRead(asked)
			if was != r.lease.ended {
				c.log.Warn("lease read", "flag", f.name, "version", r.doc.Version, "ended", r.lease.ended)
				c.recompile(f)
			}
		}
	}
}

// nextRead returns when a third of the time is left; after that, halfway to the end.
func (r *registers) nextRead(now time.Time) time.Time {
	left := r.leaseEnd().Sub(now)
	switch third := r.flag.Lease.D() / 3; {
	case left <= 0, r.lease.term.Version != r.doc.Version:
		return now.Add(min(leaseRetry, max(leaseSoonest, left/2)))
	case left > third:
		return now.Add(left - third)
	}
	return now.Add(max(leaseSoonest, left/2))
}

// readLeases reads the registers whenever one of them is due.
func (c *Client) readLeases(ctx context.Context) {
	for ctx.Err() == nil {
		due := c.leasesDue()
		if due.IsZero() {
			select {
			case <-c.leaseDue:
			case <-ctx.Done():
			}
			continue
		}
		timer := time.NewTimer(time.Until(due))
		select {
		case <-timer.C:
			if !c.readLeasesOnce(ctx) {
				pause(ctx, jitter(time.Second))
			}
		case <-c.leaseDue:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (c *Client) leasesDue() (due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.flags {
		if at := f.registers.lease.readAt; !at.IsZero() && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	return due
}

// readLeasesOnce reports whether the store answered, or nothing was due.
func (c *Client) readLeasesOnce(ctx context.Context) bool {
	if c.leasesDue().IsZero() {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	asked := time.Now()
	terms, storeNow, err := c.feed.Leases(ctx)
	if err != nil {
		c.failed("read leases", fmt.Errorf("read leases: %w", err))
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.joinTerms(terms, storeNow, asked)
	return true
}
