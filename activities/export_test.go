package activities

import "context"

// Beat keeps details for the next attempt.
func (c *Carrier) Beat(ctx context.Context, details any) { c.beat(ctx, details) }
