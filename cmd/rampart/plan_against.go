package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// askTimeout bounds each question to Prometheus.
const askTimeout = 5 * time.Second

// A question is what a gate, at its place in the plan, will ask of Prometheus.
type question struct {
	path  string
	query string
	gate  rampart.Gate
	rare  bool // a counter of events that need not have happened yet
}

// ask puts the questions of all gates to a Prometheus, and tells what would keep a
// gate from being judged, or turn a launch back at once.
func ask(ctx context.Context, plan rampart.Plan, address string) (rampart.Mistakes, error) {
	prometheus, err := gates.NewPrometheus(gates.PrometheusOptions{Address: address, Timeout: askTimeout})
	if err != nil {
		return nil, err
	}
	if err := prometheus.Ping(ctx); err != nil {
		return nil, err
	}
	all := questions(plan)
	said := make([]*rampart.Mistake, len(all))
	now := time.Now()
	var asked sync.WaitGroup
	for i, q := range all {
		asked.Go(func() {
			value, err := prometheus.Value(ctx, q.query, now)
			said[i] = q.judge(value, err)
		})
	}
	asked.Wait()
	var found rampart.Mistakes
	for _, m := range said {
		if m != nil {
			found = append(found, *m)
		}
	}
	return found, ctx.Err()
}

func questions(plan rampart.Plan) []question {
	var all []question
	add := func(path string, list []rampart.Gate) {
		for i, g := range list {
			all = append(all, questionsOf(fmt.Sprintf("%s[%d]", path, i), g)...)
		}
	}
	add("gates", plan.Gates)
	for i, s := range plan.Stages {
		add(fmt.Sprintf("stages[%d].gates", i), s.Gates)
	}
	return all
}

func questionsOf(at string, g rampart.Gate) []question {
	there := func(path, selector string, rare bool) question {
		return question{path: at + path, query: "count(" + selector + ")", gate: g, rare: rare}
	}
	switch {
	case g.Threshold != nil:
		return []question{{path: at + ".threshold.query", query: g.Threshold.Query, gate: g}}
	case g.Trend != nil:
		return []question{{path: at + ".trend.query", query: g.Trend.Query, gate: g}}
	case g.Baseline != nil:
		return []question{{path: at + ".baseline.query", query: g.Baseline.Query, gate: g}}
	case g.Ratio != nil:
		return []question{there(".ratio.events", g.Ratio.Events, true), there(".ratio.of", g.Ratio.Of, false)}
	case g.Count != nil:
		return []question{there(".count.events", g.Count.Events, true)}
	case g.Mean != nil:
		return []question{there(".mean.value", g.Mean.Value, true), there(".mean.of", g.Mean.Of, false)}
	case g.Objective != nil:
		return []question{there(".objective.events", g.Objective.Events, true), there(".objective.of", g.Objective.Of, false)}
	case g.Latency != nil:
		name, matchers, some := strings.Cut(g.Latency.Histogram, "{")
		if some {
			matchers = "{" + matchers
		}
		return []question{there(".latency.histogram", strings.TrimSpace(name)+"_bucket"+matchers, false)}
	}
	return nil
}

// judge says what is to be said of an answer; nil where all is well.
func (q question) judge(value float64, err error) *rampart.Mistake {
	var none *gates.NoData
	t := q.gate.Threshold
	switch {
	case errors.As(err, &none) && q.rare:
		return nil
	case errors.As(err, &none):
		return &rampart.Mistake{Path: q.path, Msg: none.Error(), Warning: true,
			Hint: "check the names and labels; without data the launch does not go on"}
	case err != nil:
		return &rampart.Mistake{Path: q.path, Msg: err.Error(), Hint: "try the query in Prometheus itself"}
	case t != nil && t.Max != nil && value > *t.Max:
		return &rampart.Mistake{Path: q.path, Msg: fmt.Sprintf("is %.4g now, above max %.4g", value, *t.Max), Warning: true,
			Hint: "a launch that starts now is in breach from its first look"}
	case t != nil && t.Min != nil && value < *t.Min:
		return &rampart.Mistake{Path: q.path, Msg: fmt.Sprintf("is %.4g now, below min %.4g", value, *t.Min), Warning: true,
			Hint: "a launch that starts now is in breach from its first look"}
	}
	return nil
}
