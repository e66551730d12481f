package gates

import (
	"fmt"
	"math"
	"time"

	"github.com/rampart-dev/rampart"
)

// Objective and latency are judged as bounds on what happened of late: on counts
// that fade by the age of their tick. Counts do what a window of PromQL would, in a
// few numbers of state, and without a query for each flag.
const (
	// recentTicks is the mean age of what is counted, in ticks.
	recentTicks = 10
	// recentLeast and recentMost bound that age in time, so that plans whose ticks
	// are seconds see more than noise, and those whose ticks are long see today.
	recentLeast = 30 * time.Second
	recentMost  = 5 * time.Minute
	// byChance is how many standard errors beyond its bound a share must be: one
	// error of twenty requests is 5 %, and means nothing.
	byChance = 3
)

// fading returns by how much older counts fade over a span.
func fading(look Look, span time.Duration) float64 {
	age := min(max(recentTicks*look.Every, recentLeast), recentMost)
	return math.Exp(-float64(span) / float64(age))
}

// lasting is for how long a recent count must be beyond its bound: two minutes, or
// four ticks where they are shorter.
func lasting(look Look) time.Duration { return min(2*time.Minute, 4*look.Every) }

// A recent is the bad and all units of late, all arms together.
type recent struct {
	Bad float64 `json:"bad"`
	All float64 `json:"all"`
}

// objective takes the counts of one tick into those of late.
func (g *gate) objective(look Look, o rampart.Objective, saw sight) error {
	if err := failed(saw.counts); err != nil {
		return err
	}
	events, units := saw.counts[0].Arms, saw.counts[1].Arms
	span := g.span(look)
	if err := g.Arrivals.any(look, saw.to, units); err != nil {
		return err
	}
	bad, all := sum(events), sum(units)
	if bad > all {
		return &NoData{fmt.Sprintf("impossible counts: %s bad of %s", count(bad), count(all))}
	}
	if g.Recent == nil {
		g.Recent = new(recent)
	}
	r, f := g.Recent, fading(look, span)
	r.Bad, r.All = brief(r.Bad*f+bad), brief(r.All*f+all)
	line := 1 - o.Good.Share()
	if r.All > 0 {
		g.Value = r.Bad / r.All
	}
	beyond := r.Bad-r.All*line > byChance*math.Sqrt(r.All*line*(1-line))
	g.Out.take(look, g.At, r.All > 0 && g.Value > line && beyond)
	g.OnBad, g.OffBad = events["on"].Sum, events["off"].Sum
	return nil
}

// span is the time that is counted at this tick, and moves the count on to it.
func (g *gate) span(look Look) time.Duration {
	from := g.Counted
	g.Counted = look.tick()
	if from == 0 {
		return look.Every
	}
	return time.Duration(g.Counted-from) * time.Millisecond
}

// served reads the verdict on an objective off what is known of it.
func (g *gate) served(look Look, name string, o rampart.Objective, v *rampart.GateVerdict) {
	v.Value = &g.Value
	v.OnBad, v.OffBad = g.OnBad, g.OffBad
	how := fmt.Sprintf("%s %s bad, at most %s", name, percent(g.Value), rampart.Full-o.Good)
	g.within(look, v, how, lasting(look))
}

func sum(arms map[string]ArmCount) float64 {
	var all float64
	for _, a := range arms {
		all += a.Sum
	}
	return all
}

// brief keeps three decimals, so that the state stays small.
func brief(v float64) float64 { return math.Round(v*1000) / 1000 }
