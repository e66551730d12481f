package rampart_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func TestACalendarOpensWithItsHours(t *testing.T) {
	weekdays := rampart.Calendar{Zone: "Europe/Berlin", Promote: "mon-thu 09:00-16:00"}
	christmas := weekdays
	christmas.Freeze = []rampart.Freeze{
		{From: "2026-12-18", Until: "2027-01-04", Why: "Christmas peak"},
		{From: "2027-01-04", Until: "2027-01-06"},
	}
	for name, tt := range map[string]struct {
		calendar *rampart.Calendar
		at, want string
		waits    string
		why      string
	}{
		"no calendar":                   {at: "2026-11-20T23:00:00Z", want: "2026-11-20T23:00:00Z"},
		"only a zone":                   {calendar: &rampart.Calendar{Zone: "UTC"}, at: "2026-11-20T23:00:00Z", want: "2026-11-20T23:00:00Z"},
		"within the hours":              {calendar: &weekdays, at: "2026-11-19T08:00:00Z", want: "2026-11-19T08:00:00Z"},
		"a second before they end":      {calendar: &weekdays, at: "2026-11-19T14:59:59Z", want: "2026-11-19T14:59:59Z"},
		"when they end":                 {calendar: &weekdays, at: "2026-11-18T15:00:00Z", want: "2026-11-19T08:00:00Z", waits: rampart.ForCalendar, why: "mon-thu 09:00-16:00 Europe/Berlin"},
		"over the weekend":              {calendar: &weekdays, at: "2026-11-19T15:00:00Z", want: "2026-11-23T08:00:00Z", waits: rampart.ForCalendar},
		"a freeze, and the hours after": {calendar: &christmas, at: "2026-12-17T23:00:00Z", want: "2027-01-06T08:00:00Z", waits: rampart.ForFreeze, why: "Christmas peak"},
		"the day before a freeze":       {calendar: &christmas, at: "2026-12-17T10:00:00Z", want: "2026-12-17T10:00:00Z"},
		"hours that run into a freeze":  {calendar: &christmas, at: "2026-12-17T15:00:00Z", want: "2027-01-06T08:00:00Z", waits: rampart.ForCalendar},
		"days over the weekend":         {calendar: &rampart.Calendar{Zone: "UTC", Promote: "fri-mon 22:00-24:00"}, at: "2026-11-22T23:59:59Z", want: "2026-11-22T23:59:59Z"},
		"days out of order":             {calendar: &rampart.Calendar{Zone: "UTC", Promote: "fri,tue 10:00-11:00"}, at: "2026-11-20T11:00:00Z", want: "2026-11-24T10:00:00Z", waits: rampart.ForCalendar},
	} {
		t.Run(name, func(t *testing.T) {
			open, err := tt.calendar.Opens(instant(t, tt.at))
			require.NoError(t, err)
			require.Equal(t, tt.want, open.At.UTC().Format(time.RFC3339))
			require.Equal(t, tt.waits, open.For)
			require.Contains(t, open.Why, tt.why)
		})
	}
}

