package gates

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// well reports whether there is nothing to say about the data of a counter. Almost
// always there is not, and then nothing is spent on it.
func (c Counted) well(q CountQuery) bool {
	on, off := c.Arms["on"], c.Arms["off"]
	return !c.restarted && fresh(on.Last, on.Pace, q) && fresh(off.Last, off.Pace, q)
}

// fresh tells samples that a look takes for the present from those that are too old, as
// arrivals does.
func fresh(last time.Time, pace time.Duration, q CountQuery) bool {
	return !last.IsZero() && q.To.Sub(last) <= max(q.Every, pace*5/2)
}

// diagnose says in a few words what is wrong with the data of one counter of a flag, or
// nothing. It names who is to blame, so that whoever reads that data are missing knows
// where to look.
func (p *Prometheus) diagnose(ctx context.Context, q CountQuery, sel selector, f found) string {
	if f.err != nil {
		return "" // there was no answer, which is told as it is
	}
	if len(f.series) == 0 {
		return p.unknown(ctx, q, sel)
	}
	s := symptomsOf(f.series, sel, q)
	switch {
	case s.unmatched != "":
		return s.unmatched
	case len(s.stopped) > 0:
		return joined(p.stopped(ctx, q, s), s.restarts())
	case s.unarmed:
		return fmt.Sprintf("series of %s have no label arm", sel.metric)
	case s.absent != "":
		return joined(s.absent, s.restarts())
	}
	return s.restarts()
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

// unknown says why a flag has no series of a metric at all. What is asked for is asked
// once for all flags that look at the same tick.
func (p *Prometheus) unknown(ctx context.Context, q CountQuery, sel selector) string {
	any := selector{metric: sel.metric}
	switch there, err := p.counted(ctx, any, q.To); {
	case err != nil:
		return ""
	case !there:
		return fmt.Sprintf("nobody exports %s", sel.metric)
	}
	switch labelled, err := p.counted(ctx, any.with("flag", "!=", ""), q.To); {
	case err != nil:
		return ""
	case !labelled:
		return fmt.Sprintf("%s has no label flag", sel.metric)
	}
	return fmt.Sprintf("others have %s, but this flag has no series of %s", sel.metric, sel)
}

// counted reports whether a selector has series at an instant.
func (p *Prometheus) counted(ctx context.Context, sel selector, at time.Time) (bool, error) {
	_, err := p.Value(ctx, fmt.Sprintf("count(%s)", sel), at)
	var none *NoData
	if errors.As(err, &none) {
		return false, nil
	}
	return err == nil, err
}

// symptoms are what the series of a counter show by themselves.
type symptoms struct {
	unmatched string               // no series is one that is asked for
	unarmed   bool                 // there is no label arm
	absent    string               // the arm that nobody counts
	stopped   map[target]time.Time // the last samples of arms that have no fresh one
	pace      time.Duration        // between samples
	resets    map[target]int
}

// symptomsOf reads them off the series of a flag. Only the arms that are compared
// matter: units in no arm may come and go.
func symptomsOf(all []series, sel selector, q CountQuery) symptoms {
	s := symptoms{unmatched: unmatched(all, sel), stopped: map[target]time.Time{}, resets: map[target]int{}}
	arms := map[string][]series{}
	instances := map[target]bool{}
	for _, one := range all {
		if !sel.matches(one.label) {
			continue
		}
		arms[one.label("arm")] = append(arms[one.label("arm")], one)
		instances[one.target()] = true
		s.pace = max(s.pace, pace(one.samples))
		s.resets[one.target()] = max(s.resets[one.target()], len(resets(one.samples)))
	}
	compared := []string{"on", "off"}
	if s.unarmed = len(arms) == 1 && len(arms[""]) > 0; s.unarmed {
		compared = []string{""}
	}
	for _, arm := range compared {
		if len(arms[arm]) == 0 && len(arms) > 0 {
			s.absent = joined(s.absent, fmt.Sprintf("no instance of %d counts the %s arm", len(instances), arm))
			continue
		}
		last := map[target]time.Time{}
		for _, one := range arms[arm] {
			last[one.target()] = later(last[one.target()], one.last())
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(last)), func(at time.Time) bool { return fresh(at, s.pace, q) }) {
			maps.Copy(s.stopped, last)
		}
	}
	return s
}

