package rampart_test

import (
	"fmt"
	"math"
	"strings"

	"github.com/rampart-dev/rampart"
)

// The cases of TestEveryError and TestEveryWarning: what is changed in a flawless
// plan, and what is said about it.

var long = strings.Repeat("x", 17<<10)

var identityErrors = []mistaken{
	{"no flag", func(p *rampart.Plan) { p.Flag = "" }, "flag", "required"},
	{"a flag with capitals", func(p *rampart.Plan) { p.Flag = "Checkout" }, "flag", `"Checkout" is not a name`},
	{"no owner", func(p *rampart.Plan) { p.Owner = " " }, "owner", "required"},
	{"an owner on two lines", func(p *rampart.Plan) { p.Owner = "a\nb" }, "owner", "cannot be shown"},
	{"an owner that is a novel", func(p *rampart.Plan) { p.Owner = strings.Repeat("x", 201) }, "owner", "longer than 200"},
	{"no purpose", func(p *rampart.Plan) { p.Purpose = "\n" }, "purpose", "required"},
	{"a purpose that is a novel", func(p *rampart.Plan) { p.Purpose = long }, "purpose", "longer than 16 KiB"},
	{"a purpose that colours terminals", func(p *rampart.Plan) { p.Purpose = "a\x1b[31m" }, "purpose", "cannot be shown"},
	{"a hypothesis that is not UTF-8", func(p *rampart.Plan) { p.Hypothesis = "\xff" }, "hypothesis", "cannot be shown"},
	{"an environment with a slash", func(p *rampart.Plan) { p.Environment = "eu/production" }, "environment", "is not a name"},
	{"an unknown type", func(p *rampart.Plan) { p.Type = "toggle" }, "type", `"toggle" is not known`},
	{"a day that does not exist", func(p *rampart.Plan) { p.RetireBy = "2027-02-30" }, "retireBy", "is not a day"},
	{"an unknown unit", func(p *rampart.Plan) { p.Unit = "session" }, "unit", "is not a unit"},
	{"an attribute without a name", func(p *rampart.Plan) { p.Unit = "attribute:" }, "unit", "is not a unit"},
	{"one value", func(p *rampart.Plan) { p.Values = raw("true") }, "values", "1 values instead of two"},
	{"a value that is not JSON", func(p *rampart.Plan) { p.Values = raw("on", "true") }, "values[0]", "not JSON"},
	{"a value too large for readers", func(p *rampart.Plan) { p.Values = raw("0", `"`+long+`"`) }, "values[1]", "longer than 16 KiB"},
	{"off and on the same", func(p *rampart.Plan) { p.Values = raw(`{"a":1}`, `{ "a": 1 }`) }, "values", "the same"},
	{"an unknown profile", func(p *rampart.Plan) { p.Profile = "fast" }, "profile", "not known"},
	{"express with five stages", func(p *rampart.Plan) { p.Profile = rampart.Express }, "stages", "not those of profile express"},
	{"an address to notify", set(func(p *rampart.Plan) *[]string { return &p.Notify }, []string{"https://hooks/secret"}), "notify[0]", "is an address"},
	{"a channel with a space", set(func(p *rampart.Plan) *[]string { return &p.Notify }, []string{"a b"}), "notify[0]", "not the name of a channel"},
	{"a channel named twice", set(func(p *rampart.Plan) *[]string { return &p.Notify }, []string{"a", "a"}), "notify[1]", "named twice"},
	{"too many channels", func(p *rampart.Plan) {
		for i := range 21 {
			p.Notify = append(p.Notify, fmt.Sprintf("c%d", i))
		}
	}, "notify", "21 entries; 20 are the most"},
	{"a plan too large for a history", func(p *rampart.Plan) {
		for i := range 20 {
			p.Stages[i%5].Objectives = append(p.Stages[i%5].Objectives, strings.Repeat(string(rune('a'+i)), 16<<10))
		}
	}, "", "256 are the most"},
}

