package gates

import (
	"fmt"
	"time"

	"github.com/rampart-dev/rampart"
)

// arrivals tell data that never came from data that came and then stopped. The
// first holds a launch; the second, while somebody is exposed, is a breach: a crash
// of the on arm looks exactly so.
type arrivals struct {
	Heard int64   `json:"heard,omitempty"` // the last tick at which the source answered
	On    arrival `json:"on,omitzero"`
	Off   arrival `json:"off,omitzero"`
	Any   arrival `json:"any,omitzero"` // all arms together
}

// An arrival is what is known of the data of one arm.
type arrival struct {
	Came  bool    `json:"came,omitempty"`
	Pace  int64   `json:"pace,omitempty"`  // ms between samples
	Quiet int64   `json:"quiet,omitempty"` // ms of answered time without a sample
	Owed  float64 `json:"owed,omitempty"`  // units that the other arm lets expect meanwhile; -1: both are quiet
}

const (
	// enoughOwed is how many units must be missing before an arm that is quiet
	// beside one that speaks is taken for dead: of ten that were to come none
	// comes by chance once in 20,000.
	enoughOwed = 10
	// stopsAfter is how long data may be missing before it has stopped, where
	// ticks are not much shorter.
	stopsAfter = 2 * time.Minute
)

// both takes note of the two arms at a tick, and says what is missing.
func (a *arrivals) both(look Look, to time.Time, arms map[string]ArmCount) error {
	elapsed := a.elapsed(look)
	on, off := a.On.take(look, to, elapsed, arms["on"]), a.Off.take(look, to, elapsed, arms["off"])
	odds := look.Exposure.Share() / (1 - look.Exposure.Share())
	switch {
	case on && off:
		return nil
	case !on && !off:
		a.On.Owed, a.Off.Owed = -1, -1
		return &NoData{a.On.silent("either arm")}
	case !on:
		a.On.owe(arms["off"].Sum * odds)
		return &NoData{a.On.silent("the on arm")}
	default:
		a.Off.owe(arms["on"].Sum / odds)
		return &NoData{a.Off.silent("the off arm")}
	}
}

// any takes note of all arms together at a tick, and says what is missing.
func (a *arrivals) any(look Look, to time.Time, arms map[string]ArmCount) error {
	var all ArmCount
	for _, arm := range arms {
		all.add(arm.Sum, "", "", arm.Last, arm.Pace)
	}
	if a.Any.take(look, to, a.elapsed(look), all) {
		return nil
	}
	a.Any.Owed = -1
	return &NoData{a.Any.silent("any arm")}
}

// elapsed is for how long nothing was heard before this tick, at most twice the time
// that was to pass between the two looks: what nobody looked at was not silence.
func (a *arrivals) elapsed(look Look) int64 {
	heard := a.Heard
	a.Heard = look.tick()
	if heard == 0 {
		return 0
	}
	return min(a.Heard-heard, 2*look.pace.Milliseconds())
}

// take notes the data of an arm, and reports whether it is fresh.
func (a *arrival) take(look Look, to time.Time, elapsed int64, c ArmCount) bool {
	if c.Pace > 0 {
		a.Pace = c.Pace.Milliseconds()
	}
	// A scrape may be late by as much as another one.
	allowed := max(look.Every.Milliseconds(), a.Pace*5/2)
	if fresh := !c.Last.IsZero() && to.Sub(c.Last).Milliseconds() <= allowed; fresh {
		a.Came, a.Quiet, a.Owed = true, 0, 0
		return true
	}
	if a.Came {
		a.Quiet += elapsed
		if !c.Last.IsZero() { // it came in between two looks that lie apart
			a.Quiet = min(a.Quiet, to.Sub(c.Last).Milliseconds())
		}
	}
	return false
}

func (a *arrival) owe(units float64) { a.Owed = max(0, a.Owed) + units }

// silent says since when nothing came of whom.
func (a *arrival) silent(whom string) string {
	switch {
	case !a.Came:
		return "no data of " + whom + " yet"
	case a.Quiet == 0:
		return "no data of " + whom + " at this tick"
	}
	return "no data of " + whom + " for " + span(a.Quiet)
}

// stopped reports whether the data came and then stopped for long enough.
func (a *arrival) stopped(look Look) bool {
	return a.Came && a.Quiet >= a.patience(look) && (a.Owed < 0 || a.Owed >= enoughOwed)
}

// patience is two minutes, and less where ticks are seconds: eight ticks, but never
// less than two ticks or four samples, and ten seconds.
func (a *arrival) patience(look Look) int64 {
	every := look.Every.Milliseconds()
	return max(min(stopsAfter.Milliseconds(), max(8*every, 10_000)), 2*every, 4*a.Pace)
}

// stopped makes the verdict a breach where data stopped while somebody is exposed.
func (a *arrivals) stopped(look Look, v *rampart.GateVerdict) {
	if !look.Exposing {
		return
	}
	for _, arm := range []struct {
		name string
		is   arrival
	}{{"data of the on arm", a.On}, {"data of the off arm", a.Off}, {"data", a.Any}} {
		if arm.is.stopped(look) {
			v.Word = rampart.Breach
			v.Reason = fmt.Sprintf("%s: the %s stopped %s ago, while the source answers", v.Gate, arm.name, span(arm.is.Quiet))
			return
		}
	}
}
