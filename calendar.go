package rampart

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// An Opening says from when on a calendar lets exposure be raised.
type Opening struct {
	At  time.Time `json:"at"`            // the first instant, not before the one that was asked for
	For string    `json:"for,omitempty"` // what is waited for until then: ForCalendar or ForFreeze; "" where At is now
	Why string    `json:"why,omitempty"` // in words, for people
}

// Opens returns the first instant, t or later, at which exposure may be raised. Hours
// and days are those of the calendar's zone: an hour that a change to daylight saving
// time leaves out never comes, and one that comes twice is open twice. Instants
// between two minutes count as the minute that has begun.
//
// It is an error where the zone is not known here, or the calendar is not valid. A
// nil calendar is always open.
func (c *Calendar) Opens(t time.Time) (Opening, error) {
	if c == nil {
		return Opening{At: t}, nil
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return Opening{}, fmt.Errorf("calendar: %w", err)
	}
	hours := always
	if c.Promote != "" {
		if hours, err = parseHours(c.Promote); err != nil {
			return Opening{}, fmt.Errorf("calendar.promote: %w", err)
		}
	}
	open := Opening{At: t}
	// A freeze ends once, and no week passes without the hours: so this ends.
	for {
		if f, frozen := c.frozen(open.At.In(zone)); frozen {
			if open.For == "" {
				open.For, open.Why = ForFreeze, f.why()
			}
			thaw := firstOf(f.Until, zone)
			if !thaw.After(open.At) {
				return Opening{}, fmt.Errorf("calendar.freeze: %s is not a day after %s", f.Until, f.From)
			}
			open.At = thaw
			continue
		}
		if hours.has(open.At.In(zone)) {
			return open, nil
		}
		if open.For == "" {
			open.For, open.Why = ForCalendar, fmt.Sprintf("raises wait for %s %s", c.Promote, c.Zone)
		}
		open.At = open.At.Truncate(time.Minute).Add(time.Minute)
	}
}

// frozen returns the freeze that a local time falls into.
func (c *Calendar) frozen(local time.Time) (Freeze, bool) {
	day := Date(local.Format(time.DateOnly))
	for _, f := range c.Freeze {
		if f.From <= day && day < f.Until { // the form of a date sorts as its days do
			return f, true
		}
	}
	return Freeze{}, false
}

func (f Freeze) why() string {
	if f.Why == "" {
		return fmt.Sprintf("frozen until %s", f.Until)
	}
	return fmt.Sprintf("frozen until %s: %s", f.Until, f.Why)
}

// firstOf returns the first instant of a day. Where midnight is left out by a change
// of the clock, the day begins later, so it is looked for.
func firstOf(day Date, zone *time.Location) time.Time {
	noon, err := time.ParseInLocation(time.DateOnly+" 15", string(day)+" 12", zone)
	if err != nil {
		return time.Time{} // the calendar was validated
	}
	t := noon.Add(-15 * time.Hour)
	for Date(t.In(zone).Format(time.DateOnly)) < day {
		t = t.Add(time.Minute)
	}
	return t
}

// hours are the hours of some days of the week.
type hours struct {
	days        [7]bool // from Sunday, as time.Weekday counts
	from, until int     // minutes of the local day; until is the first that is out
}

var always = hours{days: [7]bool{true, true, true, true, true, true, true}, until: 24 * 60}

func (h hours) has(local time.Time) bool {
	minute := local.Hour()*60 + local.Minute()
	return h.days[local.Weekday()] && h.from <= minute && minute < h.until
}

var (
	weekdays     = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	hoursPattern = regexp.MustCompile(`^([a-z,-]+) ([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})$`)
)

// parseHours reads "mon-thu 09:00-16:00". A span of days may run over the weekend,
// as in "fri-mon"; one of hours stays within a day, and may end at 24:00.
func parseHours(s string) (hours, error) {
	var h hours
	m := hoursPattern.FindStringSubmatch(s)
	if m == nil {
		return h, fmt.Errorf("%q is not a span of days and hours", s)
	}
	for _, span := range strings.Split(m[1], ",") {
		first, last, isSpan := strings.Cut(span, "-")
		if !isSpan {
			last = first
		}
		from, until := slices.Index(weekdays, first), slices.Index(weekdays, last)
		if from < 0 || until < 0 {
			return h, fmt.Errorf("%q is not a day, nor a span of days", span)
		}
		for d := from; ; d = (d + 1) % 7 {
			h.days[(d+1)%7] = true // weekdays begin on Monday, time.Weekday on Sunday
			if d == until {
				break
			}
		}
	}
	var okFrom, okUntil bool
	h.from, okFrom = minuteOf(m[2])
	h.until, okUntil = minuteOf(m[3])
	if !okFrom || !okUntil || h.from >= h.until {
		return h, fmt.Errorf("%s-%s is not a span of hours within one day", m[2], m[3])
	}
	return h, nil
}

func minuteOf(clock string) (int, bool) {
	if clock == "24:00" {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", clock)
	return t.Hour()*60 + t.Minute(), err == nil
}
