package activities

import (
	"context"
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"

	"github.com/rampart-dev/rampart"
)

// RequireInput says what must hold before exposure is raised.
type RequireInput struct {
	Requires []rampart.Requirement `json:"requires"`
	Every    rampart.Duration      `json:"every"` // between two looks

	// Told is what the workflow knows to be unmet; "" asks for an answer at once. After
	// maxTellings it is told only that everything holds: a query that swings around its
	// bound must not fill history.
	Told     string `json:"told,omitempty"`
	Tellings int    `json:"tellings,omitempty"`
}

const maxTellings = 20

// Required says what is unmet, in words; "" where everything holds.
type Required struct {
	Unmet string `json:"unmet,omitempty"`
}

// Require looks at what a plan requires. Where the workflow knows already what is
// unmet, it fails benignly until that changes.
func (a *Activities) Require(ctx context.Context, in RequireInput) (Required, error) {
	var unmet []string
	for _, r := range in.Requires {
		if why := a.unmet(ctx, r); why != "" {
			unmet = append(unmet, why)
		}
	}
	out := Required{Unmet: strings.Join(unmet, "; ")}
	if out.Unmet == "" || in.Told == "" || out.Unmet != in.Told && in.Tellings < maxTellings {
		return out, nil
	}
	return out, temporal.NewApplicationErrorWithOptions("waits for "+out.Unmet, TypeHolding, temporal.ApplicationErrorOptions{
		NextRetryDelay: max(in.Every.D(), minLookDelay), Category: temporal.ApplicationErrorCategoryBenign,
	})
}

// unmet says why a requirement does not hold, in words that stay the same for as long
// as the reason does; "" where it holds.
func (a *Activities) unmet(ctx context.Context, r rampart.Requirement) string {
	if r.Flag != "" {
		return a.notLaunched(ctx, r.Flag)
	}
	value, err := a.Judge.Value(ctx, r.Query, a.Now())
	switch {
	case err != nil:
		return "no answer to " + r.Query
	case r.Max != nil && value > *r.Max:
		return fmt.Sprintf("%s is above %g", r.Query, *r.Max)
	case r.Min != nil && value < *r.Min:
		return fmt.Sprintf("%s is below %g", r.Query, *r.Min)
	}
	return ""
}

func (a *Activities) notLaunched(ctx context.Context, flag string) string {
	e, err := a.Store.Get(ctx, flag)
	switch {
	case rampart.KindOf(err) == rampart.NotFound:
		return "flag " + flag + " does not exist"
	case err != nil:
		return "the flag store does not answer for " + flag
	case e.Kill != nil && e.Kill.Killed:
		return "flag " + flag + " is killed"
	case e.Flag.Lifecycle != rampart.Released:
		return "flag " + flag + " is not launched"
	}
	return ""
}