var stageErrors = []mistaken{
	{"an unknown phase", stage(1, func(s *rampart.Stage) { s.Phase = "canary" }), "stages[1].phase", `"canary" is not known`},
	{"no phase", stage(1, func(s *rampart.Stage) { s.Phase = "" }), "stages[1].phase", "required"},
	{"a repeated phase", func(p *rampart.Plan) {
		p.Stages = append(p.Stages, p.Stages[4])
	}, "stages[5].phase", "learning is repeated"},
	{"exposure that falls", steps(1, rampart.Step{Percent: 500, Hold: day}, rampart.Step{Percent: 400, Hold: day}), "stages[1].steps[1].percent", "4 % is below the 5 %"},
	{"more than everybody", steps(1, rampart.Step{Percent: 10001, Hold: day}), "stages[1].steps[0].percent", "not a share"},
	{"less than nobody", steps(0, rampart.Step{Percent: -1, Hold: 2 * day}), "stages[0].steps[0].percent", "not a share"},
	{"no hold with exposure", steps(1, rampart.Step{Percent: 500}), "stages[1].steps[0].hold", "required"},
	{"no hold with internal people exposed", steps(0, rampart.Step{}), "stages[0].steps[0].hold", "required"},
	{"a hold of a lifetime", steps(4, rampart.Step{Percent: 9500, Hold: 4000 * day}), "stages[4].steps[0].hold", "too long"},
	{"more steps than make sense", stage(1, func(s *rampart.Stage) {
		s.Steps = nil
		for i := range 51 {
			s.Steps = append(s.Steps, rampart.Step{Percent: rampart.Percent(10 * (i + 1)), Hold: day})
		}
	}), "stages", "has 55 steps; 50 are the most"},
	{"two people and groups", stage(2, func(s *rampart.Stage) {
		s.Approvals = &rampart.Approvals{Count: 2, Groups: []string{"product"}}
	}), "stages[2].approvals", "both a count and groups"},
	{"fewer than no people", stage(2, func(s *rampart.Stage) { s.Approvals = &rampart.Approvals{Count: -1} }), "stages[2].approvals.count", "-1"},
	{"a crowd", stage(2, func(s *rampart.Stage) { s.Approvals = &rampart.Approvals{Count: 21} }), "stages[2].approvals.count", "21"},
	{"a group twice", stage(2, func(s *rampart.Stage) {
		s.Approvals = &rampart.Approvals{Groups: []string{"product", "product"}}
	}), "stages[2].approvals.groups[1]", "named twice"},
	{"a group with a space", stage(2, func(s *rampart.Stage) { s.Approvals = &rampart.Approvals{Groups: []string{"the boss"}} }), "stages[2].approvals.groups[0]", "not a name"},
	{"a request that never expires in practice", stage(2, func(s *rampart.Stage) {
		s.Approvals = &rampart.Approvals{Count: 1, Expire: 91 * day}
	}), "stages[2].approvals.expire", "too long"},
	{"an extension by days", stage(2, func(s *rampart.Stage) { s.Extend = &rampart.Extend{By: 3 * day, UpTo: 28 * day} }), "stages[2].extend.by", "not whole weeks"},
	{"an extension up to days", stage(2, func(s *rampart.Stage) { s.Extend = &rampart.Extend{By: 7 * day, UpTo: 20 * day} }), "stages[2].extend.upTo", "not whole weeks"},
	{"an extension to less than the hold", stage(4, func(s *rampart.Stage) { s.Extend = &rampart.Extend{By: day, UpTo: 7 * day} }), "stages[4].extend.upTo", "less than the stage holds"},
	{"an extension by nothing", stage(4, func(s *rampart.Stage) { s.Extend = &rampart.Extend{UpTo: 60 * day} }), "stages[4].extend.by", "too short"},
	{"goals without the phase that judges them", func(p *rampart.Plan) {
		p.Goals = []rampart.Goal{{Name: "checkouts", Improve: 200, Ratio: &rampart.Ratio{Events: "done_total", Of: "units_total"}}}
		p.Profile, p.Stages, p.Gates = rampart.Express, nil, []rampart.Gate{threshold("up")}
	}, "goals", "no two arms to compare"},
	{"a recommendation without gates that compare", func(p *rampart.Plan) {
		p.Gates = []rampart.Gate{threshold("up")}
		p.Stages[1].Recommend = true
	}, "stages[1].recommend", "nothing to go by"},
	{"an empty objective", stage(4, func(s *rampart.Stage) { s.Objectives = []string{" "} }), "stages[4].objectives[0]", "is empty"},
	{"only gates that compare while the on arm is empty", func(p *rampart.Plan) {
		p.Gates = p.Gates[:1]
		p.Stages[3].Gates = []rampart.Gate{threshold("up")}
		p.Finish = &rampart.Finish{Percent: 9500, Bake: day}
	}, "stages[0].steps[0]", "with an empty on arm"},
	{"only gates that compare while the off arm is empty", func(p *rampart.Plan) {
		p.Profile, p.Stages, p.Gates = rampart.Express, nil, p.Gates[:1]
	}, "stages[0].steps[0]", "with an empty off arm"},
	{"only gates that compare in the last watch", func(p *rampart.Plan) {
		p.Gates = p.Gates[:1]
		p.Stages[0].Gates = []rampart.Gate{threshold("up")}
		p.Stages[3].Gates = []rampart.Gate{threshold("up")}
	}, "finish", "no gate can be asked at 100 %"},
	{"scalability under gates that compare", func(p *rampart.Plan) {
		p.Gates = p.Gates[:1]
		p.Stages[0].Gates = []rampart.Gate{threshold("up")}
		p.Finish = &rampart.Finish{Percent: 9500, Bake: day}
	}, "stages[3]", "cannot"},
	{"scalability under a probe alone", func(p *rampart.Plan) {
		p.Gates = append(p.Gates[:1], rampart.Gate{Name: "health", Probe: &rampart.Probe{TCP: "db:5432"}})
	}, "stages[3]", "shared resources"},
}

