package gates

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rampart-dev/rampart"
)

// checkedBack is how far back a check looks for series: a quiet night is no mistake.
const checkedBack = 24 * time.Hour

// Check asks Prometheus about what the gates and goals of a plan name: whether metrics are
// there and tell the arms apart, whether histograms have edges where requests are, and
// whether queries have one value. The error means that Prometheus did not answer.
//
// A metric that is not there is a warning only: Rampart's own appear with the first
// launch that services know of.
func (p *Prometheus) Check(ctx context.Context, plan rampart.Plan) (rampart.Mistakes, error) {
	c := checker{p: p, now: time.Now()}
	for i, g := range plan.Gates {
		c.gate(ctx, fmt.Sprintf("gates[%d]", i), g)
	}
	for i, s := range plan.Stages {
		for j, g := range s.Gates {
			c.gate(ctx, fmt.Sprintf("stages[%d].gates[%d]", i, j), g)
		}
	}
	for i, g := range plan.Goals {
		c.gate(ctx, fmt.Sprintf("goals[%d]", i), rampart.Gate{Ratio: g.Ratio, Mean: g.Mean})
	}
	return c.found, c.err
}

// A checker collects mistakes until Prometheus does not answer.
type checker struct {
	p     *Prometheus
	now   time.Time
	found rampart.Mistakes
	err   error
}

func (c *checker) gate(ctx context.Context, path string, g rampart.Gate) {
	c.cohorts(ctx, path+".by", g)
	switch {
	case g.Ratio != nil:
		c.counter(ctx, path+".ratio.events", g.Ratio.Events, true)
		c.counter(ctx, path+".ratio.of", g.Ratio.Of, true)
	case g.Count != nil:
		c.counter(ctx, path+".count.events", g.Count.Events, true)
	case g.Mean != nil:
		c.counter(ctx, path+".mean.value", g.Mean.Value, true)
		c.counter(ctx, path+".mean.of", g.Mean.Of, true)
		c.buckets(ctx, path+".mean.of", g.Mean.Of)
	case g.Latency != nil:
		c.counter(ctx, path+".latency.histogram", bucketsOf(g.Latency.Histogram), true)
		c.edges(ctx, path+".latency.histogram", bucketsOf(g.Latency.Histogram))
	case g.Objective != nil:
		c.counter(ctx, path+".objective.events", g.Objective.Events, false)
		c.counter(ctx, path+".objective.of", g.Objective.Of, false)
	case g.Threshold != nil:
		c.threshold(ctx, path+".threshold", *g.Threshold)
	case g.Trend != nil:
		c.query(ctx, path+".trend.query", g.Trend.Query)
	case g.Baseline != nil:
		c.query(ctx, path+".baseline.query", g.Baseline.Query)
	}
}

// counter checks a selector: series of it are there, and know flag and arm.
func (c *checker) counter(ctx context.Context, path, text string, arms bool) {
	sel, err := parseSelector(text)
	if err != nil {
		c.mistake(path, false, rampart.HintOf(err), "%s", err)
		return
	}
	switch labelled := sel.with("flag", "!=", ""); {
	case !c.there(ctx, sel) && len(sel.matchers) > 0 && c.there(ctx, selector{metric: sel.metric}):
		c.mistake(path, true, "check the values of the labels; an outcome that never happened has no series yet",
			"%s is there, but without these labels within %s", sel.metric, rampart.Duration(checkedBack))
	case !c.there(ctx, sel):
		c.mistake(path, true, "deploy the services that export it, or mend the name; until it is there the launch holds",
			"no series of %s within %s", sel.metric, rampart.Duration(checkedBack))
	case !c.there(ctx, labelled):
		c.mistake(path, false, "count it with rampart's client, which adds flag and arm", "%s has no label flag", sel.metric)
	case arms && !c.there(ctx, labelled.with("arm", "!=", "")):
		c.mistake(path, false, "count it with rampart's client, which adds flag and arm", "%s has no label arm", sel.metric)
	}
}

// buckets checks that a counter is one of units by telemetry bucket: how much the mean
// of a value is off can be told from nothing else.
func (c *checker) buckets(ctx context.Context, path, text string) {
	sel, err := parseSelector(text)
	if err == nil && c.there(ctx, sel) && !c.there(ctx, sel.with("bucket", "!=", "")) {
		c.mistake(path, false, "count it with rampart's client, which adds bucket", "%s has no label bucket", sel.metric)
	}
}

// cohorts checks that what a gate counts knows the labels that it is divided by.
func (c *checker) cohorts(ctx context.Context, path string, g rampart.Gate) {
	for _, text := range selectorsOf(g) {
		sel, err := parseSelector(text)
		for _, label := range g.By {
			if err == nil && c.there(ctx, sel) && !c.there(ctx, sel.with(label, "!=", "")) {
				c.mistake(path, false, "add the label to the metric, or leave it out here", "%s has no label %s", sel.metric, label)
			}
		}
	}
}

// edges checks that a histogram has edges near the quantiles that a gate compares at.
// Which they are is known from what was counted of late, in both arms and in neither.
func (c *checker) edges(ctx context.Context, path, text string) {
	sel, err := parseSelector(text)
	if err != nil || c.err != nil {
		return // told by counter
	}
	var upTo byLabel
	upTo, c.err = c.p.by(ctx, "le", fmt.Sprintf("sum by (le) (increase(%s[%dms]))", sel, checkedBack.Milliseconds()), c.now)
	h := histogramOf(upTo)
	if wrong := h.mistaken(sel.metric); wrong != "" {
		c.mistake(path, true, h.hint(), "%s", wrong)
	}
}

// there reports whether a selector has had series of late. Once Prometheus does not
// answer, everything is there: no more mistakes are found.
func (c *checker) there(ctx context.Context, sel selector) bool {
	if c.err != nil {
		return true
	}
	_, err := c.p.Value(ctx, fmt.Sprintf("count(last_over_time(%s[%dms]))", sel, checkedBack.Milliseconds()), c.now)
	var none *NoData
	if err != nil && !errors.As(err, &none) {
		c.err = err
	}
	return none == nil
}

// threshold checks a query, and that its value is in bounds: a launch that started
// now would be in breach from its first look.
func (c *checker) threshold(ctx context.Context, path string, t rampart.Threshold) {
	value, ok := c.query(ctx, path+".query", t.Query)
	switch hint := "a launch that starts now is in breach as soon as its for is over"; {
	case !ok:
	case t.Max != nil && value > *t.Max:
		c.mistake(path+".max", true, hint, "%s is below the value of now, %s", number(*t.Max), number(value))
	case t.Min != nil && value < *t.Min:
		c.mistake(path+".min", true, hint, "%s is above the value of now, %s", number(*t.Min), number(value))
	}
}

// query checks that a query is one that Prometheus takes, and that it has one value,
// which it returns.
func (c *checker) query(ctx context.Context, path, text string) (value float64, ok bool) {
	if c.err != nil {
		return 0, false
	}
	value, err := c.p.Value(ctx, text, c.now)
	var none *NoData
	switch {
	case err == nil:
		return value, true
	case errors.As(err, &none):
		c.mistake(path, true, "aggregate to one value that is always there: without it the launch holds", "%s", none.Reason)
	case rampart.KindOf(err) == rampart.Invalid:
		c.mistake(path, false, "try it in Prometheus", "%s", err)
	default:
		c.err = err
	}
	return 0, false
}

func (c *checker) mistake(path string, warning bool, hint, format string, args ...any) {
	c.found = append(c.found, rampart.Mistake{Path: path, Msg: fmt.Sprintf(format, args...), Hint: hint, Warning: warning})
}
