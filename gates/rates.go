package gates

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// Rates are what the gates and goals of a plan are fed with while nothing is wrong, by
// their paths in the plan: gates[0], stages[1].gates[0], goals[0].
type Rates struct {
	Of    map[string]Rate
	Users float64 // new units a second; 0 is unknown
}

// A Rate is what a metric usually does.
type Rate struct {
	Units  float64 `json:"units,omitempty"`  // a second, in both arms together
	Base   float64 `json:"base"`             // events a unit; of a count events a second, of a mean its value
	Spread float64 `json:"spread,omitempty"` // of a mean: the standard deviation of a unit's value
	Edge   float64 `json:"edge,omitempty"`   // of a latency, in seconds: Base is the share that is slower
	Phi    float64 `json:"phi,omitempty"`    // overdispersion over the telemetry buckets

	From    string `json:"from,omitempty"`    // where it was read: "checkout-v1, 7d"
	Missing string `json:"missing,omitempty"` // why nothing is known
}

func (r Rates) of(path string) Rate {
	rate, ok := r.Of[path]
	if !ok {
		rate.Missing = "nobody says how often it happens"
	}
	return rate
}

// Rates reads what the gates and goals of a plan would have been fed with of late: from
// the counters of the plan's own flag or, where there are none yet, from those of the
// busiest other flag that the same metric counts. A flag that is named in like goes
// first. It is an estimate, so here rates are those of Prometheus' increase.
func (p *Prometheus) Rates(ctx context.Context, plan rampart.Plan, like string) (Rates, error) {
	plan = plan.WithDefaults()
	r := rater{p: p, plan: plan, like: like, now: time.Now(), of: map[string]scopeOfFlag{}}
	rates := Rates{Of: map[string]Rate{}}
	for stage := range len(plan.Stages) + 1 {
		for _, g := range gatesIn(plan, stage) {
			if _, known := rates.Of[g.path]; !known && g.Budgeted() {
				rates.Of[g.path] = r.rate(ctx, g.Gate)
			}
		}
	}
	for i, g := range plan.Goals {
		rates.Of[fmt.Sprintf("goals[%d]", i)] = r.rate(ctx, rampart.Gate{Name: g.Name, Ratio: g.Ratio, Mean: g.Mean})
	}
	rates.Users = r.units(ctx, exposedUnits).Units
	return rates, r.err
}

// exposedUnits counts each unit once a launch.
const exposedUnits = "rampart_exposed_units_total"

// telemetryBuckets is how many buckets the client counts in.
const telemetryBuckets = len(evidence.Buckets{}.On)

// A rater reads rates until Prometheus does not answer.
type rater struct {
	p    *Prometheus
	plan rampart.Plan
	like string
	now  time.Time
	of   map[string]scopeOfFlag // by selector
	err  error
}

func (r *rater) rate(ctx context.Context, g rampart.Gate) Rate {
	switch {
	case g.Ratio != nil:
		return r.ratio(ctx, g.Ratio.Events, g.Ratio.Of)
	case g.Objective != nil:
		return r.line(ctx, g.Objective.Events, g.Objective.Of)
	case g.Count != nil:
		rate := r.units(ctx, g.Count.Events)
		rate.Base, rate.Units = rate.Units, 0
		return rate
	case g.Latency != nil:
		return r.latency(ctx, g.Latency.Histogram)
	case g.Mean != nil:
		return r.mean(ctx, g.Mean.Value, g.Mean.Of)
	}
	return Rate{}
}

// units reads how many units a second a counter counts, in both arms.
func (r *rater) units(ctx context.Context, text string) Rate {
	sel, s, rate := r.begin(ctx, text)
	if rate.Missing == "" {
		rate.Units = r.grown(ctx, sel, s, "arm").total() / s.back.Seconds()
	}
	return rate
}

