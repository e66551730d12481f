package gates

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rampart-dev/rampart"
)

// Telemetry is what is there of all that the launch of a flag is, or would be, judged
// by. It is read apart from any look, and decides nothing.
type Telemetry struct {
	Flag     string            `json:"flag"`
	At       int64             `json:"at"` // ms since 1970
	Window   rampart.Duration  `json:"window"`
	Series   int               `json:"series"`         // that the launch needs
	MaxOf    int               `json:"maxSeries"`      // that one answer may have
	Ahead    *float64          `json:"ahead,omitzero"` // seconds that Prometheus' clock is ahead of this machine's
	Metrics  []MetricTelemetry `json:"metrics"`
	Queries  []QueryTelemetry  `json:"queries,omitempty"`
	Findings []Finding         `json:"findings"`
}

// MetricTelemetry is what is there of one metric of the flag.
type MetricTelemetry struct {
	Metric     string   `json:"metric"`
	For        []string `json:"for"` // gates and goals that are judged by it
	Series     int      `json:"series"`
	Instances  int      `json:"instances"`           // that count it
	Complete   *float64 `json:"complete,omitzero"`   // share of their scrapes that have it, 0 to 1
	Age        *float64 `json:"age,omitzero"`        // of the newest sample, seconds
	Pace       *float64 `json:"pace,omitzero"`       // between samples, seconds
	Arms       []string `json:"arms,omitempty"`      // that are counted
	OnBuckets  int      `json:"onBuckets,omitzero"`  // telemetry buckets that are not empty
	OffBuckets int      `json:"offBuckets,omitzero"` //
	Resets     int      `json:"resets"`              // restarts of counters, of all instances
}

// QueryTelemetry is what a gate's own query returns.
type QueryTelemetry struct {
	Gate  string   `json:"gate"`
	Query string   `json:"query"`
	Value *float64 `json:"value,omitzero"`
}

// A Finding is one thing that is wrong with telemetry.
type Finding struct {
	About    string `json:"about"`             // completeness, timeliness, labels, resets, arms, buckets, units, clock, series, value
	Metric   string `json:"metric,omitempty"`  // or the gate, of a query
	Instance string `json:"instance,omitzero"` // where it is one
	Text     string `json:"text"`
	Hint     string `json:"hint"`
	Problem  bool   `json:"problem"` // gates have no data for it, or cannot believe what they have; else it is a warning
}

// TelemetryQuery says whose telemetry is to be checked.
type TelemetryQuery struct {
	Plan   rampart.Plan
	Open   bool          // the launch is under way, so that its series must be there
	Window time.Duration // how far back, five minutes by default
	Lag    time.Duration // how old a sample must be before gates judge it; 0: DefaultScrapeLag
}

const (
	// DefaultTelemetryWindow is twenty scrapes of the usual interval, which is also how
	// far back gates find the last value of a counter.
	DefaultTelemetryWindow = 5 * time.Minute
	// MaxTelemetryWindow bounds the samples that are read.
	MaxTelemetryWindow = time.Hour
)

// Telemetry reads what there is of all that a plan's launch is judged by, and says what
// is wrong with it. The error means that Prometheus did not answer.
func (p *Prometheus) Telemetry(ctx context.Context, q TelemetryQuery) (Telemetry, error) {
	q.Window, q.Lag = or(q.Window, DefaultTelemetryWindow), or(q.Lag, DefaultScrapeLag)
	if q.Window < 0 || q.Window > MaxTelemetryWindow {
		return Telemetry{}, rampart.Errorf(rampart.Invalid, "telemetry of %s cannot be checked over %s", q.Plan.Flag, rampart.Duration(q.Window)).
			WithHint("look back %s at most", rampart.Duration(MaxTelemetryWindow))
	}
	q.Plan = q.Plan.WithDefaults()
	r := reading{TelemetryQuery: q, interval: p.interval, maxSeries: p.maxSeries}
	if err := p.readClock(ctx, &r); err != nil {
		return Telemetry{}, err
	}
	for _, need := range needsOf(q.Plan) {
		m, err := p.readMetric(ctx, r, need)
		if err != nil {
			return Telemetry{}, err
		}
		r.metrics = append(r.metrics, m)
	}
	for _, g := range queriesOf(q.Plan) {
		v, err := p.Value(ctx, g.query, r.now)
		var none *NoData
		switch {
		case errors.As(err, &none):
			g.none = none.Reason
		case err != nil && rampart.KindOf(err) == rampart.Invalid:
			g.none = err.Error()
		case err != nil:
			return Telemetry{}, err
		}
		g.value = v
		r.queries = append(r.queries, g)
	}
	return r.judge(), nil
}

// A need is a metric that a plan needs, and what for.
type need struct {
	metric    string
	selectors []selector
	uses      []string
	compared  bool // between two arms
	buckets   bool // by telemetry bucket, or there is no verdict
}

