package gates

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rampart-dev/rampart"
)

// A scopeOfFlag is whose counters are read, and how far back.
type scopeOfFlag struct {
	flag string
	back time.Duration // 0: there are none
}

// begin finds whose counters to read.
func (r *rater) begin(ctx context.Context, text string) (selector, scopeOfFlag, Rate) {
	sel, err := parseSelector(text)
	if err != nil {
		return sel, scopeOfFlag{}, Rate{Missing: err.Error()}
	}
	known, ok := r.of[sel.String()]
	if !ok {
		known = r.whose(ctx, sel)
		r.of[sel.String()] = known
	}
	if known.back == 0 {
		what := sel.metric
		if r.like != "" {
			what += " of " + r.like
		}
		return sel, known, Rate{Missing: fmt.Sprintf("no series of %s goes back %s", what, rampart.Duration(backs[len(backs)-1]))}
	}
	from := rampart.Duration(known.back).String()
	if known.flag != "" {
		from = known.flag + ", " + from
	}
	return sel, known, Rate{From: from}
}

// backs are how far back rates are read, at best: whole weeks have every hour of it.
var backs = []time.Duration{week, 24 * time.Hour, 6 * time.Hour, time.Hour, 10 * time.Minute}

// whose finds the flag that rates are taken from, and how far back it was counted.
func (r *rater) whose(ctx context.Context, sel selector) scopeOfFlag {
	var best scopeOfFlag
	wanted := or(r.like, r.plan.Flag)
	for _, back := range backs {
		then := r.by(ctx, "flag", fmt.Sprintf("count by (flag) (%s offset %dms)", sel, back.Milliseconds()))
		if _, ok := then[wanted]; ok {
			return scopeOfFlag{wanted, back}
		}
		if len(then) > 0 && best.back == 0 && r.like == "" {
			best = scopeOfFlag{r.busiest(ctx, sel, back), back}
		}
	}
	return best
}

// busiest returns the flag that a metric counts most of.
func (r *rater) busiest(ctx context.Context, sel selector, back time.Duration) string {
	var flag string
	var most float64
	for f, n := range r.by(ctx, "flag", fmt.Sprintf("sum by (flag) (increase(%s[%dms]))", sel, back.Milliseconds())) {
		if n > most || n == most && f < flag {
			flag, most = f, n
		}
	}
	return flag
}

// grown reads by how much a flag's counters grew, by a label.
func (r *rater) grown(ctx context.Context, sel selector, s scopeOfFlag, label string) byLabel {
	if s.flag != "" {
		sel = sel.with("flag", "=", s.flag)
	}
	all := r.by(ctx, label, fmt.Sprintf("sum by (%s) (increase(%s[%dms]))", label, sel, s.back.Milliseconds()))
	if label == "arm" {
		delete(all, "none") // in no arm: never evidence
	}
	return all
}

// byLabel is a number for each value of a label.
type byLabel map[string]float64

func (b byLabel) total() float64 {
	var sum float64
	for _, v := range b {
		sum += v
	}
	return sum
}

// by asks for numbers by a label. Once Prometheus does not answer there are none.
func (r *rater) by(ctx context.Context, label, query string) byLabel {
	if r.err != nil {
		return nil
	}
	var all byLabel
	all, r.err = r.p.by(ctx, label, query, r.now)
	return all
}

// by asks for numbers by a label. What is no number of events is left out.
func (p *Prometheus) by(ctx context.Context, label, query string, at time.Time) (byLabel, error) {
	v, err := p.query(ctx, query, at)
	if err != nil {
		return nil, err
	}
	found, _ := v.(model.Vector)
	all := byLabel{}
	for _, s := range found {
		if x := float64(s.Value); !math.IsNaN(x) && !math.IsInf(x, 0) && x >= 0 {
			all[string(s.Metric[model.LabelName(label)])] = x
		}
	}
	return all, nil
}