var region = func(values ...string) []rampart.Rule { return []rampart.Rule{{Attribute: "region", In: values}} }

var ruleErrors = []mistaken{
	{"who is eligible narrows", func(p *rampart.Plan) {
		p.Stages[1].Where, p.Stages[2].Where = region("eu", "us"), region("eu")
	}, "stages[2].where", "leaves out units that debug may have exposed"},
	{"who is eligible narrows from everybody", func(p *rampart.Plan) { p.Stages[4].Where = region("eu") }, "stages[4].where", "leaves out"},
	{"a rule of two kinds", stage(0, func(s *rampart.Stage) { s.Include = []rampart.Rule{{Segment: "internal", Keys: []string{"u1"}}} }), "stages[0].include[0]", "exactly one of segment, attribute and keys"},
	{"a rule of no kind", stage(0, func(s *rampart.Stage) { s.Include = []rampart.Rule{{}} }), "stages[0].include[0]", "exactly one"},
	{"values without an attribute", stage(0, func(s *rampart.Stage) { s.Include = []rampart.Rule{{Segment: "internal", In: []string{"a"}}} }), "stages[0].include[0]", "need an attribute"},
	{"an attribute without values", stage(0, func(s *rampart.Stage) { s.Include = []rampart.Rule{{Attribute: "a"}} }), "stages[0].include[0]", "exactly one of in and notIn"},
	{"an attribute in and not in", stage(0, func(s *rampart.Stage) {
		s.Include = []rampart.Rule{{Attribute: "a", In: []string{"x"}, NotIn: []string{"y"}}}
	}), "stages[0].include[0]", "exactly one of in and notIn"},
	{"an attribute with a space", stage(0, func(s *rampart.Stage) { s.Include = []rampart.Rule{{Attribute: "a b", In: []string{"x"}}} }), "stages[0].include[0].attribute", "not the name"},
	{"a segment with capitals", stage(0, func(s *rampart.Stage) { s.Include = []rampart.Rule{{Segment: "Internal"}} }), "stages[0].include[0].segment", "not a name"},
	{"an empty key", stage(0, func(s *rampart.Stage) { s.Include = []rampart.Rule{{Keys: []string{"u1", ""}}} }), "stages[0].include[0].keys[1]", "cannot be matched"},
	{"more keys than a plan should have", stage(0, func(s *rampart.Stage) { s.Include = []rampart.Rule{{Keys: make([]string, 1001)}} }), "stages[0].include[0].keys", "1001 entries"},
	{"rules too large for readers", stage(0, func(s *rampart.Stage) {
		for range 100 {
			s.Include = append(s.Include, rampart.Rule{Keys: []string{strings.Repeat("k", 200)}})
		}
		s.Include = s.Include[:100]
	}), "stages[0].include", "KiB of rules"},
}

