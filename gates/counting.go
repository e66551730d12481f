package gates

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/model"
)

// lookbackScrapes is how many scrapes before a tick are read besides it: enough to
// find the last value of a counter over some lost scrapes and over ticks that no
// worker looked at.
const lookbackScrapes = 20

// Count implements [Source]. Each metric is asked for once, for all selectors of it
// and together with other flags whose launches look at the same tick.
func (p *Prometheus) Count(ctx context.Context, q CountQuery) []Counted {
	answers := make([]Counted, len(q.Counters))
	selectors := make([]selector, len(q.Counters))
	metrics := map[string]selector{} // what is asked for: the least that has all selectors of a metric
	for i, c := range q.Counters {
		selectors[i], answers[i].Err = parseSelector(c.Selector)
		if answers[i].Err != nil {
			continue
		}
		metric := selectors[i].metric
		if wide, ok := metrics[metric]; ok {
			metrics[metric] = wide.shared(selectors[i])
		} else {
			metrics[metric] = selectors[i]
		}
	}
	found := p.fetch(ctx, q, metrics)
	known := merged(found)
	for i, c := range q.Counters {
		if answers[i].Err != nil {
			continue
		}
		f, from := found[selectors[i].metric], p.from(c.From, q)
		p.acquaint(ctx, known, f.strangers(selectors[i], from, known), from, q)
		answers[i] = f.count(selectors[i], c.By, f.bases(from, q.NotBefore), from, q.To, known)
		if answers[i].Err == nil {
			answers[i].Err = p.idle(ctx, q, answers[i])
		}
		if answers[i].Err == nil && !answers[i].well(q) {
			answers[i].Ails = p.diagnose(ctx, q, selectors[i], f)
		}
	}
	return answers
}

// targets are where series were scraped, and the first time that they are known to
// have been, in ms.
type targets map[target]int64

// A target is where a series was scraped.
type target struct{ job, instance string }

// scraped notes that a target was scraped at a time.
func (t targets) scraped(where target, at int64) {
	if first, ok := t[where]; !ok || at < first {
		t[where] = at
	}
}

// before reports whether a target is known to have been scraped by then.
func (t targets) before(where target, by time.Time) bool {
	first, ok := t[where]
	return ok && first <= by.UnixMilli()
}

// merged returns the targets of all metrics together.
func merged(all map[string]found) targets {
	known := targets{}
	for _, f := range all {
		for where, at := range f.targets {
			known.scraped(where, at)
		}
	}
	return known
}

// acquaint asks whether strangers were scraped before an instant: once for all flags
// of a service that was just deployed. Where that cannot be known, they stay strangers.
func (p *Prometheus) acquaint(ctx context.Context, known targets, strangers []target, at time.Time, q CountQuery) {
	if len(strangers) == 0 {
		return
	}
	var jobs, instances []string
	for _, s := range strangers {
		jobs, instances = append(jobs, s.job), append(instances, s.instance)
	}
	up := selector{metric: "up"}.with("job", "=~", anyOf(unique(jobs))).with("instance", "=~", anyOf(unique(instances)))
	query := fmt.Sprintf("max_over_time(%s[%dms])", up, p.window(q.Every).Milliseconds())
	scraped, err := p.ups.get(ctx, valueKey{query, at.UnixMilli()}, func(ctx context.Context) (targets, error) {
		v, err := p.query(ctx, query, at)
		found, _ := v.(model.Vector)
		t := targets{}
		for _, s := range found {
			if s.Value == 1 {
				t.scraped(target{string(s.Metric["job"]), string(s.Metric["instance"])}, at.UnixMilli())
			}
		}
		return t, err
	})
	if err != nil {
		return
	}
	for where, first := range scraped {
		known.scraped(where, first)
	}
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// idle returns an error where nothing was counted because Prometheus, which answers,
// has stopped scraping: just started, say, it looks for its targets first. Counters
// that stand still for that reason have not stopped.
func (p *Prometheus) idle(ctx context.Context, q CountQuery, c Counted) error {
	var last time.Time
	pace := p.interval
	for _, arm := range c.Arms {
		if arm.Last.After(last) {
			last, pace = arm.Last, or(arm.Pace, pace)
		}
	}
	allowed := max(q.Every, 5*pace/2)
	if last.IsZero() || q.To.Sub(last) <= allowed {
		return nil
	}
	return p.scraping(ctx, q.To, allowed)
}

// scraping returns an error where Prometheus has scraped nothing for longer than is
// allowed, or where that cannot be asked.
func (p *Prometheus) scraping(ctx context.Context, to time.Time, allowed time.Duration) error {
	at, err := p.values.get(ctx, valueKey{lastScrape, to.UnixMilli()}, func(ctx context.Context) (float64, error) {
		return p.value(ctx, lastScrape, to)
	})
	var none *NoData
	switch {
	case errors.As(err, &none): // fed by other means than scraping
		return nil
	case err != nil:
		return err
	}
	scraped := time.UnixMilli(int64(at * 1000))
	if to.Sub(scraped) > allowed {
		return &NoData{fmt.Sprintf("prometheus has scraped nothing for %s", span(to.Sub(scraped).Milliseconds()))}
	}
	return nil
}

const lastScrape = "max(timestamp(up))"

// fetch asks for all metrics at once.
func (p *Prometheus) fetch(ctx context.Context, q CountQuery, metrics map[string]selector) map[string]found {
	var all sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]found{}
	for metric, wide := range metrics {
		all.Go(func() {
			f := p.crowds.get(ctx, scope{selector: wide.String(), window: p.window(q.Every)}, q, func(ctx context.Context, flags []string) (*harvest, error) {
				return p.reap(ctx, wide, flags, q.To, p.window(q.Every))
			})
			mu.Lock()
			defer mu.Unlock()
			answers[metric] = f
		})
	}
	all.Wait()
	return answers
}

