package gates

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// A tally is what is counted beside the gates and turns nothing back: the units of the
// arms, and the goals. It is counted less often than gates are looked at.
type tally struct {
	Counted  int64                 `json:"c,omitempty"` // the tick until which was counted
	Exposure rampart.Percent       `json:"x,omitempty"` // at that tick
	Moved    int64                 `json:"m,omitempty"` // the tick since which that has been the exposure
	Units    *evidence.SampleRatio `json:"u,omitempty"`
	Goals    *goals                `json:"g,omitempty"`
}

// counts is what was seen for a tally at one tick.
type counts struct {
	asked     bool
	from, to  time.Time
	selectors []string
	counted   []Counted
}

// of returns what was counted of a selector.
func (c counts) of(selector string) Counted {
	if i := slices.Index(c.selectors, selector); i >= 0 && i < len(c.counted) {
		return c.counted[i]
	}
	return Counted{Err: &NoData{"not asked for"}}
}

// tallies returns the selectors of what is to be counted beside the gates.
func (l Look) tallies() []string {
	if l.Exposure <= 0 || l.Exposure >= rampart.Full {
		return nil
	}
	var all []string
	if l.SampleRatio {
		all = append(all, exposedUnits)
	}
	if l.Phase == rampart.MaxPowerRamp {
		for _, g := range l.Goals {
			events, of, err := metricOf(g)
			if err == nil {
				all = append(all, events, of)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// tally asks for the counters of a tally where they are due: once in the longest time
// between two looks, for all launches at the same ticks, so that they share queries.
func (j *Judge) tally(ctx context.Context, look Look, s *State, at time.Time) counts {
	c := counts{selectors: look.tallies(), to: at}
	seldom := Slowest(look.Every)
	due := s.Tally == nil || s.Tally.Counted == 0 ||
		tickNumber(look.At, seldom) != tickNumber(time.UnixMilli(s.Tally.Counted), seldom)
	if len(c.selectors) == 0 || !due && !s.decides(look) {
		return c
	}
	c.asked, c.from = true, at.Add(-seldom)
	if s.Tally != nil && s.Tally.Counted > 0 {
		c.from = time.UnixMilli(s.Tally.Counted).Add(-j.lag)
	}
	q := CountQuery{Flag: look.Flag, To: at, Every: look.Every, Pace: seldom, NotBefore: look.NotBefore}
	for _, sel := range c.selectors {
		q.Counters = append(q.Counters, Counter{Selector: sel, From: c.from})
	}
	c.counted = j.source.Count(ctx, q)
	return c
}

// takeTally takes what was counted into the state.
func (s *State) takeTally(look Look, c counts) error {
	if s.Tally == nil && len(c.selectors) == 0 {
		return nil
	}
	if s.Tally == nil {
		s.Tally = new(tally)
	}
	t := s.Tally
	t.move(look)
	if look.Phase.Index() > rampart.MaxPowerRamp.Index() {
		t.Goals = nil // decided
	}
	if t.Goals != nil && t.Goals.Moved != t.Moved {
		if err := t.Goals.restart(look, t.Moved); err != nil {
			return err
		}
	}
	if c.asked && !t.stale(look, c) {
		if err := t.units(look, s.Step, c); err != nil {
			return fmt.Errorf("the sample ratio of %s: %w", look.Flag, err)
		}
		t.count(look, c)
	}
	return s.lookAtGoals(look)
}

// move notes since when the exposure has been what it is.
func (t *tally) move(look Look) {
	switch since := look.StepSince.UnixMilli(); {
	case t.Exposure == look.Exposure:
	case since > t.Moved:
		t.Exposure, t.Moved = look.Exposure, since
	default: // by something else than a step
		t.Exposure, t.Moved = look.Exposure, look.tick()
	}
}

// stale reports whether nothing can be taken from what was counted: where there was no
// answer it is counted again, with the next; where some of it was counted before the
// present exposure it is let go of, because it fell to the arms by another allocation.
func (t *tally) stale(look Look, c counts) bool {
	var pace time.Duration
	for _, one := range c.counted {
		if a, _ := answerOf(one.Err); a == silence {
			return true
		}
		for _, arm := range one.Arms {
			pace = max(pace, arm.Pace)
		}
	}
	t.Counted = look.tick()
	// A count that begins at an instant rests on the last sample before it.
	return c.from.Add(-max(pace, time.Second)).UnixMilli() < t.Moved
}

// bothArms returns the arms of a count, or what is missing.
func bothArms(c Counted) (on, off ArmCount, err error) {
	if c.Err != nil {
		return on, off, c.Err
	}
	on, hasOn := c.Arms["on"]
	off, hasOff := c.Arms["off"]
	why := ""
	switch {
	case !hasOn && !hasOff:
		why = "no data of either arm"
	case !hasOn:
		why = "no data of the on arm"
	case !hasOff:
		why = "no data of the off arm"
	default:
		return on, off, nil
	}
	if c.Ails != "" {
		why += ": " + c.Ails
	}
	return on, off, &NoData{why}
}
