package main

import (
	"context"
	"fmt"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// askTimeout bounds each question to Prometheus: a person waits.
const askTimeout = 5 * time.Second

// ask asks a Prometheus of all gates, and tells what would keep one from being
// judged, or turn a launch back at once.
func ask(ctx context.Context, plan rampart.Plan, address string) (rampart.Mistakes, error) {
	prometheus, err := gates.NewPrometheus(gates.PrometheusOptions{Address: address, Timeout: askTimeout})
	if err != nil {
		return nil, err
	}
	plan = plan.WithDefaults() // also the standard gates are asked
	found, err := prometheus.Check(ctx, plan)
	if err != nil {
		return nil, err
	}
	broken := func(path string, list []rampart.Gate) {
		for i, g := range list {
			if g.Threshold == nil {
				continue
			}
			value, err := prometheus.Value(ctx, g.Threshold.Query, time.Now())
			if err != nil {
				continue // told by Check
			}
			if why := outOfBounds(*g.Threshold, value); why != "" {
				found = append(found, rampart.Mistake{Path: fmt.Sprintf("%s[%d].threshold.query", path, i), Msg: why, Warning: true,
					Hint: "a launch that started now would be in breach from its first look on"})
			}
		}
	}
	broken("gates", plan.Gates)
	for i, s := range plan.Stages {
		broken(fmt.Sprintf("stages[%d].gates", i), s.Gates)
	}
	return found, nil
}

func outOfBounds(t rampart.Threshold, value float64) string {
	switch {
	case t.Max != nil && value > *t.Max:
		return fmt.Sprintf("is %.4g now, above its max of %.4g", value, *t.Max)
	case t.Min != nil && value < *t.Min:
		return fmt.Sprintf("is %.4g now, below its min of %.4g", value, *t.Min)
	}
	return ""
}