// ratio reads the rate of events: that of the off arm, where it has units.
func (r *rater) ratio(ctx context.Context, events, of string) Rate {
	units, s, rate := r.begin(ctx, of)
	counted, err := parseSelector(events)
	if rate.Missing != "" || err != nil {
		return rate
	}
	n, x := r.grown(ctx, units, s, "arm"), r.grown(ctx, counted, s, "arm")
	rate.Units = n.total() / s.back.Seconds()
	switch {
	case n["off"] > 0:
		rate.Base = x["off"] / n["off"]
	case n.total() > 0:
		rate.Base = x.total() / n.total()
	default:
		rate.Missing = nothingCounted(units, s)
	}
	rate.Phi = r.spread(ctx, counted, s)
	return rate
}

// line reads the rate of events of all units, whatever their arm.
func (r *rater) line(ctx context.Context, events, of string) Rate {
	units, s, rate := r.begin(ctx, of)
	counted, err := parseSelector(events)
	if rate.Missing != "" || err != nil {
		return rate
	}
	n, x := r.grown(ctx, units, s, "flag").total(), r.grown(ctx, counted, s, "flag").total()
	if rate.Units = n / s.back.Seconds(); n > 0 {
		rate.Base = x / n
		return rate
	}
	rate.Missing = nothingCounted(units, s)
	return rate
}

func nothingCounted(sel selector, s scopeOfFlag) string {
	return fmt.Sprintf("%s counted nothing within %s", sel.metric, rampart.Duration(s.back))
}

// spread reads how much more the events of the telemetry buckets vary than by chance.
func (r *rater) spread(ctx context.Context, events selector, s scopeOfFlag) float64 {
	on, off := r.grown(ctx, events.with("arm", "=", "on"), s, "bucket"), r.grown(ctx, events.with("arm", "=", "off"), s, "bucket")
	b := bucketsIn(map[string]ArmCount{"on": {Buckets: on}, "off": {Buckets: off}})
	if b == nil {
		return 0
	}
	var d evidence.Dispersion
	d.Add(*b)
	if phi := d.Phi(); phi > 1 {
		return phi
	}
	return 0
}

// latency reads which share of requests is slower than the edge that is nearest to the
// slowest hundredth.
func (r *rater) latency(ctx context.Context, histogram string) Rate {
	sel, s, rate := r.begin(ctx, bucketsOf(histogram))
	if rate.Missing != "" {
		return rate
	}
	arm := r.grown(ctx, sel.with("arm", "=", "off"), s, "le")
	both := r.grown(ctx, sel.with("arm", "=~", "on|off"), s, "le")
	if len(arm) == 0 {
		arm = both
	}
	h := histogramOf(arm)
	if h.all() == 0 || len(h.edges) == 0 {
		rate.Missing = nothingCounted(sel, s)
		return rate
	}
	rate.Units = histogramOf(both).all() / s.back.Seconds()
	rate.Edge, rate.Base = h.slowest()
	return rate
}

// mean reads a value per unit, and from the telemetry buckets how much that of one unit
// varies.
func (r *rater) mean(ctx context.Context, value, of string) Rate {
	units, s, rate := r.begin(ctx, of)
	sum, err := parseSelector(value)
	if rate.Missing != "" || err != nil {
		return rate
	}
	all := r.grown(ctx, units, s, "arm").total()
	rate.Units = all / s.back.Seconds()
	n, x := r.grown(ctx, units, s, "bucket"), r.grown(ctx, sum, s, "bucket")
	if len(n) < telemetryBuckets || n.total() == 0 {
		rate.Missing = fmt.Sprintf("%s is not counted in %d telemetry buckets", units.metric, telemetryBuckets)
		return rate
	}
	rate.Base = x.total() / n.total()
	var squares float64 // of the residuals of the ratio, over buckets
	for bucket, units := range n {
		squares += math.Pow(x[bucket]-rate.Base*units, 2)
	}
	rate.Spread = math.Sqrt(squares / n.total() * float64(len(n)) / float64(len(n)-1))
	return rate
}
