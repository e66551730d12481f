package rampart

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (c *checker) gates(path string, gates []Gate) {
	seen := map[string]bool{}
	for i, g := range gates {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch err := CheckName("a gate", g.Name); {
		case g.Name == "":
			c.wrong(at+".name", "say what it bounds, such as errors", "is required")
		case err != nil:
			c.because(at+".name", err)
		case seen[g.Name]:
			c.wrong(at+".name", "give each gate a name of its own", "%q is the name of an earlier gate", g.Name)
		}
		seen[g.Name] = true
		c.gate(at, g)
	}
}

func (c *checker) gate(path string, g Gate) {
	switch kinds := g.Kinds(); {
	case len(kinds) == 0:
		c.wrong(path, "add ratio, count, latency, mean, objective, baseline, threshold, trend or probe", "has no kind")
	case len(kinds) > 1:
		c.wrong(path, "write two gates", "has more than one kind: %s and %s", kinds[0], kinds[1])
	}
	c.ratio(path+".ratio", g.Ratio)
	c.count(path+".count", g.Count)
	c.latency(path+".latency", g.Latency)
	c.mean(path+".mean", g.Mean)
	c.objective(path+".objective", g.Objective)
	c.baseline(path+".baseline", g.Baseline)
	c.threshold(path+".threshold", g.Threshold)
	c.trend(path+".trend", g.Trend)
	c.probe(path+".probe", g.Probe)
	c.policy(path+".onBreach", g.OnBreach)
	c.evidence(path, g)
	c.cohorts(path+".by", g)
}

// evidence checks what only evidence has: a share of the error budget, and a size
// of harm to see.
func (c *checker) evidence(path string, g Gate) {
	switch {
	case g.Weight == 0:
	case !g.Budgeted():
		c.wrong(path+".weight", "leave it out: this kind has no share of the error budget", "%s gates have no weight", g.Kind())
	case !(g.Weight > 0 && g.Weight <= 1-BudgetReserve):
		c.wrong(path+".weight", "use a share such as 0.2", "%g is not above 0 and at most %g", g.Weight, 1-BudgetReserve)
	}
	switch {
	case g.Detect == 0:
	case !g.Statistical():
		c.wrong(path+".detect", "leave it out: this kind passes by being in bounds", "%s gates have no detect", g.Kind())
	case !(g.Detect > 1 && g.Detect <= 100):
		c.wrong(path+".detect", "write the rate ratio that a pass must have been able to see, such as 1.25", "%g is not above 1 and at most 100", g.Detect)
	}
}

// budget sees to it that the weights leave the reserve, and that each gate which
// may spend has something to spend.
func (c *checker) budget() {
	sum, broke := 0.0, false
	for _, g := range c.plan.spenders() {
		sum += g.Weight
		broke = broke || g.Weight == 0
	}
	const most = 1 - BudgetReserve
	if sum > most+1e-9 || broke {
		c.wrong("gates", "lower the weights, or leave them out", "weights sum to %.4g; %g is the most, with something left for gates without a weight", sum, most)
	}
}

func (c *checker) cohorts(path string, g Gate) {
	if len(g.By) == 0 {
		return
	}
	if !g.Compares() || g.Mean != nil { // the error of a mean takes all of its buckets
		c.wrong(path, "leave it out", "%s gates have no cohorts", g.Kind())
	}
	if !c.atMost(path, len(g.By), maxList) {
		return
	}
	for k, label := range g.By {
		at := fmt.Sprintf("%s[%d]", path, k)
		switch {
		case !labelPattern.MatchString(label):
			c.wrong(at, "name a label of the gate's counters, such as platform", "%q is not a label", label)
		case slices.Contains(ownLabels, label), label == "le":
			c.wrong(at, "name another label", "%q is not a cohort: Rampart reads it itself", label)
		case slices.Contains(g.By[:k], label):
			c.wrong(at, "name each label once", "%q is named twice", label)
		}
	}
}

func (c *checker) policy(path string, p *Policy) {
	if p == nil {
		return
	}
	c.oneOf(path+".action", string(p.Action), string(ActTurnBack), string(ActStepBack), string(ActHold), string(ActNotify))
	if p.Action != ActStepBack && (p.CoolDown != 0 || p.Attempts != 0) {
		c.wrong(path, "use action: step-back, or leave coolDown and attempts out", "only a step back has coolDown and attempts")
		return
	}
	c.span(path+".coolDown", p.CoolDown, 0, 30*day)
	if p.Attempts < 0 || p.Attempts > 10 {
		c.wrong(path+".attempts", "use a number from 1 to 10", "%d is not a number of attempts", p.Attempts)
	}
}

func (c *checker) ratio(path string, r *Ratio) {
	if r == nil {
		return
	}
	c.selector(path+".events", r.Events)
	c.selector(path+".of", r.Of)
	if r.Events != "" && r.Events == r.Of {
		c.wrong(path+".of", "count the events in events, and what they happen to in of", "is the same as events")
	}
	c.direction(path, r.Worse, r.Margin)
}

func (c *checker) count(path string, k *Count) {
	if k == nil {
		return
	}
	c.selector(path+".events", k.Events)
	c.direction(path, k.Worse, k.Margin)
}

