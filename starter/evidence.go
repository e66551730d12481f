package starter

import (
	"context"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// Evidence is how the evidence of one launch went, look by look, thinned.
type Evidence struct {
	Flag        string            `json:"flag"`
	Environment string            `json:"environment"`
	Run         string            `json:"run"`
	Points      []flagstore.Point `json:"points"` // the oldest first; the last is the last look
}

// Evidence tells how the evidence of a launch went: of the run, or where that is empty
// of the open launch, or else of the last. Of a run that is named, no Temporal is asked.
// It outlives the launch by [flagstore.SeriesLife].
func (s *Starter) Evidence(ctx context.Context, flag, run string) (Evidence, error) {
	if run == "" {
		p, err := s.Progress(ctx, flag)
		if err != nil {
			return Evidence{}, err
		}
		run = p.Run
	}
	points, err := s.Store.Series(ctx, flag, run)
	if err != nil {
		return Evidence{}, err
	}
	if len(points) == 0 {
		return Evidence{}, rampart.Errorf(rampart.NotFound, "no look at %s in the run %s is kept", flag, run).
			WithHint("a launch is looked at once it exposes somebody; what it came to is kept for %d days", int(flagstore.SeriesLife.Hours()/24))
	}
	return Evidence{Flag: flag, Environment: s.Environment(), Run: run, Points: points}, nil
}
