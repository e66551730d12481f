package client

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"
)

// A Change says that a client's answers may differ from before.
type Change struct {
	Flags []string // whose answers may differ, sorted; segments and kills count as changes of their flags
	State State    // of the client now
}

// Changes yields what has changed whenever a flag, a kill, a lease or a segment
// changed what is served, or the client's state did. The first change is yielded at
// once, with the state and no flags.
//
// Changes that come while the last is looked at are yielded together. So whoever is
// slow holds up nobody and misses nothing. It ends with the context, or when the
// client is closed.
func (c *Client) Changes(ctx context.Context) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		l := &listener{wake: make(chan struct{}, 1), flags: map[string]struct{}{}}
		c.listen(l)
		defer c.unlisten(l)
		var told State
		for ctx.Err() == nil {
			change, lasts := c.news(l)
			if len(change.Flags) > 0 || change.State != told {
				told = change.State
				if !yield(change) {
					return
				}
				continue // there may be more by now
			}
			if !c.awaitChange(ctx, l, lasts) {
				return
			}
		}
	}
}

// A listener is somebody who waits for changes.
type listener struct {
	wake  chan struct{}
	flags map[string]struct{} // changed since it last looked; guarded by Client.mu
}

func (c *Client) listen(l *listener) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners[l] = true
}

func (c *Client) unlisten(l *listener) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.listeners, l)
}

// news takes what a listener has not seen, and says how long the state lasts if
// nothing happens; 0: until something does.
func (c *Client) news(l *listener) (change Change, lasts time.Duration) {
	s := c.Status()
	c.mu.Lock()
	defer c.mu.Unlock()
	change = Change{Flags: slices.Sorted(maps.Keys(l.flags)), State: s.State}
	clear(l.flags)
	if s.State == Current {
		lasts = c.options.StaleAfter - s.Staleness + time.Millisecond // it is stale only beyond
	}
	return change, lasts
}

func (c *Client) awaitChange(ctx context.Context, l *listener, lasts time.Duration) bool {
	var stale <-chan time.Time
	if lasts > 0 {
		timer := time.NewTimer(lasts)
		defer timer.Stop()
		stale = timer.C
	}
	select {
	case <-l.wake:
	case <-stale:
	case <-c.ended:
		return false
	case <-ctx.Done():
		return false
	}
	return true
}

// tell lets listeners look again; of a flag, if one has changed. The caller holds c.mu.
func (c *Client) tell(f *Flag) {
	for l := range c.listeners {
		if f != nil {
			l.flags[f.name] = struct{}{}
		}
		signal(l.wake)
	}
}
