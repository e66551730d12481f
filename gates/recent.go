package gates

import (
	"math"
	"time"
)

// Latency is judged as a bound on what happened of late: on counts
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

// span is the time that is counted at this tick, and moves the count on to it.
func (g *gate) span(look Look) time.Duration {
	from := g.Counted
	g.Counted = look.tick()
	if from == 0 {
		return look.Every
	}
	return time.Duration(g.Counted-from) * time.Millisecond
}

// brief keeps three decimals, so that the state stays small.
func brief(v float64) float64 { return math.Round(v*1000) / 1000 }