var gateErrors = []mistaken{
	{"a gate without a name", gate(func(g *rampart.Gate) { g.Name = "" }), "gates[0].name", "required"},
	{"a gate with a space in its name", gate(func(g *rampart.Gate) { g.Name = "bad errors" }), "gates[0].name", "not a name"},
	{"two gates of one name", gate(func(g *rampart.Gate) { g.Name = "latency" }), "gates[1].name", "name of an earlier gate"},
	{"a gate of no kind", gate(func(g *rampart.Gate) { g.Ratio = nil }), "gates[0]", "no kind"},
	{"a gate of two kinds", gate(func(g *rampart.Gate) { g.Count = &rampart.Count{Events: "bad_total"} }), "gates[0]", "more than one kind: ratio and count"},
	{"a ratio without events", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Of: "a"} }), "gates[0].ratio.events", "required"},
	{"a ratio of itself", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Events: "a", Of: "a"} }), "gates[0].ratio.of", "same as events"},
	{"PromQL for a selector", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Events: "rate(a[5m])", Of: "a"} }), "gates[0].ratio.events", "not a selector"},
	{"a range for a selector", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Events: "b[5m]", Of: "a"} }), "gates[0].ratio.events", "not a selector"},
	{"a sum for a selector", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Events: "b + c", Of: "a"} }), "gates[0].ratio.events", "not a selector"},
	{"braces that do not close", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Events: `b{x="y"`, Of: "a"} }), "gates[0].ratio.events", "not a selector"},
	{"a matcher without quotes", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Events: `b{x=y}`, Of: "a"} }), "gates[0].ratio.events", "not a selector"},
	{"something behind the braces", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Events: `b{x="y"}[5m]`, Of: "a"} }), "gates[0].ratio.events", "not a selector"},
	{"a selector that names the arm", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Events: `b{arm="on"}`, Of: "a"} }), "gates[0].ratio.events", `"arm", which Rampart adds`},
	{"a selector that names the flag", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Events: `b{x="y", flag=~"c.*"}`, Of: "a"} }), "gates[0].ratio.events", `"flag"`},
	{"a selector by name of the metric", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Events: `b{__name__="c"}`, Of: "a"} }), "gates[0].ratio.events", "names of metrics"},
	{"a regular expression that is none", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Events: `b{x=~"("}`, Of: "a"} }), "gates[0].ratio.events", "not a regular expression"},
	{"a selector of many lines", gate(func(g *rampart.Gate) { g.Ratio = &rampart.Ratio{Events: long, Of: "a"} }), "gates[0].ratio.events", "longer than 16 KiB"},
	{"worse in no direction", gate(func(g *rampart.Gate) { g.Ratio.Worse = "sideways" }), "gates[0].ratio.worse", "not known"},
	{"a margin below nothing", gate(func(g *rampart.Gate) { g.Ratio.Margin = -100 }), "gates[0].ratio.margin", "not a share"},
	{"a count of nothing", kind(rampart.Gate{Count: &rampart.Count{}}), "gates[4].count.events", "required"},
	{"a histogram's series", gate(func(g *rampart.Gate) { g.Ratio, g.Latency = nil, &rampart.Latency{Histogram: "h_bucket"} }), "gates[0].latency.histogram", "is a series"},
	{"a histogram's edge", gate(func(g *rampart.Gate) { g.Ratio, g.Latency = nil, &rampart.Latency{Histogram: `h{le="1"}`} }), "gates[0].latency.histogram", `"le"`},
	{"a mean of nothing", kind(rampart.Gate{Mean: &rampart.Mean{Value: "v"}}), "gates[4].mean.of", "required"},
	{"a mean that detects too much", kind(rampart.Gate{Mean: &rampart.Mean{Value: "v", Of: "u", Detect: 10001}}), "gates[4].mean.detect", "not a share"},
	{"an objective of perfection", kind(rampart.Gate{Objective: &rampart.Objective{Events: "b", Of: "a", Good: rampart.Full}}), "gates[4].objective.good", "not between"},
	{"a budget of more than everything", kind(rampart.Gate{Objective: &rampart.Objective{Events: "b", Of: "a", Good: 9900, Budget: 10001}}), "gates[4].objective.budget", "not a share"},
	{"a mean with a margin below zero", kind(rampart.Gate{Mean: &rampart.Mean{Value: "v", Of: "u", Margin: -1}}), "gates[4].mean.margin", "not a share"},
	{"a baseline of nothing", kind(rampart.Gate{Baseline: &rampart.Baseline{}}), "gates[4].baseline.query", "required"},
	{"a threshold without bounds", kind(rampart.Gate{Threshold: &rampart.Threshold{Query: "up"}}), "gates[4].threshold", "needs min or max"},
	{"bounds the wrong way round", kind(rampart.Gate{Threshold: &rampart.Threshold{Query: "up", Min: ptr(2.0), Max: ptr(1.0)}}), "gates[4].threshold.min", "2 is above max, 1"},
	{"a bound without end", kind(rampart.Gate{Threshold: &rampart.Threshold{Query: "up", Max: ptr(math.Inf(1))}}), "gates[4].threshold.max", "no bound"},
	{"a bound that is no number", kind(rampart.Gate{Threshold: &rampart.Threshold{Query: "up", Max: ptr(math.NaN())}}), "gates[4].threshold.max", "no bound"},
	{"a bracket that does not close", kind(rampart.Gate{Threshold: &rampart.Threshold{Query: `sum(x{a=")"}`, Max: ptr(1.0)}}), "gates[4].threshold.query", "has a ( without"},
	{"a quote that does not close", kind(rampart.Gate{Threshold: &rampart.Threshold{Query: `x{a="\"}`, Max: ptr(1.0)}}), "gates[4].threshold.query", `has a " without`},
	{"a query that is a program", kind(rampart.Gate{Threshold: &rampart.Threshold{Query: long, Max: ptr(1.0)}}), "gates[4].threshold.query", "longer than 16 KiB"},
	{"a threshold broken after days", kind(rampart.Gate{Threshold: &rampart.Threshold{Query: "up", Max: ptr(1.0), For: 2 * day}}), "gates[4].threshold.for", "too long"},
	{"a trend that may not rise", kind(rampart.Gate{Trend: &rampart.Trend{Query: "up", Over: hour}}), "gates[4].trend.maxRise", "no rise"},
	{"a trend over no time", kind(rampart.Gate{Trend: &rampart.Trend{Query: "up", MaxRise: 100}}), "gates[4].trend.over", "too short"},
	{"a probe of nothing", kind(rampart.Gate{Probe: &rampart.Probe{}}), "gates[4].probe", "exactly one of url, tcp and grpc"},
	{"a probe of two", kind(rampart.Gate{Probe: &rampart.Probe{TCP: "a:1", GRPC: "b:1"}}), "gates[4].probe", "exactly one"},
	{"a probe of a file", kind(rampart.Gate{Probe: &rampart.Probe{URL: "file:///etc/passwd"}}), "gates[4].probe.url", "not an address over HTTP"},
	{"a probe with a password", kind(rampart.Gate{Probe: &rampart.Probe{URL: "http://a:b@c/"}}), "gates[4].probe.url", "a password"},
	{"a probe without a port", kind(rampart.Gate{Probe: &rampart.Probe{TCP: "db"}}), "gates[4].probe.tcp", "not an address"},
	{"a probe of port 0", kind(rampart.Gate{Probe: &rampart.Probe{TCP: "db:0"}}), "gates[4].probe.tcp", "not an address"},
	{"a probe of a service without a name", kind(rampart.Gate{Probe: &rampart.Probe{GRPC: "db:1/"}}), "gates[4].probe.grpc", "not an address"},
	{"a status over TCP", kind(rampart.Gate{Probe: &rampart.Probe{TCP: "db:1", Status: []int{200}}}), "gates[4].probe.status", "only a url"},
	{"a status that is none", kind(rampart.Gate{Probe: &rampart.Probe{URL: "http://a", Status: []int{20}}}), "gates[4].probe.status[0]", "20 is not"},
	{"TLS over TCP", kind(rampart.Gate{Probe: &rampart.Probe{TCP: "db:1", TLS: true}}), "gates[4].probe.tls", "only grpc"},
	{"a probe that never stops asking", kind(rampart.Gate{Probe: &rampart.Probe{TCP: "db:1", Interval: 1}}), "gates[4].probe.interval", "too short"},
	{"a probe that outlasts its interval", kind(rampart.Gate{Probe: &rampart.Probe{TCP: "db:1", Interval: minute, Timeout: 2 * minute}}), "gates[4].probe.timeout", "too long"},
	{"a probe that forgives less than nothing", kind(rampart.Gate{Probe: &rampart.Probe{TCP: "db:1", Failures: -1}}), "gates[4].probe.failures", "-1"},
	{"a weight of more than there is", gate(func(g *rampart.Gate) { g.Weight = 0.95; g.OnBreach = &rampart.Policy{Action: rampart.ActHold} }), "gates[0].weight", "at most 0.9"},
	{"a weight that is no number", gate(func(g *rampart.Gate) { g.Weight = math.NaN(); g.OnBreach = &rampart.Policy{Action: rampart.ActHold} }), "gates[0].weight", "NaN"},
	{"weights that leave no reserve", func(p *rampart.Plan) {
		p.Gates[0].Weight, p.Gates[1].Weight, p.Gates[2].Weight = 0.4, 0.4, 0.2
	}, "gates", "weights sum to 1"},
	{"weights that leave nothing for the others", func(p *rampart.Plan) { p.Gates[0].Weight = 0.9 }, "gates", "something left"},
	{"a threshold with a weight", func(p *rampart.Plan) { p.Gates[3].Weight = 0.1 }, "gates[3].weight", "threshold gates have no weight"},
	{"detecting no change", gate(func(g *rampart.Gate) { g.Detect = 1 }), "gates[0].detect", "not above 1"},
	{"a threshold that detects", func(p *rampart.Plan) { p.Gates[3].Detect = 2 }, "gates[3].detect", "threshold gates have no detect"},
	{"cohorts by arm", gate(func(g *rampart.Gate) { g.By = []string{"arm"} }), "gates[0].by[0]", "not a cohort"},
	{"cohorts by the edges of a histogram", gate(func(g *rampart.Gate) { g.By = []string{"le"} }), "gates[0].by[0]", "not a cohort"},
	{"cohorts of a mean", func(p *rampart.Plan) {
		p.Gates[0] = rampart.Gate{Name: "basket", Mean: &rampart.Mean{Value: "euros_total", Of: "baskets_total"}, By: []string{"a"}}
	}, "gates[0].by", "have no cohorts"},
	{"cohorts by no label", gate(func(g *rampart.Gate) { g.By = []string{"a-b"} }), "gates[0].by[0]", "not a label"},
	{"cohorts twice", gate(func(g *rampart.Gate) { g.By = []string{"a", "a"} }), "gates[0].by[1]", "named twice"},
	{"cohorts of a threshold", func(p *rampart.Plan) { p.Gates[3].By = []string{"a"} }, "gates[3].by", "have no cohorts"},
	{"an unknown action", gate(func(g *rampart.Gate) { g.OnBreach = &rampart.Policy{Action: "explode"} }), "gates[0].onBreach.action", "not known"},
	{"a cool-down without a step back", gate(func(g *rampart.Gate) {
		g.OnBreach = &rampart.Policy{Action: rampart.ActHold, CoolDown: hour}
	}), "gates[0].onBreach", "only a step back"},
	{"too many attempts", gate(func(g *rampart.Gate) {
		g.OnBreach = &rampart.Policy{Action: rampart.ActStepBack, Attempts: 11}
	}), "gates[0].onBreach.attempts", "11"},
	{"more gates than anybody reads", func(p *rampart.Plan) {
		for i := range 98 {
			p.Gates = append(p.Gates, threshold(fmt.Sprintf("t%d", i)))
		}
	}, "gates", "102 gates; 100 are the most"},
	{"a mistake in a stage's gate", stage(3, func(s *rampart.Stage) {
		s.Gates = []rampart.Gate{{Name: "pool", Threshold: &rampart.Threshold{Query: "x"}}}
	}), "stages[3].gates[0].threshold", "needs min or max"},
	{"a goal without a metric", func(p *rampart.Plan) { p.Goals = []rampart.Goal{{Name: "g", Improve: 100}} }, "goals[0]", "exactly one of ratio and mean"},
	{"a goal without a name", func(p *rampart.Plan) {
		p.Goals = []rampart.Goal{{Ratio: ratio("").Ratio, Improve: 100}}
	}, "goals[0].name", "required"},
	{"a goal twice", func(p *rampart.Plan) {
		g := rampart.Goal{Name: "g", Ratio: ratio("").Ratio, Improve: 100}
		p.Goals = []rampart.Goal{g, g}
	}, "goals[1].name", "earlier goal"},
	{"a goal of no improvement", func(p *rampart.Plan) {
		p.Goals = []rampart.Goal{{Name: "g", Ratio: ratio("").Ratio}}
	}, "goals[0].improve", "no improvement"},
}

