package gates

import (
	"context"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
)

// Options say what a judge works with. The zero value of each but Source is useful.
type Options struct {
	Source Source
	// ScrapeLag is how old a sample must be before it is judged. It covers the
	// time from the instant of a scrape until the sample can be queried: by
	// default a second, of which a healthy scrape takes a tenth.
	ScrapeLag time.Duration
}

// DefaultScrapeLag is the scrape lag of a judge that is told no other.
const DefaultScrapeLag = time.Second

// A Judge judges the gates of launches. It keeps nothing of a launch: what must be
// remembered is in the [State] that is handed to it. It is safe for concurrent use,
// with a state of its own for each call.
type Judge struct {
	source Source
	lag    time.Duration
}

// New returns a judge.
func New(o Options) *Judge {
	if o.ScrapeLag == 0 {
		o.ScrapeLag = DefaultScrapeLag
	}
	return &Judge{source: o.Source, lag: o.ScrapeLag}
}

// Judges returns an error where a gate is of a kind that this version does not judge.
func Judges(g rampart.Gate) error {
	switch g.Kind() {
	case rampart.KindThreshold:
		return nil
	}
	return rampart.Errorf(rampart.Refused, "gate %s: this version does not judge gates of kind %q", g.Name, g.Kind()).
		WithHint("use a threshold")
}

// Judge looks at the gates once and takes what it sees into the state. A tick that
// is not later than the last changes nothing, and gets the verdict of the state as
// it is. The error is for a look that makes no sense; a provider that fails makes
// the verdict blind instead.
func (j *Judge) Judge(ctx context.Context, look Look, s *State) (rampart.Verdict, error) {
	if err := look.check(); err != nil {
		return rampart.Verdict{}, err
	}
	if err := s.open(look); err != nil {
		return rampart.Verdict{}, err
	}
	if look.tick() > s.Tick {
		s.fold(look, j.see(ctx, look))
	}
	return s.conclude(look), nil
}

// A sight is what was seen of one gate at one tick.
type sight struct {
	value float64 // of a query
	err   error   // nothing was seen: *NoData, or no answer at all
}

// see asks the world about all gates at once, so that a slow answer for one of them
// does not delay the others.
func (j *Judge) see(ctx context.Context, look Look) []sight {
	at := look.At.Add(-j.lag)
	sights := make([]sight, len(look.Gates))
	var all sync.WaitGroup
	for i, g := range look.Gates {
		switch g.Kind() {
		case rampart.KindThreshold:
			all.Go(func() { sights[i].value, sights[i].err = j.source.Value(ctx, g.Threshold.Query, at) })
		}
	}
	all.Wait()
	return sights
}
