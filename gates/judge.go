package gates

import (
	"context"
	"net"
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
	// Dial connects probes. By default link-local addresses are refused, behind
	// which clouds keep the credentials of their machines.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock by which probes are due, time.Now by default.
	Now func() time.Time
}

// DefaultScrapeLag is the scrape lag of a judge that is told no other.
const DefaultScrapeLag = time.Second

// A Judge judges the gates of launches. It keeps nothing of a launch: what must be
// remembered is in the [State] that is handed to it. It is safe for concurrent use,
// with a state of its own for each call.
type Judge struct {
	source Source
	lag    time.Duration
	prober prober
	now    func() time.Time
}

// New returns a judge.
func New(o Options) *Judge {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Source == nil {
		o.Source = nowhere{}
	}
	return &Judge{
		source: o.Source,
		lag:    or(o.ScrapeLag, DefaultScrapeLag),
		prober: newProber(o.Dial),
		now:    o.Now,
	}
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
	if look.tick() <= s.Tick {
		return s.conclude(look), nil
	}
	look.pace = s.paced(look)
	sights, tallied := j.see(ctx, look, s)
	if err := ctx.Err(); err != nil { // nobody waits for the verdict, so the tick is not spent
		return rampart.Verdict{}, err
	}
	if err := s.fold(look, sights, tallied); err != nil {
		return rampart.Verdict{}, err
	}
	v := s.conclude(look)
	s.plan(look, v)
	return v, nil
}

// inTime leaves a caller with a deadline the time to hear that there was no answer:
// without it a source that hangs would never be told from a look that was given up.
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)*4/5)
}

// A sight is what was seen of one gate at one tick.
type sight struct {
	asked  bool      // false: nothing was due
	value  float64   // of a query
	before float64   // of the query of a trend, at the start of its span
	past   *seasonal // of the query of a baseline, where it was asked for
	counts []Counted // of the gate's selectors, in their order
	to     time.Time // until when was counted, or when the probe was sent
	ill    string    // what is wrong with the probed; empty where it is well
	err    error     // nothing was seen: *NoData, or no answer at all
}

// see asks the world about all gates at once, so that a slow answer for one of them
// does not delay the others.
func (j *Judge) see(ctx context.Context, look Look, s *State) ([]sight, counts) {
	ctx, cancel := inTime(ctx)
	defer cancel()
	at := look.At.Add(-j.lag)
	sights := make([]sight, len(look.Gates))
	var all sync.WaitGroup
	for i, spec := range look.Gates {
		saw := &sights[i]
		switch {
		case spec.Threshold != nil:
			saw.asked = true
			all.Go(func() { saw.value, saw.err = j.source.Value(ctx, spec.Threshold.Query, at) })
		case spec.Trend != nil:
			saw.asked = true
			all.Go(func() { saw.trend(ctx, j.source, *spec.Trend, at) })
		case spec.Baseline != nil:
			saw.asked = true
			known := s.gate(spec).Season
			all.Go(func() { saw.seasoned(ctx, j.source, look, *spec.Baseline, known, at) })
		case spec.Probe != nil:
			now := j.now()
			if saw.asked, saw.to = s.gate(spec).due(look, *spec.Probe, now), now; saw.asked {
				all.Go(func() { saw.ill = j.prober.ask(ctx, *spec.Probe) })
			}
		}
	}
	all.Go(func() { j.count(ctx, look, s, at, sights) })
	var tallied counts
	all.Go(func() { tallied = j.tally(ctx, look, s, at) })
	all.Wait()
	return sights, tallied
}

// count asks for the counters of all gates together, because several of them may be
// of the same metric.
func (j *Judge) count(ctx context.Context, look Look, s *State, at time.Time, sights []sight) {
	q := CountQuery{Flag: look.Flag, To: at, Every: look.Every, Pace: look.pace, NotBefore: look.NotBefore}
	for i, spec := range look.Gates {
		selectors := selectorsOf(spec)
		if len(selectors) == 0 || !s.counts(look, spec) {
			continue
		}
		sights[i].asked = true
		from := s.gate(spec).since(look, spec, j.lag)
		for _, sel := range selectors {
			q.Counters = append(q.Counters, Counter{Selector: sel, By: spec.By, From: from})
		}
	}
	if len(q.Counters) == 0 {
		return
	}
	counted := j.source.Count(ctx, q)
	for i, spec := range look.Gates {
		if n := len(selectorsOf(spec)); n > 0 && s.counts(look, spec) {
			sights[i].counts, counted = counted[:n], counted[n:]
			sights[i].to = at
		}
	}
}

// nowhere is the source of a worker that has none: gates that need it are blind.
type nowhere struct{}

var errNowhere = rampart.Errorf(rampart.Unreachable, "no source of metrics is configured").
	WithHint("give the worker the address of a Prometheus")

func (nowhere) Value(context.Context, string, time.Time) (float64, error) { return 0, errNowhere }

func (nowhere) Count(_ context.Context, q CountQuery) []Counted {
	answers := make([]Counted, len(q.Counters))
	for i := range answers {
		answers[i].Err = errNowhere
	}
	return answers
}
