package gates

import (
	"context"
	"math"
	"time"
)

// Value returns the one value of a query at an instant, for whoever asks for no
// verdict. It is an error where there is none: no answer, several series, or not a
// number.
func (j *Judge) Value(ctx context.Context, query string, at time.Time) (float64, error) {
	ctx, cancel := inTime(ctx)
	defer cancel()
	v, err := j.source.Value(ctx, query, at.Add(-j.lag))
	if err == nil && math.IsNaN(v) {
		err = &NoData{Reason: "not a number"}
	}
	return v, err
}
