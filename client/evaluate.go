package client

import (
	"iter"

	"github.com/rampart-dev/rampart"
)

// Evaluate is [Flag.Decide] together with the value that it comes to, both of one
// version of the flag. The value is nil where the caller's default is to be served.
func (f *Flag) Evaluate(s *rampart.Subject) (rampart.Decision, *rampart.Value) {
	l := f.live.Load()
	if l == nil {
		return f.client.undecided(f.name), nil
	}
	return l.evaluate(s)
}

func (l *live) evaluate(s *rampart.Subject) (rampart.Decision, *rampart.Value) {
	d := l.Decide(s)
	v := l.Value(d.On)
	if _, known := v.JSON(); d.Reason.Default() || !known {
		v = nil
	}
	return d, v
}

// Evaluate is [Flag.Evaluate] by name.
func (c *Client) Evaluate(flag string, s *rampart.Subject) (rampart.Decision, *rampart.Value) {
	if f := c.find(flag); f != nil {
		return f.Evaluate(s)
	}
	return c.undecided(flag), nil
}

// All evaluates every flag that is known, in the order of their names.
func (c *Client) All(s *rampart.Subject) iter.Seq2[rampart.Decision, *rampart.Value] {
	return func(yield func(rampart.Decision, *rampart.Value) bool) {
		for _, f := range c.names.Load().ordered() {
			if l := f.live.Load(); l != nil && !yield(l.evaluate(s)) {
				return
			}
		}
	}
}

// Segment returns a segment, if it is known and can be read.
func (c *Client) Segment(name string) (s rampart.Segment, ok bool) {
	c.mu.Lock()
	known := c.segments[name]
	c.mu.Unlock()
	if known == nil {
		return s, false
	}
	s, err := rampart.DecodeSegment(known.doc.JSON)
	return s, err == nil
}
