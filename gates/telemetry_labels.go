package gates

import (
	"maps"
	"slices"
	"strings"
)

// labels finds instances whose series of the arms do not have what the client gives
// them: an older client, or a count of somebody's own.
func (j *judging) labels(by map[target][]series) {
	wanted := clientLabels[j.need.metric]
	if j.need.buckets && !slices.Contains(wanted, "bucket") {
		wanted = append(slices.Clone(wanted), "bucket")
	}
	for _, where := range slices.SortedFunc(maps.Keys(by), target.compare) {
		if !slices.ContainsFunc(by[where], func(s series) bool { return s.label("arm") != "" }) {
			j.at(where, "labels", true, "count it with rampart's client, which adds flag and arm", "has no label arm")
			continue
		}
		var missing []string
		for _, label := range wanted {
			// Work without a unit key has no bucket, and is in no arm.
			if !slices.ContainsFunc(by[where], func(s series) bool { return s.label(label) != "" }) {
				missing = append(missing, label)
			}
		}
		if len(missing) > 0 {
			problem := slices.Contains(missing, "le") || j.need.buckets && slices.Contains(missing, "bucket")
			j.at(where, "labels", problem, "bring it to the client of the others; what it counts cannot be told apart by that",
				"has no label %s", strings.Join(missing, ", "))
		}
	}
}

// arms finds an arm that nobody counts.
func (j *judging) arms() {
	seen := map[string]bool{}
	for _, s := range j.series {
		seen[s.label("arm")] = true
	}
	delete(seen, "")
	j.is.Arms = slices.Sorted(maps.Keys(seen))
	for _, arm := range []string{"on", "off"} {
		if !seen[arm] && len(seen) > 0 {
			j.found("arms", j.compared, "find out whether the flag is decided with a unit key, and whether anybody has been in that arm",
				"has no series of the %s arm", arm)
		}
	}
}

// buckets counts the telemetry buckets that are not empty. Few units leave some empty
// by chance.
func (j *judging) buckets() {
	for _, arm := range []struct {
		name string
		into *int
	}{{"on", &j.is.OnBuckets}, {"off", &j.is.OffBuckets}} {
		filled, units, labelled := map[string]bool{}, 0.0, false
		for _, s := range j.series {
			if s.label("arm") != arm.name || s.label("bucket") == "" {
				continue
			}
			labelled = true
			if n := s.samples[len(s.samples)-1].value; n > 0 {
				filled[s.label("bucket")] = true
				units += n
			}
		}
		*arm.into = len(filled)
		if labelled && len(filled) < telemetryBuckets && units >= enoughToFill {
			j.found("buckets", false, "find out whether few keys make most of the requests: a job, or a test of load",
				"has %d of %d telemetry buckets of the %s arm filled by %s", len(filled), telemetryBuckets, arm.name, count(units))
		}
	}
}

// selected finds selectors that none of the series is.
func (j *judging) selected() {
	for _, sel := range j.selectors {
		if why := unmatched(j.series, sel); why != "" {
			j.found("labels", false, "check the values of the labels; an outcome that never happened has no series yet", "is there, but never as %s", sel)
		}
	}
}

// resets counts how often the counters of each instance began again.
func (j *judging) resets(by map[target][]series) {
	for _, where := range slices.SortedFunc(maps.Keys(by), target.compare) {
		at := map[int64]bool{}
		for _, s := range by[where] {
			for _, t := range resets(s.samples) {
				at[t] = true
			}
		}
		j.is.Resets += len(at)
		if len(at) >= stormOfResets {
			j.at(where, "resets", true, "find out why it restarts; what it counts between a scrape and its end is lost",
				"restarted %d times within %s", len(at), j.out.Window)
		}
	}
}

// units holds the units that were first seen against the requests that were served: each
// unit comes with a request.
func (r reading) units(t *Telemetry) {
	var seen, served float64
	var both [2]bool
	for _, m := range r.metrics {
		switch m.need.metric {
		case exposedUnits:
			seen, both[0] = grownIn(m.series), len(m.series) > 0
		case "rampart_requests_total":
			served, both[1] = grownIn(m.series), len(m.series) > 0
		}
	}
	if !both[0] || !both[1] {
		return
	}
	f := Finding{About: "units", Metric: exposedUnits, Hint: "count both with rampart's client, in the same process"}
	switch {
	case seen > served:
		f.Text = "counts " + count(seen) + " new units within " + t.Window.String() + ", more than the " + count(served) + " requests"
	case served > 0 && lastIn(r, exposedUnits) == 0:
		f.Text = "counts no units, though there are " + count(served) + " requests within " + t.Window.String()
	default:
		return
	}
	t.find(f)
}

// grownIn returns by how much the counters of the arms grew.
func grownIn(all []series) float64 {
	var sum float64
	for _, s := range all {
		if arm := s.label("arm"); arm == "on" || arm == "off" {
			n, _ := grown(s.samples, s.samples[0].at, s.samples[len(s.samples)-1].at, false)
			sum += n
		}
	}
	return sum
}

func lastIn(r reading, metric string) float64 {
	var sum float64
	for _, m := range r.metrics {
		for _, s := range m.series {
			if m.need.metric == metric {
				sum += s.samples[len(s.samples)-1].value
			}
		}
	}
	return sum
}
