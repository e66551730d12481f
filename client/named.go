package client

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/rampart-dev/rampart"
)

// The methods by name are for names that are not known before a request comes. Each
// costs one look-up more than the handle's.

// On is [Flag.On] by name.
func (c *Client) On(flag string, s *rampart.Subject) bool {
	if f := c.find(flag); f != nil {
		return f.On(s)
	}
	return false
}

// Bool is [Flag.Bool] by name.
func (c *Client) Bool(flag string, s *rampart.Subject, def bool) bool {
	if f := c.find(flag); f != nil {
		return f.Bool(s, def)
	}
	return def
}

// String is [Flag.String] by name.
func (c *Client) String(flag string, s *rampart.Subject, def string) string {
	if f := c.find(flag); f != nil {
		return f.String(s, def)
	}
	return def
}

// Int is [Flag.Int] by name.
func (c *Client) Int(flag string, s *rampart.Subject, def int64) int64 {
	if f := c.find(flag); f != nil {
		return f.Int(s, def)
	}
	return def
}

// Float is [Flag.Float] by name.
func (c *Client) Float(flag string, s *rampart.Subject, def float64) float64 {
	if f := c.find(flag); f != nil {
		return f.Float(s, def)
	}
	return def
}

// JSON is [Flag.JSON] by name.
func (c *Client) JSON(flag string, s *rampart.Subject, def json.RawMessage) json.RawMessage {
	if f := c.find(flag); f != nil {
		return f.JSON(s, def)
	}
	return def
}

// Decide is [Flag.Decide] by name.
func (c *Client) Decide(flag string, s *rampart.Subject) rampart.Decision {
	if f := c.find(flag); f != nil {
		return f.Decide(s)
	}
	return c.undecided(flag)
}

// OnContext is [Flag.OnContext] by name.
func (c *Client) OnContext(ctx context.Context, flag string) bool {
	if f := c.find(flag); f != nil {
		return f.OnContext(ctx)
	}
	return false
}

// BoolContext is [Flag.BoolContext] by name.
func (c *Client) BoolContext(ctx context.Context, flag string, def bool) bool {
	if f := c.find(flag); f != nil {
		return f.BoolContext(ctx, def)
	}
	return def
}

// StringContext is [Flag.StringContext] by name.
func (c *Client) StringContext(ctx context.Context, flag, def string) string {
	if f := c.find(flag); f != nil {
		return f.StringContext(ctx, def)
	}
	return def
}

// IntContext is [Flag.IntContext] by name.
func (c *Client) IntContext(ctx context.Context, flag string, def int64) int64 {
	if f := c.find(flag); f != nil {
		return f.IntContext(ctx, def)
	}
	return def
}

// FloatContext is [Flag.FloatContext] by name.
func (c *Client) FloatContext(ctx context.Context, flag string, def float64) float64 {
	if f := c.find(flag); f != nil {
		return f.FloatContext(ctx, def)
	}
	return def
}

// JSONContext is [Flag.JSONContext] by name.
func (c *Client) JSONContext(ctx context.Context, flag string, def json.RawMessage) json.RawMessage {
	if f := c.find(flag); f != nil {
		return f.JSONContext(ctx, def)
	}
	return def
}

// DecideContext is [Flag.DecideContext] by name.
func (c *Client) DecideContext(ctx context.Context, flag string) rampart.Decision {
	if f := c.find(flag); f != nil {
		return f.DecideContext(ctx)
	}
	return c.undecided(flag)
}

// Names returns the names of the flags that are known, in no order.
func (c *Client) Names() []string {
	var names []string
	for f := range c.names.Load().all {
		if f.live.Load() != nil {
			names = append(names, f.name)
		}
	}
	return names
}

// find returns nil for a name that nobody has written and no handle was made for.
// It makes none: names may come from outside.
func (c *Client) find(flag string) *Flag {
	f := c.names.Load().find(flag)
	if f == nil {
		why := c.unknownReason()
		c.metrics.defaulted(why)
		if why == rampart.ReasonUnknownFlag && c.unknown.first(flag) {
			c.logDefault(flag, why)
		}
	}
	return f
}

// onceFor remembers names that have been logged, so many and no more.
type onceFor struct {
	mu   sync.Mutex
	seen map[string]struct{}
}

const onceForAtMost = 1000

func (o *onceFor) first(name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.seen[name]; ok || len(o.seen) >= onceForAtMost {
		return false
	}
	if o.seen == nil {
		o.seen = map[string]struct{}{}
	}
	o.seen[name] = struct{}{}
	return true
}