// window is how far back samples are read. It is the same for launches that are
// looked at seldom and often, so that they share queries.
func (p *Prometheus) window(every time.Duration) time.Duration {
	return Slowest(every) + lookbackScrapes*p.interval
}

// from returns the earliest instant, not before the wanted one, from which counters
// can be counted: half of the lookback is kept to find the value that they had then.
func (p *Prometheus) from(wanted time.Time, q CountQuery) time.Time {
	earliest := q.To.Add(-Slowest(q.Every) - lookbackScrapes/2*p.interval)
	if wanted.Before(earliest) {
		return earliest
	}
	return wanted
}

// A harvest is the raw samples of one selector for many flags.
type harvest struct {
	flags   map[string][]series
	targets targets
	series  int
	samples int
}

// found is the part of a harvest that one flag asked for, or why there is none.
type found struct {
	series  []series
	targets targets // of all flags
	err     error
}

// A series is the samples of one raw counter.
type series struct {
	labels  model.Metric
	samples []sample
}

func (s series) label(name string) string { return string(s.labels[model.LabelName(name)]) }

func (s series) target() target { return target{s.label("job"), s.label("instance")} }

// errTooMany is the error of an answer with too many series.
var errTooMany = errors.New("the answer has too many series")

// reap asks for the samples of some flags.
func (p *Prometheus) reap(ctx context.Context, wide selector, flags []string, to time.Time, window time.Duration) (*harvest, error) {
	expression := fmt.Sprintf("%s[%dms]", wide.with("flag", "=~", anyOf(flags)), window.Milliseconds())
	v, err := p.query(ctx, expression, to)
	if err != nil {
		return nil, err
	}
	matrix, ok := v.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("prometheus at %s returns a %s where samples are wanted", p.host, v.Type())
	}
	if len(matrix) > p.maxSeries {
		return nil, errTooMany
	}
	h := &harvest{flags: map[string][]series{}, targets: targets{}, series: len(matrix)}
	for _, stream := range matrix {
		h.add(stream)
	}
	return h, nil
}

func (h *harvest) add(stream *model.SampleStream) {
	if len(stream.Values) == 0 {
		return
	}
	s := seriesOf(stream)
	h.samples += len(s.samples)
	flag := s.label("flag")
	h.flags[flag] = append(h.flags[flag], s)
	h.targets.scraped(s.target(), s.samples[0].at)
}

func seriesOf(stream *model.SampleStream) series {
	s := series{labels: stream.Metric, samples: make([]sample, len(stream.Values))}
	for i, v := range stream.Values {
		s.samples[i] = sample{at: int64(v.Timestamp), value: float64(v.Value)}
	}
	return s
}

// strangers returns the targets of series that began after from, and of which it is
// not known whether they were scraped before.
func (f found) strangers(sel selector, from time.Time, known targets) []target {
	var all []target
	for _, s := range f.series {
		if s.samples[0].at > from.UnixMilli() && !known.before(s.target(), from) && sel.matches(s.label) {
			all = append(all, s.target())
		}
	}
	return all
}

// bases returns the instants from which targets are counted whose last sample until
// from is from before a launch took over: their first sample after it.
func (f found) bases(from, notBefore time.Time) targets {
	late := targets{}
	if !notBefore.After(from.Add(-maxSampleAge)) {
		return late
	}
	last, next := targets{}, targets{}
	for _, s := range f.series {
		for _, x := range s.samples {
			if x.at <= from.UnixMilli() {
				last[s.target()] = max(last[s.target()], x.at)
			} else {
				next.scraped(s.target(), x.at)
				break
			}
		}
	}
	for where, at := range next {
		if last[where] < notBefore.UnixMilli() {
			late[where] = at
		}
	}
	return late
}

// maxSampleAge is longer than any scrape interval: of counts that begin later than
// that after a launch took over, no sample is from before it.
const maxSampleAge = 10 * time.Minute

// count tells by how much the series of a selector grew in (from, to], and those of a
// target that has a later base from there on; together, and by the labels of cohorts.
func (f found) count(sel selector, by []string, bases targets, from, to time.Time, known targets) Counted {
	if f.err != nil {
		return Counted{Err: f.err}
	}
	c := Counted{Arms: map[string]ArmCount{}}
	for _, s := range f.series {
		if !sel.matches(s.label) {
			continue
		}
		since := max(from.UnixMilli(), bases[s.target()])
		sum, ok := grown(s.samples, since, to.UnixMilli(), known.before(s.target(), from))
		c.restarted = c.restarted || len(resets(s.samples)) > 0
		if !ok {
			return Counted{Err: &NoData{fmt.Sprintf("%s has values that no counter has", sel.metric)}}
		}
		last := time.UnixMilli(s.samples[len(s.samples)-1].at)
		add := func(a *ArmCount) { a.add(sum, s.label("bucket"), s.label("le"), last, pace(s.samples)) }
		arm := c.Arms[s.label("arm")]
		add(&arm)
		c.Arms[s.label("arm")] = arm
		c.cohorts(by, s.label, add)
	}
	return c
}