func (c *checker) direction(path string, worse Worse, margin Percent) {
	c.oneOf(path+".worse", string(worse), "", string(WorseHigher), string(WorseLower))
	if margin != 0 {
		c.share(path+".margin", margin)
	}
}

func (c *checker) latency(path string, l *Latency) {
	if l == nil {
		return
	}
	at := path + ".histogram"
	name, _, _ := strings.Cut(l.Histogram, "{")
	switch {
	case strings.HasSuffix(name, "_bucket"):
		c.wrong(at, "name the histogram: "+strings.TrimSuffix(name, "_bucket"), "%q is a series of a histogram", name)
	case strings.HasSuffix(name, "_seconds_count"), strings.HasSuffix(name, "_seconds_sum"):
		c.wrong(at, "name the histogram: "+name[:strings.LastIndex(name, "_")], "%q is a series of a histogram", name)
	}
	c.selector(at, l.Histogram, "le")
}

func (c *checker) mean(path string, m *Mean) {
	if m == nil {
		return
	}
	c.selector(path+".value", m.Value)
	c.selector(path+".of", m.Of)
	c.direction(path, m.Worse, m.Margin)
	if m.Detect != 0 {
		c.share(path+".detect", m.Detect)
	}
}

func (c *checker) objective(path string, o *Objective) {
	if o == nil {
		return
	}
	c.selector(path+".events", o.Events)
	c.selector(path+".of", o.Of)
	if o.Good <= 0 || o.Good >= Full {
		c.wrong(path+".good", "write the share that must be good, such as 99.9", "%s is not between 0 and 100 %%", o.Good)
	}
	if o.Budget != 0 {
		c.share(path+".budget", o.Budget)
	}
}

func (c *checker) baseline(path string, b *Baseline) {
	if b == nil {
		return
	}
	c.query(path+".query", b.Query)
	c.direction(path, b.Worse, 0)
}

func (c *checker) threshold(path string, t *Threshold) {
	if t == nil {
		return
	}
	c.query(path+".query", t.Query)
	c.bounds(path, t.Min, t.Max)
	c.span(path+".for", t.For, 0, day)
}

func (c *checker) trend(path string, t *Trend) {
	if t == nil {
		return
	}
	c.query(path+".query", t.Query)
	if t.MaxRise <= 0 {
		c.wrong(path+".maxRise", "write how far it may rise, such as 20%", "%s is no rise", t.MaxRise)
	}
	c.span(path+".over", t.Over, Duration(1e9), 30*day)
	c.span(path+".for", t.For, 0, day)
}

func (c *checker) probe(path string, p *Probe) {
	if p == nil {
		return
	}
	targets := 0
	for _, target := range []string{p.URL, p.TCP, p.GRPC} {
		if target != "" {
			targets++
		}
	}
	if targets != 1 {
		c.wrong(path, "write two gates for two targets", "needs exactly one of url, tcp and grpc")
	}
	c.target(path, p)
	if p.URL == "" && len(p.Status) > 0 {
		c.wrong(path+".status", "leave it out", "only a url has a status")
	}
	c.atMost(path+".status", len(p.Status), maxList)
	for k, code := range p.Status {
		if code < 100 || code > 599 {
			c.wrong(fmt.Sprintf("%s.status[%d]", path, k), "use codes from 100 to 599", "%d is not an HTTP status", code)
		}
	}
	if p.TLS && p.GRPC == "" {
		c.wrong(path+".tls", "write an https url for TLS over HTTP", "only grpc has tls")
	}
	c.span(path+".interval", p.Interval, Duration(time.Second), Duration(time.Hour))
	c.span(path+".timeout", p.Timeout, Duration(time.Millisecond), max(p.Interval, Duration(time.Second)))
	if p.Failures < 1 || p.Failures > 100 {
		c.wrong(path+".failures", "use a number from 1 to 100", "%d is not a number of failures", p.Failures)
	}
}

func (c *checker) target(path string, p *Probe) {
	if p.URL != "" {
		u, err := url.Parse(p.URL)
		switch {
		case err != nil || len(p.URL) > 2048 || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
			c.wrong(path+".url", "write http://HOST/PATH or https://HOST/PATH", "%.80q is not an address over HTTP", p.URL)
		case u.User != nil:
			c.wrong(path+".url", "let the probe ask an address that needs no password; plans are no place for secrets", "has a user or a password in it")
		}
	}
	if p.TCP != "" && !hostPort(p.TCP) {
		c.wrong(path+".tcp", "write HOST:PORT", "%.80q is not an address", p.TCP)
	}
	address, service, named := strings.Cut(p.GRPC, "/")
	if p.GRPC != "" && (!hostPort(address) || named && !servicePattern.MatchString(service)) {
		c.wrong(path+".grpc", "write HOST:PORT or HOST:PORT/SERVICE", "%.80q is not an address", p.GRPC)
	}
}

var servicePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,199}$`)

func hostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, portErr := strconv.Atoi(port)
	return err == nil && portErr == nil && len(s) <= 300 && host != "" && !strings.ContainsAny(host, " /@") && n >= 1 && n <= math.MaxUint16
}
