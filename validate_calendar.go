package rampart

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

func (c *checker) calendar() {
	cal := c.plan.Calendar
	if cal == nil {
		return
	}
	if _, err := time.LoadLocation(cal.Zone); err != nil || cal.Zone == "Local" {
		c.wrong("calendar.zone", "use a name of the IANA database, such as Europe/Berlin or UTC", "%q is not a time zone", cal.Zone)
	}
	if cal.Promote != "" {
		c.promote(cal.Promote)
	}
	c.atMost("calendar.freeze", len(cal.Freeze), maxRules)
	for i, f := range cal.Freeze {
		path := fmt.Sprintf("calendar.freeze[%d]", i)
		from, until := c.date(path+".from", f.From), c.date(path+".until", f.Until)
		if from && until && f.From >= f.Until { // the form of a date sorts as its days do
			c.wrong(path+".until", "until is the first day after the freeze", "%s is not after %s", f.Until, f.From)
		}
		c.text(path+".why", f.Why)
	}
}

var (
	weekdays       = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	promotePattern = regexp.MustCompile(`^([a-z,-]+) ([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})$`)
)

func (c *checker) promote(s string) {
	const path, hint = "calendar.promote", "write days and hours, such as mon-thu 09:00-16:00 or mon,wed 10:00-12:00"
	m := promotePattern.FindStringSubmatch(s)
	if m == nil {
		c.wrong(path, hint, "%q is not a span of days and hours", s)
		return
	}
	for _, span := range strings.Split(m[1], ",") {
		days := strings.Split(span, "-")
		if len(days) > 2 || slices.ContainsFunc(days, func(d string) bool { return !slices.Contains(weekdays, d) }) {
			c.wrong(path, hint, "%q is not a day, nor a span of days", span)
		}
	}
	from, fromErr := time.Parse("15:04", m[2])
	until, untilErr := time.Parse("15:04", strings.Replace(m[3], "24:00", "23:59", 1))
	if fromErr != nil || untilErr != nil || !from.Before(until) {
		c.wrong(path, hint, "%s-%s is not a span of hours within one day", m[2], m[3])
	}
}

func (c *checker) requirements() {
	c.atMost("requires", len(c.plan.Requires), maxList)
	seen := map[string]bool{}
	for i, r := range c.plan.Requires {
		path := fmt.Sprintf("requires[%d]", i)
		switch {
		case (r.Flag == "") == (r.Query == ""):
			c.wrong(path, "write {flag: NAME}, or {query: PROMQL, max: NUMBER}", "needs exactly one of flag and query")
		case r.Query != "":
			c.query(path+".query", r.Query)
			c.bounds(path, r.Min, r.Max)
		case r.Min != nil || r.Max != nil:
			c.wrong(path, "leave min and max out: a flag is launched, or it is not", "bounds a flag")
		case r.Flag == c.plan.Flag:
			c.wrong(path+".flag", "name another flag", "%q would wait for itself", r.Flag)
		case seen[r.Flag]:
			c.wrong(path+".flag", "name each flag once", "%q is named twice", r.Flag)
		default:
			c.because(path+".flag", CheckName("a flag", r.Flag))
		}
		seen[r.Flag] = true
	}
}

// bounds checks the bounds of a query's value.
func (c *checker) bounds(path string, low, high *float64) {
	if low == nil && high == nil {
		c.wrong(path, "say what is too low, or too high", "needs min or max")
		return
	}
	for _, x := range []struct {
		key   string
		value *float64
	}{{"min", low}, {"max", high}} {
		if x.value != nil && (math.IsNaN(*x.value) || math.IsInf(*x.value, 0)) {
			c.wrong(path+"."+x.key, "write a number", "%g is no bound", *x.value)
		}
	}
	if low != nil && high != nil && *low > *high {
		c.wrong(path+".min", "swap them", "%g is above max, %g", *low, *high)
	}
}
