package activities

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/rampart-dev/rampart"
)

// A clock is the time by which one attempt of a watch looks at gates. Three clocks
// know it: this machine's, the store's and Temporal's. One that is wrong must not make
// ticks, since evidence of a tick in the future would have every other worker wait for
// it, and one in the past would judge what was long ago; so the median of them is
// believed where this machine's is further from it than [Activities.MaxSkew].
type clock struct {
	own   func() time.Time
	ahead time.Duration // of the median, by which the own clock is put right
}

// clock compares the clocks at the beginning of an attempt, once the store was heard.
func (a *Activities) clock(ctx context.Context) clock {
	c := clock{own: a.Now}
	if !activity.IsActivity(ctx) {
		return c
	}
	now := a.Now()
	offsets := []time.Duration{0, activity.GetInfo(ctx).StartedTime.Sub(now)} // this machine's, Temporal's
	if a.stores.heard.Load() {
		offsets = append(offsets, time.Duration(a.stores.ahead.Load()))
	}
	median := offsets[0] // of two that differ nobody can say which is right
	if len(offsets) == 3 {
		sorted := slices.Sorted(slices.Values(offsets))
		median = sorted[1]
	}
	a.Meter.skewed(a.Store.Environment(), offsets, median)
	if a.MaxSkew > 0 && median.Abs() > a.MaxSkew {
		c.ahead = -median
	}
	return c
}

// now returns the time as it is believed to be.
func (c clock) now() time.Time { return c.own().Add(-c.ahead) }

// note says, for whoever looks at a pending watch, that the own clock is wrong, or that
// the last look lies in a future for which the next one waits.
func (c clock) note(m Memory, every time.Duration) string {
	var note string
	if c.ahead != 0 {
		way := "ahead of"
		if c.ahead < 0 {
			way = "behind"
		}
		note = fmt.Sprintf("; the clock of this worker is %s %s those of Temporal and the store, which are believed", rampart.Duration(c.ahead.Abs().Round(time.Second)), way)
	}
	if early := time.UnixMilli(m.Tick).Sub(c.now()); early > 2*every {
		note += fmt.Sprintf("; the last look was by a clock that is ahead, and the next one is taken in %s", rampart.Duration(early.Truncate(time.Second)))
	}
	return note
}

// storeClock is how far the store's clock is ahead of this machine's, as last heard.
type storeClock struct {
	ahead atomic.Int64 // ns
	heard atomic.Bool
}

// hear notes what the store's clock said to a question that was asked then.
func (s *storeClock) hear(said, asked, answered time.Time) {
	if said.UnixMilli() <= 0 { // it was not
		return
	}
	s.ahead.Store(int64(said.Sub(asked.Add(answered.Sub(asked) / 2))))
	s.heard.Store(true)
}
