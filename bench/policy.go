package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rampart-dev/rampart"
)

// A policy is how other tools turn back: a rate over the last minute that is checked
// every so often, and a number of checks that may fail.
type policy struct {
	compares bool          // with the off arm, rather than with a fixed bound
	bound    float64       // as a multiple: of the off arm's rate, or of the base rate, which it must know
	every    time.Duration // between two checks
	fails    int           // so many turn back
	inRow    bool          // one after the other; else all that there were since the step began
}

// published is a policy with the defaults of Flagger: a success rate of at least 99 %
// over one minute, checked every minute, and five failed checks, which are not forgotten.
// Source: Flagger, "Metrics Analysis", and the defaults of its API.
var published = policy{bound: 0.01 / serviceBase, every: time.Minute, fails: 5}

// policies are many more of that form. The shortest interval that Flagger takes is 10 s.
func policies() []policy {
	var all []policy
	for _, compares := range []bool{false, true} {
		for _, bound := range []float64{1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5} {
			for _, every := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute} {
				for _, fails := range []int{1, 2, 3, 4, 5, 6, 8, 10, 15} {
					for _, inRow := range []bool{false, true} {
						if !inRow || fails > 1 {
							all = append(all, policy{compares, bound, every, fails, inRow})
						}
					}
				}
			}
		}
	}
	return all
}

func (p policy) String() string {
	than, row := fmt.Sprintf("above %.2g %%", 100*p.bound*serviceBase), ""
	if p.compares {
		than = fmt.Sprintf("above %.2gx the off arm", p.bound)
	}
	if p.inRow {
		row = " in a row"
	}
	if p.fails == 1 {
		return fmt.Sprintf("%s, every %s, at the first", than, p.every)
	}
	return fmt.Sprintf("%s, every %s, %d failed%s", than, p.every, p.fails, row)
}

// A minute is the error rates of the last minute.
type minute struct{ on, off float64 }

// turnsBack returns at which of the minutes, which are minutesEvery apart, the policy
// turns back; -1: at none.
func (p policy) turnsBack(all []minute) int {
	failed, apart := 0, int(p.every/minutesEvery)
	for i := apart - 1; i < len(all); i += apart {
		limit := p.bound * serviceBase
		if p.compares {
			limit = p.bound * all[i].off
		}
		switch {
		case all[i].on > limit:
			failed++
		case p.inRow:
			failed = 0
		}
		if failed >= p.fails {
			return i
		}
	}
	return -1
}

const minutesEvery = 10 * time.Second

// A weather is how a launch without harm may go.
type weather struct {
	name      string
	daily     float64 // by how much traffic swings, and base rates a third as much
	incidents float64 // a day, which both arms share
}

// weathers are two of those in which Rampart promises its share of false reverts, with
// the same constants as in package evidence/sim.
var weathers = []weather{
	{name: "steady"},
	{name: "daily", daily: 0.6, incidents: 1},
}

// A day has so many bins, for each of which a rate is told.
const binsADay = int(24 * time.Hour / minutesEvery)

// launch draws the rates of the debug phase of the standard plan. The phases after it
// have more traffic, and what stands the noise of these stands theirs.
func (w weather) launch(chance *rand.Rand) []minute {
	var out []minute
	for _, step := range rampart.StandardStages()[1].Steps {
		out = append(out, w.day(chance, step.Percent)...)
	}
	return out
}

// day draws the rates of a day of one step.
func (w weather) day(chance *rand.Rand, exposure rampart.Percent) []minute {
	const window = int(time.Minute / minutesEvery)
	incidents := w.factors(chance)
	var bad, all [2]sliding
	out := make([]minute, 0, binsADay)
	for i, factor := range incidents {
		swing := w.daily * math.Sin(2*math.Pi*float64(i)/float64(binsADay))
		requests := serviceRate * minutesEvery.Seconds() * (1 + swing)
		for arm, share := range [2]float64{1 - exposure.Share(), exposure.Share()} {
			all[arm].add(requests*share, window)
			bad[arm].add(poisson(chance, requests*share*serviceBase*(1+swing/3)*factor), window)
		}
		out = append(out, minute{on: bad[1].sum / all[1].sum, off: bad[0].sum / all[0].sum})
	}
	return out
}

// factors are by how much incidents multiply the base rate in each bin of a day.
func (w weather) factors(chance *rand.Rand) []float64 {
	all := slices.Repeat([]float64{1}, binsADay)
	for range int(poisson(chance, w.incidents)) {
		from, times := chance.IntN(binsADay), 3*math.Pow(10, chance.Float64())
		length := int(chance.ExpFloat64() * float64(20*time.Minute/minutesEvery))
		for i := from; i < min(binsADay, from+length); i++ {
			all[i] *= times
		}
	}
	return all
}

// sliding is the sum of the last numbers.
type sliding struct {
	last []float64
	sum  float64
}

func (s *sliding) add(v float64, window int) {
	s.last, s.sum = append(s.last, v), s.sum+v
	if len(s.last) > window {
		s.sum -= s.last[0]
		s.last = s.last[1:]
	}
}

// poisson draws a count. Above a mean of 50 the normal distribution is as good here.
func poisson(chance *rand.Rand, mean float64) float64 {
	if mean > 50 {
		return max(0, math.Round(mean+math.Sqrt(mean)*chance.NormFloat64()))
	}
	k, p := -1.0, 1.0
	for limit := math.Exp(-mean); p > limit; k++ {
		p *= chance.Float64()
	}
	return k
}

// falseReverts returns for each policy the share of harmless launches that it turns
// back, by weather.
func falseReverts(all []policy, launches int) [][]float64 {
	out := make([][]float64, len(all))
	for w, weather := range weathers {
		chance := rand.New(rand.NewPCG(1, uint64(w))) // #nosec G404 -- a simulation that must be repeatable
		for range launches {
			rates := weather.launch(chance)
			for i, p := range all {
				if len(out[i]) <= w {
					out[i] = append(out[i], 0)
				}
				if p.turnsBack(rates) >= 0 {
					out[i][w] += 1 / float64(launches)
				}
			}
		}
	}
	return out
}
