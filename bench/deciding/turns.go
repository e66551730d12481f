package deciding

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/rampart-dev/rampart/bench/figure"
)

// A Way is something to be done n times in a row.
type Way struct {
	Name string
	Do   func(n int)
}

var sink atomic.Uint32 // keeps the compiler from leaving out the work

// Asking makes a way of one question.
func Asking(name string, ask func() bool) Way {
	return Way{name, func(n int) {
		on := uint32(0)
		for range n {
			if ask() {
				on++
			}
		}
		sink.Add(on)
	}}
}

// A turn takes about this long: long for a clock, short for a scheduler.
const turn = time.Millisecond

// TakeTurns lets all ways have short turns, one after the other and each round in another
// order, so that whatever else the machine does is the same to all of them. It returns
// nanoseconds, by way and round.
func TakeTurns(ways []Way, rounds int) []figure.Samples {
	taken, times := make([]figure.Samples, len(ways)), make([]int, len(ways))
	for i := range taken {
		taken[i], times[i] = make(figure.Samples, rounds), timesIn(ways[i])
	}
	for round := range rounds {
		for i := range ways {
			i = (i + round) % len(ways)
			began := time.Now()
			ways[i].Do(times[i])
			taken[i][round] = float64(time.Since(began).Nanoseconds()) / float64(times[i])
		}
	}
	return taken
}

// timesIn returns how often a way is done in a turn, and warms it up.
func timesIn(w Way) int {
	for n := 1; ; n *= 2 {
		began := time.Now()
		if w.Do(n); time.Since(began) >= turn/2 {
			return n
		}
	}
}

// Allocations returns what a way allocates each time.
func Allocations(w Way) float64 {
	const times = 1000
	return testing.AllocsPerRun(100, func() { w.Do(times) }) / times
}
