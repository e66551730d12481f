package gates

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
)

// A reading is what was read of a plan's telemetry. Judging it asks nobody.
type reading struct {
	TelemetryQuery
	now       time.Time // by Prometheus' clock
	ahead     *time.Duration
	interval  time.Duration // between scrapes, as gates are told
	maxSeries int
	metrics   []metricReading
	queries   []queried
}

// A metricReading is what was read of one metric of the flag.
type metricReading struct {
	need
	series     []series
	ups        []series // of the jobs that count it
	tooMany    bool     // series, or samples, to be read
	elsewhere  bool     // the flag has none, and others have
	unlabelled bool     // there are some, without the label flag
}

// clientLabels are those that the client gives to its series, beside flag and arm. What
// others count needs flag and arm alone.
var clientLabels = map[string][]string{
	"rampart_requests_total":                  {"bucket", "phase", "outcome"},
	"rampart_request_duration_seconds_bucket": {"phase", "le"},
	"rampart_exposed_units_total":             {"bucket"},
	"rampart_events_total":                    {"bucket", "event"},
	"rampart_event_value_total":               {"bucket", "event"},
}

const (
	// enoughScrapes is the share of its scrapes that an instance must have answered: a
	// lost one costs nothing, and several in a row are what gates hold for.
	enoughScrapes = 0.9
	// stormOfResets is how many restarts within the window are no deployment any more.
	stormOfResets = 3
	// enoughToFill is from how many units on an empty telemetry bucket is no chance: of
	// 20 buckets one is empty once in forty million.
	enoughToFill = 20.0 * float64(telemetryBuckets)
	// maxAhead is how far apart clocks may be: twice the usual scrape lag, within which a
	// look may miss samples or take some of the future.
	maxAhead = 2 * time.Second
	// maxShareOfSeries of what one answer may have is where a launch needs attention.
	maxShareOfSeries = 0.5
	// maxNamed is how many instances are named for the same fault.
	maxNamed = 5
)

func (r reading) judge() Telemetry {
	t := Telemetry{
		Flag: r.Plan.Flag, At: r.now.UnixMilli(), Window: rampart.Duration(r.Window), MaxOf: r.maxSeries,
		Metrics: []MetricTelemetry{}, Findings: []Finding{},
	}
	if r.ahead != nil {
		t.Ahead = seconds(*r.ahead)
		if far := max(*r.ahead, -*r.ahead); far > maxAhead {
			t.find(Finding{About: "clock", Text: fmt.Sprintf("Prometheus' clock is %s off that of this machine", rampart.Duration(far.Round(time.Second))),
				Hint: "let both follow the same time server; gates judge samples by the worker's clock"})
		}
	}
	for _, m := range r.metrics {
		j := judging{reading: r, metricReading: m, out: &t}
		t.Metrics = append(t.Metrics, j.metric())
		t.Series += len(m.series)
	}
	for _, q := range r.queries {
		said := QueryTelemetry{Gate: q.gate, Query: q.query}
		if q.none == "" {
			said.Value = &q.value
		} else {
			t.find(Finding{About: "value", Metric: q.gate, Text: q.none, Problem: true,
				Hint: "aggregate to one value that is always there: without it the launch holds"})
		}
		t.Queries = append(t.Queries, said)
	}
	r.units(&t)
	slices.SortStableFunc(t.Findings, func(a, b Finding) int {
		switch {
		case a.Problem == b.Problem:
			return 0
		case a.Problem:
			return -1
		}
		return 1
	})
	return t
}

func (t *Telemetry) find(f Finding) { t.Findings = append(t.Findings, f) }

func seconds(d time.Duration) *float64 {
	s := d.Round(time.Millisecond).Seconds()
	return &s
}

// judging judges one metric.
type judging struct {
	reading
	metricReading
	out *Telemetry
	is  MetricTelemetry
}

func (j *judging) found(about string, problem bool, hint, format string, args ...any) {
	j.at(target{}, about, problem, hint, format, args...)
}

func (j *judging) at(where target, about string, problem bool, hint, format string, args ...any) {
	f := Finding{About: about, Metric: j.need.metric, Text: fmt.Sprintf(format, args...), Hint: hint, Problem: problem}
	if where != (target{}) {
		f.Instance = where.String()
	}
	j.out.find(f)
}

func (j *judging) metric() MetricTelemetry {
	j.is = MetricTelemetry{Metric: j.need.metric, For: j.uses, Series: len(j.series)}
	switch {
	case j.tooMany:
		j.found("series", true, "narrow the selector, or aggregate labels away when scraping; --prometheus-series of the worker is the bound",
			"has more than the %d series that one answer may have", j.maxSeries)
		return j.is
	case len(j.series) == 0:
		j.absent()
		return j.is
	}
	if share := float64(len(j.series)) / float64(j.maxSeries); share > maxShareOfSeries {
		j.found("series", false, "narrow the selector, or aggregate labels away when scraping",
			"has %d series, of the %d that one answer may have", len(j.series), j.maxSeries)
	}
	by := j.byTarget()
	j.is.Instances = len(by)
	j.times(by)
	j.completeness(by)
	j.labels(by)
	j.arms()
	j.buckets()
	j.selected()
	j.resets(by)
	return j.is
}