// needsOf returns the metrics of all gates and goals of a plan, in the order of their
// names.
func needsOf(plan rampart.Plan) []need {
	all := map[string]*need{}
	add := func(use, text string, compared, buckets bool) {
		sel, err := parseSelector(text)
		if err != nil {
			return // the plan is not valid, which its own check tells
		}
		n := all[sel.metric]
		if n == nil {
			n = &need{metric: sel.metric}
			all[sel.metric] = n
		}
		n.compared, n.buckets = n.compared || compared, n.buckets || buckets
		if !slices.Contains(n.uses, use) {
			n.uses = append(n.uses, use)
		}
		if !slices.ContainsFunc(n.selectors, func(s selector) bool { return s.String() == sel.String() }) {
			n.selectors = append(n.selectors, sel)
		}
	}
	gates := slices.Clone(plan.Gates)
	for _, s := range plan.Stages {
		gates = append(gates, s.Gates...)
	}
	for _, g := range plan.Goals {
		gates = append(gates, rampart.Gate{Name: g.Name, Ratio: g.Ratio, Mean: g.Mean})
	}
	for _, g := range gates {
		for _, sel := range selectorsOf(g) {
			add(g.Name, sel, g.Compares(), g.Mean != nil)
		}
	}
	if plan.Unit != rampart.Request {
		add("sample ratio", exposedUnits, false, false)
	}
	needs := make([]need, 0, len(all))
	for _, metric := range slices.Sorted(maps.Keys(all)) {
		needs = append(needs, *all[metric])
	}
	return needs
}

// A queried is a gate that is judged by a query of its own.
type queried struct {
	gate, query string
	value       float64
	none        string // why it has no value
}

func queriesOf(plan rampart.Plan) []queried {
	var all []queried
	gates := slices.Clone(plan.Gates)
	for _, s := range plan.Stages {
		gates = append(gates, s.Gates...)
	}
	for _, g := range gates {
		q := queried{gate: g.Name}
		switch {
		case g.Threshold != nil:
			q.query = g.Threshold.Query
		case g.Trend != nil:
			q.query = g.Trend.Query
		case g.Baseline != nil:
			q.query = g.Baseline.Query
		}
		if q.query != "" && !slices.Contains(all, q) {
			all = append(all, q)
		}
	}
	return all
}

// readClock asks Prometheus for its time, and holds it against that of this machine: of
// the two instants between which the answer was made, the one that is nearer.
func (p *Prometheus) readClock(ctx context.Context, r *reading) error {
	before := time.Now()
	v, err := p.query(ctx, "time()", time.Time{})
	if err != nil {
		return err
	}
	after := time.Now()
	r.now = after
	scalar, ok := v.(*model.Scalar)
	if !ok {
		return nil
	}
	there := time.UnixMilli(int64(float64(scalar.Value) * 1000))
	var ahead time.Duration
	switch {
	case there.After(after):
		ahead = there.Sub(after)
	case there.Before(before.Add(-time.Millisecond)): // its clock is read in whole milliseconds
		ahead = there.Sub(before)
	}
	r.ahead, r.now = &ahead, there // samples carry the time of Prometheus
	return nil
}

// readMetric reads the samples of a metric of the flag, and how often those that count
// it were scraped.
func (p *Prometheus) readMetric(ctx context.Context, r reading, n need) (metricReading, error) {
	m := metricReading{need: n}
	sel := selector{metric: n.metric}.with("flag", "=", r.Plan.Flag)
	v, err := p.query(ctx, fmt.Sprintf("%s[%dms]", sel, r.Window.Milliseconds()), r.now)
	switch {
	case errors.Is(err, errTooLarge):
		m.tooMany = true
		return m, nil
	case err != nil:
		return m, err
	}
	m.series = seriesIn(v)
	if m.tooMany = len(m.series) > p.maxSeries; m.tooMany || len(m.series) == 0 {
		m.elsewhere, err = p.counted(ctx, selector{metric: n.metric}.with("flag", "!=", ""), r.now)
		if err == nil && !m.elsewhere {
			m.unlabelled, err = p.counted(ctx, selector{metric: n.metric}, r.now)
		}
		return m, err
	}
	var jobs []string
	for _, s := range m.series {
		if job := s.label("job"); job != "" {
			jobs = append(jobs, job)
		}
	}
	if len(jobs) == 0 {
		return m, nil
	}
	up := selector{metric: "up"}.with("job", "=~", anyOf(unique(jobs)))
	if v, err = p.query(ctx, fmt.Sprintf("%s[%dms]", up, r.Window.Milliseconds()), r.now); errors.Is(err, errTooLarge) {
		return m, nil // a fleet of that size is told by its series
	} else if err != nil {
		return m, err
	}
	m.ups = seriesIn(v)
	return m, nil
}

func seriesIn(v model.Value) []series {
	matrix, _ := v.(model.Matrix)
	var all []series
	for _, stream := range matrix {
		if len(stream.Values) > 0 {
			all = append(all, seriesOf(stream))
		}
	}
	return all
}