func calendar(c rampart.Calendar) func(*rampart.Plan) {
	return func(p *rampart.Plan) { p.Calendar = &c }
}

func requires(list ...rampart.Requirement) func(*rampart.Plan) {
	return func(p *rampart.Plan) { p.Requires = list }
}

var calendarErrors = []mistaken{
	{"a zone that does not exist", calendar(rampart.Calendar{Zone: "Europe/Atlantis"}), "calendar.zone", "not a time zone"},
	{"the zone of whatever machine", calendar(rampart.Calendar{Zone: "Local"}), "calendar.zone", "not a time zone"},
	{"promotion in prose", calendar(rampart.Calendar{Promote: "weekdays"}), "calendar.promote", "not a span"},
	{"promotion on a day that does not exist", calendar(rampart.Calendar{Promote: "mon-fry 09:00-16:00"}), "calendar.promote", `"mon-fry"`},
	{"promotion that ends before it begins", calendar(rampart.Calendar{Promote: "mon 16:00-09:00"}), "calendar.promote", "within one day"},
	{"promotion at an hour that does not exist", calendar(rampart.Calendar{Promote: "mon 09:00-25:00"}), "calendar.promote", "within one day"},
	{"a freeze that ends before it begins", calendar(rampart.Calendar{Freeze: []rampart.Freeze{{From: "2027-01-04", Until: "2027-01-04"}}}), "calendar.freeze[0].until", "not after"},
	{"a freeze without a beginning", calendar(rampart.Calendar{Freeze: []rampart.Freeze{{Until: "2027-01-04"}}}), "calendar.freeze[0].from", "not a day"},
	{"requiring nothing", requires(rampart.Requirement{}), "requires[0]", "exactly one of flag and query"},
	{"requiring itself", requires(rampart.Requirement{Flag: "checkout-v2"}), "requires[0].flag", "wait for itself"},
	{"requiring a flag twice", requires(rampart.Requirement{Flag: "a"}, rampart.Requirement{Flag: "a"}), "requires[1].flag", "named twice"},
	{"requiring what is no flag", requires(rampart.Requirement{Flag: "A"}), "requires[0].flag", "not a name"},
	{"requiring a flag within bounds", requires(rampart.Requirement{Flag: "a", Max: ptr(1.0)}), "requires[0]", "bounds a flag"},
	{"requiring a query without bounds", requires(rampart.Requirement{Query: "up"}), "requires[0]", "needs min or max"},
}

