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

// Weighed notes what a look came to.
func (m *Meter) Weighed(env, flag string, v rampart.Verdict, now time.Time, pace time.Duration) {
	m.weighed(env, flag, &Memory{Verdict: v}, now, pace)
}

// Exposed notes a write.
func (m *Meter) Exposed(env string, f rampart.Flag) { m.exposed(env, f) }

// Clock sets the clock by which evidence is too old to be shown.
func (m *Meter) Clock(now func() time.Time) { m.evidence.now = now }

// Stands says how things stand.
func Stands(in WatchInput, m Memory) string { return standing(in, m) }