// absent says why the flag has no series. Before its launch it has none of those that
// the client counts.
func (j *judging) absent() {
	switch {
	case j.unlabelled:
		j.found("labels", true, "count it with rampart's client, which adds flag and arm", "has no label flag")
	case !j.Open:
		j.found("completeness", false, "it appears with the first launch that services know of", "is not counted for %s yet", j.Plan.Flag)
	case j.need.metric == exposedUnits: // holds up nothing: see units in srm.go
		j.found("units", false, "count with rampart's client; without it nobody sees that an arm loses users", "is not there, so the sample ratio is not looked at")
	case j.elsewhere:
		j.found("completeness", true, "deploy the services that decide the flag with rampart's client, and let Prometheus scrape them",
			"is counted for other flags, and not for %s", j.Plan.Flag)
	default:
		j.found("completeness", true, "deploy the services that export it, and let Prometheus scrape them", "is exported by nobody")
	}
}

func (j *judging) byTarget() map[target][]series {
	by := map[target][]series{}
	for _, s := range j.series {
		by[s.target()] = append(by[s.target()], s)
	}
	return by
}

// times judges how old the newest samples are, as gates do.
func (j *judging) times(by map[target][]series) {
	var newest time.Time
	var quiet []target
	last := map[target]time.Time{}
	usual := time.Duration(0) // the shortest, as arrivals has it
	for where, all := range by {
		for _, s := range all {
			last[where] = later(last[where], s.last())
			if p := pace(s.samples); p > 0 && (usual == 0 || p < usual) {
				usual = p
			}
		}
		newest = later(newest, last[where])
	}
	to := j.now.Add(-j.Lag)
	q := CountQuery{To: to, Every: j.Plan.Every.D()}
	for where, at := range last {
		if !fresh(at, usual, q) {
			quiet = append(quiet, where)
		}
	}
	j.is.Age = seconds(j.now.Sub(newest))
	if usual > 0 {
		j.is.Pace = seconds(usual)
	}
	if usual > j.interval*3/2 {
		j.found("timeliness", false, "tell the worker with --scrape-interval: it is how far back gates look",
			"has a sample every %s, and gates are told %s", rampart.Duration(usual.Round(time.Second)), rampart.Duration(j.interval))
	}
	if newest.After(j.now.Add(maxAhead)) {
		j.found("clock", true, "let scraped samples have the time of Prometheus: honor_timestamps: false", "has samples of the future")
	}
	slices.SortFunc(quiet, target.compare)
	for _, where := range quiet[:min(len(quiet), maxNamed)] {
		j.at(where, "timeliness", len(quiet) == len(by), "find out whether it is down: up in Prometheus; an instance that was replaced is no mistake",
			"has no sample for %s", span(to.Sub(last[where]).Milliseconds()))
	}
	j.more("timeliness", len(quiet))
}

func (j *judging) more(about string, n int) {
	if n > maxNamed {
		j.found(about, false, "see up in Prometheus", "the same of %d more instances", n-maxNamed)
	}
}

// completeness holds the scrapes that have the metric against those that there were,
// from the first one on of each instance.
func (j *judging) completeness(by map[target][]series) {
	scraped := map[target]series{}
	for _, up := range j.ups {
		scraped[up.target()] = up
	}
	var had, should int
	var few []target
	shares := map[target]float64{}
	for where, all := range by {
		has, first, last := presence(all)
		n := 0
		for _, up := range scraped[where].samples {
			if up.at >= first-1 {
				n++
			}
		}
		if n == 0 && j.is.Pace != nil && *j.is.Pace > 0 { // fed by other means than scraping
			n = int(float64(last-first)/1000/(*j.is.Pace)+0.5) + 1
		}
		had, should = had+min(has, n), should+n
		if shares[where] = float64(has) / float64(max(n, 1)); n > 1 && shares[where] < enoughScrapes {
			few = append(few, where)
		}
	}
	if should > 0 {
		share := float64(had) / float64(should)
		j.is.Complete = &share
	}
	slices.SortFunc(few, target.compare)
	for _, where := range few[:min(len(few), maxNamed)] {
		j.at(where, "completeness", false, "see scrape_duration_seconds and up in Prometheus; lost scrapes make gates slower, and many in a row no data",
			"has the metric in %.0f %% of its scrapes", 100*shares[where])
	}
	j.more("completeness", len(few))
	j.strangers(by)
}

// strangers are instances of the same jobs that are up and count nothing of the flag.
func (j *judging) strangers(by map[target][]series) {
	var silent []string
	for _, up := range j.ups {
		if _, counts := by[up.target()]; !counts && up.samples[len(up.samples)-1].value == 1 && j.fresh(up) {
			silent = append(silent, up.target().String())
		}
	}
	if len(silent) == 0 {
		return
	}
	slices.Sort(silent)
	named := strings.Join(silent[:min(len(silent), maxNamed)], ", ")
	j.found("completeness", false, "it may have a build without the client, or never decide the flag",
		"is not counted by %d of %d instances of the same jobs that are up: %s", len(silent), len(silent)+len(by), named)
}

func (j *judging) fresh(s series) bool {
	return fresh(s.last(), pace(s.samples), CountQuery{To: j.now.Add(-j.Lag), Every: j.interval})
}

// presence returns in how many scrapes an instance had a metric, and the first and last.
func presence(all []series) (n int, first, last int64) {
	at := map[int64]bool{}
	for _, s := range all {
		for _, x := range s.samples {
			at[x.at] = true
		}
	}
	times := slices.Sorted(maps.Keys(at))
	return len(times), times[0], times[len(times)-1]
}
