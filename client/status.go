package client

import "time"

// A State says how well a client knows its flags.
type State string

// The states of a client.
const (
	Starting State = "STARTING" // nothing is known; callers' defaults are served
	Current  State = "READY"    //
	Stale    State = "STALE"    // the last state is served, but nobody knows whether it still is the state
)

// Status tells how well a client knows its flags.
type Status struct {
	State     State
	Source    Source
	Staleness time.Duration // since the state was last known to be current; since the start where it never was
	Epoch     string
	Revision  int64
	Failure   string // why the store is out of reach; empty while it is not

	Flags       int // known, of which
	Killed      int
	Unsupported int // serve off because this reader does not understand them
	LeasesEnded int // serve off because their guard is gone
}

// Status returns where the client stands now.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.position
	s := Status{State: Current, Source: c.source, Epoch: p.epoch, Revision: p.revision, Failure: p.failure}
	since := p.proved
	if since.IsZero() {
		since = c.metrics.opened
	}
	s.Staleness = time.Since(since)
	switch {
	case !c.known.Load():
		s.State = Starting
	case !p.started || s.Staleness > c.options.StaleAfter:
		s.State = Stale
	}
	for _, f := range c.flags {
		c.describe(f, &s)
	}
	return s
}

func (c *Client) describe(f *Flag, s *Status) {
	l, r := f.live.Load(), &f.registers
	if l == nil {
		return
	}
	s.Flags++
	switch {
	case r.kill.Killed:
		s.Killed++
	case l.Unsupported():
		s.Unsupported++
	case r.lease.ended:
		s.LeasesEnded++
	}
}

// Revision returns the revision up to which changes are applied.
func (c *Client) Revision() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.position.revision
}
