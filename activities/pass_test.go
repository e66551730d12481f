package activities

import "context"

// Pass makes one pass of the sweep.
func (a *Activities) Pass(ctx context.Context, seen *Swept) (string, error) {
	return a.sweep(ctx, seen)
}
