package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/bench/figure"
)

// falseMost is the share of harmless launches that a policy may turn back.
const falseMost = 0.05

// figures compares what the launches served with what others would have.
func (h *harmer) figures() []figure.Figure {
	all := policies()
	reverts := falseReverts(all, h.samples(500, 100))
	var out []figure.Figure
	for _, size := range sizes {
		var launches []*harmedLaunch
		for _, l := range h.launches {
			if l.ratio == size {
				launches = append(launches, l)
			}
		}
		out = append(out, h.compare(size, launches, all, reverts)...)
	}
	return out
}

// A rival is a policy, what it does without harm, and what it would have done with it.
type rival struct {
	title     string
	reverts   []float64 // shares of harmless launches, by weather
	served    float64   // bad responses, the median
	seconds   float64   // from the first of them to off
	unnoticed int       // launches that it had not turned back when the measuring ended
}

func (r rival) honest() bool { return slices.Max(r.reverts) <= falseMost }

func (h *harmer) compare(size float64, launches []*harmedLaunch, all []policy, reverts [][]float64) []figure.Figure {
	ours := rampartAmong(launches, h.tick)
	var rivals []rival
	for i, p := range all {
		rivals = append(rivals, p.among(launches, reverts[i]))
	}
	best := func(is func(policy, rival) bool) *rival {
		var found *rival
		for i := range rivals {
			if r := &rivals[i]; is(all[i], *r) && (found == nil || r.served < found.served) {
				found = r
			}
		}
		return found
	}
	end := atEnd(size)
	other := best(func(_ policy, r rival) bool { return r.honest() })
	if other == nil || end.served < other.served {
		other = &end
	}
	h.say(fmt.Sprintf("requests of the on arm fail %g times as often, at %s, in %d launches; medians", size, harmPercent, len(launches)))
	rows := []string{"\tturns back harmless launches: steady\tdaily\ts to off everywhere\tbad responses\tnot within " + harmWatched.String()}
	for _, r := range []*rival{
		{title: "Rampart", reverts: nil, served: ours.served.Median(), seconds: ours.seconds.Median()},
		best(func(p policy, _ rival) bool { return p == published }),
		best(func(p policy, r rival) bool { return !p.compares && r.reverts[0] <= falseMost }),
		best(func(p policy, r rival) bool { return p.compares && r.reverts[0] <= falseMost }),
		best(func(p policy, r rival) bool { return r.honest() }),
		&end,
	} {
		if r != nil {
			rows = append(rows, r.row())
		}
	}
	h.table(rows...)
	h.table("\tleast\tp25\tp50\tp75\tmost",
		"s to off everywhere\t"+five(ours.seconds), "ticks\t"+five(ours.ticks), "bad responses\t"+five(ours.served))
	x := fmt.Sprintf("_x%g", size)
	figures := []figure.Figure{
		{Name: "harm_to_all_off_s" + x, Value: ours.seconds.Median(), Told: true},
		{Name: "harm_ticks_to_off" + x, Value: ours.ticks.Median(), Most: 4, Told: size < 5},
		{Name: "bad_requests_served" + x, Value: ours.served.Median(), Told: true},
		{Name: "harm_bad_requests_vs_best_other" + x, Value: ours.served.Median() / other.served, Most: 0.5, Told: size < 5},
	}
	return figures
}

// measured is what was measured of launches of one size.
type measured struct{ seconds, ticks, served figure.Samples }

func rampartAmong(launches []*harmedLaunch, tick time.Duration) (m measured) {
	for _, l := range launches {
		m.seconds = append(m.seconds, l.toOff())
		m.ticks = append(m.ticks, l.toOff()/tick.Seconds())
		m.served = append(m.served, float64(len(l.told.Bad)))
	}
	return m
}

// among tells what the policy would have done in the same launches.
func (p policy) among(launches []*harmedLaunch, reverts []float64) rival {
	r := rival{title: p.String(), reverts: reverts}
	if p == published {
		r.title = "as published: " + r.title
	}
	var served, seconds figure.Samples
	for _, l := range launches {
		check := p.turnsBack(l.minutes)
		if check < 0 {
			r.unnoticed++
		}
		served, seconds = append(served, l.served(check)), append(seconds, l.later(check))
	}
	r.served, r.seconds = served.Median(), seconds.Median()
	return r
}

// atEnd is one test when the step is over, half a day after harm in the midst of it. Its
// level is that of the test, and what it serves until then is arithmetic.
func atEnd(size float64) rival {
	left := 12 * time.Hour
	bad := serviceRate * harmPercent.Share() * serviceBase * size
	return rival{title: "at the end of the step of a day", reverts: []float64{falseMost, falseMost},
		served: math.Round(bad * left.Seconds()), seconds: left.Seconds()}
}

func (r rival) row() string {
	share := func(i int) string {
		if i >= len(r.reverts) {
			return ""
		}
		return rampart.Percent(math.Round(1e4 * r.reverts[i])).String()
	}
	return fmt.Sprintf("%s\t%s\t%s\t%.1f\t%.0f\t%d", r.title, share(0), share(1), r.seconds, r.served, r.unnoticed)
}

func five(s figure.Samples) string {
	return fmt.Sprintf("%.1f\t%.1f\t%.1f\t%.1f\t%.1f", s.Quantile(0), s.Quantile(0.25), s.Median(), s.Quantile(0.75), s.Quantile(1))
}
