package activities

import "context"

// Beat keeps details for the next attempt.
func (c *Carrier) Beat(ctx context.Context, details any) { c.beat(ctx, details) }

// Pass makes one pass of the sweep.
func (a *Activities) Pass(ctx context.Context, seen *Swept) (string, error) {
	return a.sweep(ctx, seen)
}
