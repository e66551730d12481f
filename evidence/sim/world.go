package sim

import (
	"math"
	"sort"
	"time"
)

// A World is how traffic and failures come about where there is no harm. The zero
// value has Poisson counts at constant rates.
type World struct {
	Name  string
	Title string // a sentence

	// Daily is by how much traffic swings over the day: 0.6 is from 0.4 to 1.6 of
	// its mean. The base rates swing with it by a third as much.
	Daily float64
	// Incidents is how many a day there are, in which both arms fail 3 to 30 times
	// as often for some 20 minutes.
	Incidents float64
	// Baseline has every base rate jump by a factor between 1/2 and 2 wherever
	// exposure changes, and every other day besides.
	Baseline bool
	// Users, where it is above 0, are a population whose members differ: how often
	// each meets an event is gamma distributed with Shape, and stays with them for
	// the whole launch. Units stay evenly spread, so nothing of it cancels.
	Users int
	Shape float64
	// Burst is the mean of the geometric number of events that come at once; up to 1
	// they come alone.
	Burst float64
	// Faults has scrapes that are lost, late or doubled, and processes that restart.
	Faults bool
}

// Worlds returns the worlds in which the share of false reverts is promised.
func Worlds() []World {
	return []World{
		{Name: "poisson", Title: "Poisson counts at constant rates"},
		{Name: "daily", Title: "a daily pattern, and incidents that both arms share", Daily: 0.6, Incidents: 1},
		{Name: "allocation", Title: "base rates that jump with every change of exposure", Daily: 0.3, Baseline: true},
		{Name: "bursts_20k", Title: "bursts of mean 3 and persistent heavy users, 20,000 users", Users: 20_000, Shape: 0.05, Burst: 3},
		{Name: "bursts_200k", Title: "bursts of mean 3 and persistent heavy users, 200,000 users", Users: 200_000, Shape: 0.05, Burst: 3},
		{Name: "faulty", Title: "scrapes lost, late and doubled, counters reset, processes restarted", Daily: 0.3, Faults: true},
	}
}

// WorldOf returns the world of that name.
func WorldOf(name string) (World, bool) {
	for _, w := range Worlds() {
		if w.Name == name {
			return w, true
		}
	}
	return World{}, false
}

// weather is what one launch meets with in a world.
type weather struct {
	World
	peak      float64 // when in the day traffic is highest, in days
	incidents []incident
	jumps     []jump
}

type incident struct {
	from, until time.Duration
	factor      float64
}

// A jump is a factor of the base rates that is in force from a time on.
type jump struct {
	from   time.Duration
	factor float64
}

func (w World) weather(d draw, p Plan) weather {
	out := weather{World: w, peak: d.Float64()}
	days := p.Length().Hours() / 24
	for range int(d.poisson(w.Incidents * days)) {
		from := time.Duration(d.Float64() * float64(p.Length()))
		length := time.Duration(d.ExpFloat64() * float64(20*time.Minute))
		out.incidents = append(out.incidents, incident{from, from + length, 3 * math.Pow(10, d.Float64())})
	}
	sort.Slice(out.incidents, func(i, j int) bool { return out.incidents[i].from < out.incidents[j].from })
	if w.Baseline {
		var at time.Duration
		for _, s := range p.Steps {
			for from := at; from < at+s.Hold; from += 48 * time.Hour {
				out.jumps = append(out.jumps, jump{from, math.Exp2(2*d.Float64() - 1)})
			}
			at += s.Hold
		}
	}
	return out
}

// at tells the traffic and the base rates of the ticks around a time, as factors.
func (w *weather) at(from, until time.Duration) (traffic, rate float64) {
	traffic, rate = 1, 1
	if w.Daily > 0 {
		swing := w.Daily * math.Sin(2*math.Pi*((from+until).Hours()/48-w.peak))
		traffic, rate = 1+swing, 1+swing/3
	}
	for len(w.jumps) > 1 && w.jumps[1].from <= from {
		w.jumps = w.jumps[1:]
	}
	if len(w.jumps) > 0 {
		rate *= w.jumps[0].factor
	}
	for i := 0; i < len(w.incidents) && w.incidents[i].from < until; i++ {
		in := w.incidents[i]
		if shared := min(until, in.until) - max(from, in.from); shared > 0 {
			rate *= 1 + (in.factor-1)*float64(shared)/float64(until-from)
		}
	}
	for len(w.incidents) > 0 && w.incidents[0].until+time.Hour < from {
		w.incidents = w.incidents[1:]
	}
	return traffic, rate
}