// unmatched says that no series of a flag is one that a selector asks for.
func unmatched(all []series, sel selector) string {
	if slices.ContainsFunc(all, func(s series) bool { return sel.matches(s.label) }) {
		return ""
	}
	return fmt.Sprintf("%s is there, but never as %s", sel.metric, sel)
}

// restarts names the target whose counters began again most often.
func (s symptoms) restarts() string {
	var worst target
	for where, n := range s.resets {
		if n > s.resets[worst] || n == s.resets[worst] && where.compare(worst) < 0 {
			worst = where
		}
	}
	switch n := s.resets[worst]; n {
	case 0:
		return ""
	case 1:
		return worst.String() + " has restarted"
	default:
		return fmt.Sprintf("%s has restarted %d times", worst, n)
	}
}

// resets returns when a counter fell, which is when it has counted from zero since.
func resets(samples []sample) []int64 {
	var at []int64
	for i := 1; i < len(samples); i++ {
		if samples[i].value < samples[i-1].value {
			at = append(at, samples[i].at)
		}
	}
	return at
}

func (s series) last() time.Time { return time.UnixMilli(s.samples[len(s.samples)-1].at) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// String names a target as people know it: by where it is.
func (t target) String() string {
	const most = 60
	name := cmp.Or(t.instance, t.job, "an instance without a name")
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "..."
	}
	return name
}

func (t target) compare(o target) int {
	return cmp.Or(strings.Compare(t.job, o.job), strings.Compare(t.instance, o.instance))
}

// maxAsked is of how many targets a diagnosis asks how they are.
const maxAsked = 50

// stopped says how those are that counted, and stopped: whether they are down, gone or
// only late. Of several it names one, of the way that most of them are in.
func (p *Prometheus) stopped(ctx context.Context, q CountQuery, s symptoms) string {
	asked := slices.SortedFunc(maps.Keys(s.stopped), target.compare)
	asked = asked[:min(len(asked), maxAsked)]
	scrapes, err := p.scrapes.get(ctx, valueKey{scrapesQuery(asked), q.To.UnixMilli()}, func(ctx context.Context) (map[target]scrape, error) {
		return p.lastScrapes(ctx, scrapesQuery(asked), q.To)
	})
	if err != nil {
		return ""
	}
	is := map[string][]target{}
	for _, where := range asked {
		is[s.condition(q, scrapes, where)] = append(is[s.condition(q, scrapes, where)], where)
	}
	var worst string
	for condition, targets := range is {
		if n := len(is[worst]); len(targets) > n || len(targets) == n && condition < worst {
			worst = condition
		}
	}
	first := fmt.Sprintf("%s %s", is[worst][0], worst)
	if more := len(s.stopped) - 1; more > 0 {
		first += fmt.Sprintf(", as one of %d that stopped", more+1)
	}
	return first
}

// condition says how a target is.
func (s symptoms) condition(q CountQuery, scrapes map[target]scrape, where target) string {
	last, known := scrapes[where]
	switch {
	case !known:
		return "is scraped no more"
	case !last.up:
		return "is down"
	case !fresh(last.at, s.pace, q):
		return "was last scraped " + span(q.To.Sub(last.at).Milliseconds()) + " ago"
	}
	return "is up, but counts it no more"
}

// A scrape is what came of the last scrape of a target.
type scrape struct {
	at time.Time
	up bool
}

// scrapesQuery asks for the time of the last scrape of targets, which is negative
// where the target was down.
func scrapesQuery(targets []target) string {
	var jobs, instances []string
	for _, t := range targets {
		jobs, instances = append(jobs, t.job), append(instances, t.instance)
	}
	up := selector{metric: "up"}.with("job", "=~", anyOf(unique(jobs))).with("instance", "=~", anyOf(unique(instances)))
	return fmt.Sprintf("timestamp(%s) * (2 * %s - 1)", up, up)
}

func (p *Prometheus) lastScrapes(ctx context.Context, query string, at time.Time) (map[target]scrape, error) {
	v, err := p.query(ctx, query, at)
	if err != nil {
		return nil, err
	}
	found, _ := v.(model.Vector)
	all := map[target]scrape{}
	for _, s := range found {
		seconds := float64(s.Value)
		where := target{string(s.Metric["job"]), string(s.Metric["instance"])}
		all[where] = scrape{time.UnixMilli(int64(max(seconds, -seconds) * 1000)), seconds > 0}
	}
	return all, nil
}