var policyErrors = []mistaken{
	{"finishing below the last step", set(func(p *rampart.Plan) **rampart.Finish { return &p.Finish }, &rampart.Finish{Percent: 9000, Bake: day}), "finish.percent", "below the last step, 95 %"},
	{"finishing beyond everybody", set(func(p *rampart.Plan) **rampart.Finish { return &p.Finish }, &rampart.Finish{Percent: 10100, Bake: day}), "finish.percent", "not a share"},
	{"a bake of less than nothing", set(func(p *rampart.Plan) **rampart.Finish { return &p.Finish }, &rampart.Finish{Bake: -1}), "finish.bake", "too short"},
	{"looking all the time", func(p *rampart.Plan) { p.Every = 1 }, "every", "too short"},
	{"looking once a day", func(p *rampart.Plan) { p.Every = 2 * hour }, "every", "too long"},
	{"a layer without a name", func(p *rampart.Plan) { p.Layer = &rampart.Layer{To: 5000} }, "layer.name", "not a name"},
	{"a layer without slots", func(p *rampart.Plan) { p.Layer = &rampart.Layer{Name: "page"} }, "layer.to", "0 % is not above 0 %"},
	{"a layer that ends before it begins", func(p *rampart.Plan) { p.Layer = &rampart.Layer{Name: "page", From: 5000, To: 4000} }, "layer.to", "not above"},
	{"more slots than there are", func(p *rampart.Plan) { p.Layer = &rampart.Layer{Name: "page", To: 10100} }, "layer.to", "not a share"},
	{"a holdout with a strange name", func(p *rampart.Plan) { p.Holdout = "Hold out" }, "holdout", "not a name"},
	{"a shadow of a season", func(p *rampart.Plan) { p.Shadow = 90 * day }, "shadow", "too long"},
	{"an error budget below nothing", func(p *rampart.Plan) { p.Alpha = -1 }, "alpha", "not an error budget"},
	{"an error budget of everything", func(p *rampart.Plan) { p.Alpha = 6000 }, "alpha", "not an error budget"},
	{"a warning after the end", func(p *rampart.Plan) { p.Lease = &rampart.Lease{Warn: hour, End: hour} }, "lease.warn", "1h is not before the end, 1h"},
	{"a warning after the end by the rule", func(p *rampart.Plan) { p.Lease = &rampart.Lease{Warn: hour} }, "lease.warn", "that the rule gives"},
	{"holding what nobody is exposed to", func(p *rampart.Plan) { p.Lease = &rampart.Lease{OnEnd: rampart.ActHold} }, "lease.onEnd", "not known"},
	{"a lease shorter than three looks", func(p *rampart.Plan) { p.Lease = &rampart.Lease{End: minute} }, "lease.end", "no room for three looks"},
	{"a parachute for more than everybody", func(p *rampart.Plan) { p.Parachute = &rampart.Parachute{Share: 10100} }, "parachute.share", "not a share"},
	{"a parachute that waits for a day", func(p *rampart.Plan) { p.Parachute = &rampart.Parachute{Wait: day} }, "parachute.wait", "too long"},
	{"going on blind", func(p *rampart.Plan) { p.OnBlind = &rampart.BlindPolicy{Action: rampart.ActNotify} }, "onBlind.action", "not known"},
	{"blind for a month", func(p *rampart.Plan) { p.OnBlind = &rampart.BlindPolicy{After: 30 * day} }, "onBlind.after", "too long"},
}

