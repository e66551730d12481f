package sim

import (
	"math"
	"time"
)

// pods is how many processes serve the traffic where scrapes are faulty.
const pods = 3

// How often things go wrong with the scrape of one process before one tick. A process
// restarts about four times a day, which is a busy deployment.
const (
	lostShare    = 0.02
	lateShare    = 0.02
	doubledShare = 0.01
	restartsADay = 4
)

// A fate is what happens to one process and its scrape between two ticks.
type fate struct {
	lost    bool    // no sample of this scrape ever arrives
	late    bool    // it arrives after the tick was judged
	doubled bool    // it arrives twice
	restart float64 // share of the interval after which the process started anew; 0: it did not
}

func fates(d draw, every time.Duration) (all [pods]fate) {
	for i := range all {
		u := d.Float64()
		f := fate{
			lost:    u < lostShare,
			late:    u >= lostShare && u < lostShare+lateShare,
			doubled: u > 1-doubledShare,
		}
		if d.Float64() < restartsADay*every.Hours()/24 {
			f.restart = 1 - d.Float64()
		}
		all[i] = f
	}
	return all
}

// Counters of one process: bad and good units of the on arm, then of the off arm.
type counters [4]float64

// A scrape is what the raw counters of one metric are, and what has been seen of them.
// The arithmetic is that of package gates: the deltas of each counter, in which a
// value below the one before it is a counter that was reset; a sample that was late is
// the base of the next delta, so what it had grown by is not counted.
type scrape struct {
	raw, seen [pods]counters
}

// grow adds what happened in one process, and returns by how much its counters are
// seen to have grown.
func (s *scrape) grow(d draw, pod int, f fate, happened counters) (grown counters) {
	for k := range happened {
		if f.restart > 0 {
			s.raw[pod][k] = d.thin(happened[k], 1-f.restart)
		} else {
			s.raw[pod][k] += happened[k]
		}
	}
	if f.lost {
		return grown
	}
	samples := 1
	if f.doubled {
		samples = 2
	}
	for k := range grown {
		for range samples {
			if s.raw[pod][k] < s.seen[pod][k] {
				grown[k] += s.raw[pod][k]
			} else {
				grown[k] += s.raw[pod][k] - s.seen[pod][k]
			}
			s.seen[pod][k] = s.raw[pod][k]
		}
	}
	if f.late {
		return counters{}
	}
	return grown
}

// thin keeps each of n events with probability p.
func (d draw) thin(n, p float64) float64 {
	if n > 50 {
		kept := math.Round(n*p + math.Sqrt(n*p*(1-p))*d.NormFloat64())
		return min(n, max(0, kept))
	}
	var kept float64
	for ; n > 0; n-- {
		if d.Float64() < p {
			kept++
		}
	}
	return kept
}