// The hours are those of the wall clock, whichever way the clock was changed, and a
// day begins when its first minute does.
func TestACalendarFollowsTheClockChanges(t *testing.T) {
	for name, tt := range map[string]struct {
		zone, promote string
		freeze        []rampart.Freeze
		at, want      string
	}{
		"Berlin, spring: Monday's nine is an hour earlier": {zone: "Europe/Berlin", promote: "mon 09:00-16:00",
			at: "2026-03-27T12:00:00Z", want: "2026-03-30T07:00:00Z"},
		"Berlin, spring: the hour that is left out never comes": {zone: "Europe/Berlin", promote: "sun 02:00-03:00",
			at: "2026-03-28T12:00:00Z", want: "2026-04-05T00:00:00Z"},
		"Berlin, spring: hours that begin in it begin after it": {zone: "Europe/Berlin", promote: "sun 02:30-04:00",
			at: "2026-03-28T12:00:00Z", want: "2026-03-29T01:00:00Z"},
		"Berlin, autumn: the hour that comes twice is open twice": {zone: "Europe/Berlin", promote: "sun 02:00-03:00",
			at: "2026-10-25T01:10:00Z", want: "2026-10-25T01:10:00Z"},
		"Berlin, autumn: between its halves the hours are over": {zone: "Europe/Berlin", promote: "sun 02:00-02:30",
			at: "2026-10-25T00:40:00Z", want: "2026-10-25T01:00:00Z"},
		"New York, spring: Monday's nine is an hour earlier": {zone: "America/New_York", promote: "mon 09:00-16:00",
			at: "2026-03-07T12:00:00Z", want: "2026-03-09T13:00:00Z"},
		"New York, autumn: and an hour later": {zone: "America/New_York", promote: "mon 09:00-16:00",
			at: "2026-10-31T12:00:00Z", want: "2026-11-02T14:00:00Z"},
		"Lord Howe, autumn: half an hour comes twice": {zone: "Australia/Lord_Howe", promote: "sun 01:30-02:00",
			at: "2026-04-04T14:50:00Z", want: "2026-04-04T14:50:00Z"},
		"Lord Howe, spring: half an hour is left out": {zone: "Australia/Lord_Howe", promote: "sun 02:00-02:30",
			at: "2026-10-03T12:00:00Z", want: "2026-10-10T15:00:00Z"},
		"Cairo: the day of a freeze's end has no midnight": {zone: "Africa/Cairo",
			freeze: []rampart.Freeze{{From: "2026-04-20", Until: "2026-04-24"}},
			at:     "2026-04-22T12:00:00Z", want: "2026-04-23T22:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			c := rampart.Calendar{Zone: tt.zone, Promote: tt.promote, Freeze: tt.freeze}
			open, err := c.Opens(instant(t, tt.at))
			require.NoError(t, err)
			require.Equal(t, tt.want, open.At.UTC().Format(time.RFC3339))
		})
	}
}

// What opens is open by the wall clock, and no minute before it was.
func TestACalendarOpensAtTheFirstMinuteThatIsOpen(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 20))
	days := []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		for range 40 {
			day, clock := days[random.IntN(7)], []string{"00:00", "01:30", "02:15", "03:00", "09:00", "24:00"}
			from := random.IntN(5)
			until := from + 1 + random.IntN(5-from)
			begins := time.Date(2026, []time.Month{3, 4, 10, 11}[random.IntN(4)], 1+random.IntN(28), random.IntN(24), random.IntN(60), 0, 0, time.UTC)
			frozen := begins.In(zone).Format(time.DateOnly)
			c := rampart.Calendar{Zone: name, Promote: day + " " + clock[from] + "-" + clock[until],
				Freeze: []rampart.Freeze{{From: rampart.Date(frozen), Until: rampart.Date(begins.Add(48 * time.Hour).In(zone).Format(time.DateOnly))}}}
			isOpen := func(at time.Time) bool {
				local := at.In(zone)
				date, now := rampart.Date(local.Format(time.DateOnly)), local.Format("15:04")
				return strings.ToLower(local.Format("Mon")) == day && clock[from] <= now && now < clock[until] &&
					!slices.ContainsFunc(c.Freeze, func(f rampart.Freeze) bool { return f.From <= date && date < f.Until })
			}
			open, err := c.Opens(begins)
			require.NoError(t, err)
			require.True(t, isOpen(open.At), "%s opens at %s", c.Promote, open.At.In(zone))
			for at := begins; at.Before(open.At); at = at.Add(time.Minute) {
				require.False(t, isOpen(at), "%s in %s was open at %s", c.Promote, name, at.In(zone))
			}
		}
	}
}

func TestACalendarThatCannotBeReadIsAnError(t *testing.T) {
	for name, c := range map[string]rampart.Calendar{
		"an unknown zone":   {Zone: "Europe/Atlantis"},
		"hours in prose":    {Zone: "UTC", Promote: "weekdays"},
		"a day that is not": {Zone: "UTC", Freeze: []rampart.Freeze{{From: "0000-00-00", Until: "9999-99-99"}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Opens(instant(t, "2026-11-20T12:00:00Z"))
			require.ErrorContains(t, err, "calendar")
		})
	}
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return at
}