var warnings = []mistaken{
	{"no day to clean up by", func(p *rampart.Plan) { p.RetireBy = "" }, "retireBy", "nobody will be reminded"},
	{"internal people for an hour", steps(0, rampart.Step{Hold: hour}), "stages[0].steps[0].hold", "1h is short of 2 days"},
	{"a step of debug for an hour", steps(1, rampart.Step{Percent: 500, Hold: hour}), "stages[1].steps[0].hold", "1h is short of a day"},
	{"half of them for three days", steps(2, rampart.Step{Percent: 5000, Hold: 3 * day}), "stages[2].steps[0].hold", "3d is short of a week"},
	{"half of them for ten days", steps(2, rampart.Step{Percent: 5000, Hold: 10 * day}), "stages[2].steps[0].hold", "10d is not whole weeks"},
	{"scalability without the peak", steps(3, rampart.Step{Percent: 7500, Hold: hour}), "stages[3].steps[0].hold", "1h is short of a day"},
	{"learning for a week", steps(4, rampart.Step{Percent: 9500, Hold: 7 * day}), "stages[4].steps[0].hold", "7d is short of 30 days"},
	{"debug beyond its phase", steps(1, rampart.Step{Percent: 2000, Hold: day}), "stages[1].steps[0].percent", "20 % is off the table"},
	{"uneven arms", steps(2, rampart.Step{Percent: 4000, Hold: 7 * day}), "stages[2].steps[0].percent", "40 % is off the table"},
	{"users among the internal people", steps(0, rampart.Step{Percent: 1, Hold: 2 * day}), "stages[0].steps[0].percent", "nobody by percentage"},
	{"phases left out", func(p *rampart.Plan) { p.Stages = append(p.Stages[:1:1], p.Stages[2:]...) }, "stages", "skip debug"},
	{"learning without a question", stage(4, func(s *rampart.Stage) { s.Objectives = nil }), "stages[4].objectives", "without a question"},
	{"the last watch left out", set(func(p *rampart.Plan) **rampart.Finish { return &p.Finish }, &rampart.Finish{Percent: rampart.Full}), "finish.bake", "nothing is watched"},
	{"a generous error budget", func(p *rampart.Plan) { p.Alpha = 2000 }, "alpha", "one harmless launch in 5"},
	{"a hold shorter than three looks", func(p *rampart.Plan) {
		p.Profile, p.Every = rampart.Express, minute
		p.Stages = []rampart.Stage{{Phase: rampart.MaxPowerRamp, Steps: []rampart.Step{{Percent: rampart.Full, Hold: 2 * minute}}}}
	}, "stages[0].steps[0].hold", "2m is short of three looks"},
}
