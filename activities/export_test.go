package activities

import (
	"context"
	"time"

	"github.com/rampart-dev/rampart"
)

// Beat keeps details for the next attempt.
func (c *Carrier) Beat(ctx context.Context, details any) { c.beat(ctx, details) }

// Looked counts one look.
func (m *Meter) Looked(env, flag string, v rampart.Verdict, now time.Time, since time.Duration) {
	m.looked(env, flag, v, now, since)
}
