package rampart

import (
	"fmt"
	"math"
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

func (c *checker) promote(s string) {
	if _, err := parseHours(s); err != nil {
		c.wrong("calendar.promote", "write days and hours, such as mon-thu 09:00-16:00 or mon,wed 10:00-12:00", "%s", err)
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
