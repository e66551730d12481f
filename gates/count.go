package gates

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// A CountQuery asks by how much counters of one flag grew until an instant.
type CountQuery struct {
	Flag     string
	To       time.Time
	Every    time.Duration // how far apart instants usually are
	Pace     time.Duration // how long after the last instant this one was planned to be; 0: Every
	Counters []Counter

	// NotBefore is when a launch took over from another one of the same flag. What a
	// target has counted since an older sample may be of the launch before, so such a
	// target is counted from its first sample after it on. Zero: there was none.
	NotBefore time.Time
}

// A Counter names raw counters, and the instant since which they are counted.
type Counter struct {
	Selector string
	By       []string  // labels whose values are counted apart, too
	From     time.Time // a source counts from as far back as it can look, and says so
}

// Counted is by how much the counters of one selector grew, summed over instances
// after each was counted by itself.
type Counted struct {
	Arms map[string]ArmCount // by the label arm: on, off, none
	// Cohorts are the arms of those series alone that have a label with a value, as
	// LABEL=VALUE; a series without the label is in none of that label.
	Cohorts map[string]map[string]ArmCount
	Err     error // *NoData, or no answer
	// Ails says in a few words what is wrong with the data, where that is known: who has
	// stopped or restarted, which label or arm is not there. It decides nothing.
	Ails string

	restarted bool // some counter fell
}

// An ArmCount is by how much the counters of one arm grew. An arm whose counters
// stand still is here, with zero; an arm that is not here was not seen at all.
type ArmCount struct {
	Sum     float64
	Buckets map[string]float64 // by the label bucket, where there is one
	Edges   map[string]float64 // by the label le, where there is one
	Last    time.Time          // the latest sample until To
	Pace    time.Duration      // how far apart samples are; 0 is unknown
}

// add counts one series into the arm.
func (a *ArmCount) add(grown float64, bucket, edge string, last time.Time, pace time.Duration) {
	a.Sum += grown
	if bucket != "" {
		if a.Buckets == nil {
			a.Buckets = map[string]float64{}
		}
		a.Buckets[bucket] += grown
	}
	if edge != "" {
		if a.Edges == nil {
			a.Edges = map[string]float64{}
		}
		a.Edges[edge] += grown
	}
	if last.After(a.Last) {
		a.Last = last
	}
	if pace > 0 && (a.Pace == 0 || pace < a.Pace) {
		a.Pace = pace
	}
}

// cohorts counts one series into the arms of the cohorts that it is of.
func (c *Counted) cohorts(by []string, label func(string) string, add func(*ArmCount)) {
	for _, name := range by {
		value := label(name)
		if value == "" {
			continue
		}
		cohort := cohortOf(name, value)
		if c.Cohorts == nil {
			c.Cohorts = map[string]map[string]ArmCount{}
		}
		if c.Cohorts[cohort] == nil {
			c.Cohorts[cohort] = map[string]ArmCount{}
		}
		arm := c.Cohorts[cohort][label("arm")]
		add(&arm)
		c.Cohorts[cohort][label("arm")] = arm
	}
}

// cohortOf names a cohort. Values are cut off that nobody would read.
func cohortOf(label, value string) string {
	const most = 40
	if len(value) > most {
		value = strings.ToValidUTF8(value[:most], "") + "..."
	}
	return label + "=" + value
}

// A sample is a raw value of a counter.
type sample struct {
	at    int64 // ms since 1970
	value float64
}

// grown returns by how much a counter grew in (from, to]. A value below the one
// before it is a counter that was reset, and has counted from zero since.
//
// A counter without a sample at or before from began in between. It is counted from
// zero where that is known: where its target was scraped before, and did not have
// it. Otherwise its first sample only says where it stands: a target that could not
// be scraped for a while comes back with counts that are old.
func grown(samples []sample, from, to int64, known bool) (sum float64, ok bool) {
	before, begun := 0.0, known
	for _, s := range samples {
		switch {
		case math.IsNaN(s.value) || math.IsInf(s.value, 0) || s.value < 0:
			return 0, false
		case s.at > to:
			return sum, true
		case s.at <= from || !begun:
		case s.value < before:
			sum += s.value
		default:
			sum += s.value - before
		}
		before, begun = s.value, true
	}
	return sum, true
}

// pace returns how far apart samples are, or 0.
func pace(samples []sample) time.Duration {
	n := len(samples)
	if n < 2 {
		return 0
	}
	return time.Duration((samples[n-1].at-samples[0].at)/int64(n-1)) * time.Millisecond
}

// edgeOf reads the label le of a histogram.
func edgeOf(le string) (float64, bool) {
	v, err := strconv.ParseFloat(le, 64)
	return v, err == nil && !math.IsNaN(v)
}
