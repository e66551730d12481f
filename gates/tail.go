package gates

import (
	"fmt"
	"math"
	"slices"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// slowParts are the parts of the evidence of a latency, in the order of [quantiles]:
// each compares how often requests take longer than one edge of the histogram.
var slowParts = [latencyEdges]string{"p50", "p90", "p95", "p99"}

const (
	// slowOfCohorts is the edge that cohorts are compared at: they have fewer
	// requests, of which a hundredth is nobody.
	slowOfCohorts = 2
	// enoughToFix is how many requests must be known before edges are fixed.
	enoughToFix = 1000
)

// A tail is what is known of the histogram of a latency. Its edges are fixed once in an
// attempt of a launch, from requests of before the first tick that is folded: of a
// shadow period, or else of the off arm. So no evidence has a say in where it is
// looked for.
type tail struct {
	Edges []float64          `json:"at,omitempty"`   // in seconds, near each of the quantiles
	UpTo  map[string]float64 `json:"upTo,omitempty"` // requests by the label le, until the edges are fixed
}

// fixed reports whether the edges are known at which the arms are compared.
func (t *tail) fixed() bool { return t != nil && len(t.Edges) == latencyEdges }

// learn adds requests that were served off.
func (t *tail) learn(le map[string]float64) {
	if t.UpTo == nil {
		t.UpTo = map[string]float64{}
	}
	for label, n := range le {
		if len(t.UpTo) < maxEdges || t.UpTo[label] > 0 || label == "+Inf" {
			t.UpTo[label] += n
		}
	}
}

// fix fixes the edges once enough requests are known.
func (t *tail) fix() {
	h := histogramOf(t.UpTo)
	if t.fixed() || h.all() < enoughToFix || len(h.edges) == 0 {
		return
	}
	for _, q := range quantiles {
		t.Edges = append(t.Edges, h.nearest(q))
	}
	t.UpTo = nil
}

// maxEdges bounds what is kept of a histogram.
const maxEdges = 50

// nearest is the edge nearest to a quantile, as far as there is one: the last edge
// where the quantile lies beyond it, and none beyond which there is nobody where the
// one before it has some.
func (h histogram) nearest(q float64) float64 {
	v, ok := h.quantile(q)
	if !ok {
		return h.edges[len(h.edges)-1]
	}
	best := 0
	for i, e := range h.edges {
		if i > 0 && h.upTo[i-1] < h.all() && math.Abs(math.Log(e/v)) < math.Abs(math.Log(h.edges[best]/v)) {
			best = i
		}
	}
	if best > 0 && h.upTo[best] == h.all() {
		best--
	}
	return h.edges[best]
}

// slow folds the histogram of one tick into the evidence of a latency. The first error
// says why there is none; the second is a defect.
func (g *gate) slow(look Look, s *State, spec rampart.Gate, saw sight) (none, fault error) {
	if none = failed(saw.counts); none != nil {
		return none, nil
	}
	all := saw.counts[0]
	if none = g.Arrivals.both(look, saw.to, all.Arms); none != nil {
		g.Counted = look.tick()
		return none, nil
	}
	if g.Tail == nil {
		g.Tail = new(tail)
	}
	if g.Tail.fix(); !g.Tail.fixed() {
		g.Counted = look.tick()
		off := all.Arms["off"].Edges
		if len(histogramOf(off).edges) == 0 {
			return &NoData{"the histogram has no edges"}, nil
		}
		g.Tail.learn(off)
		g.Tail.fix() // for the next tick: this one had a say
		return nil, nil
	}
	ticks, err := g.Tail.ticks(look, all)
	if err == nil {
		err = g.judge(look, s, spec, ticks, ticks[len(slowParts)-1].Tick)
	}
	if a, _ := answerOf(err); a == missing {
		return err, nil
	}
	return nil, err
}

// ticks are the exceedances of each edge, and of each cohort those of one.
func (t *tail) ticks(look Look, all Counted) ([]evidence.PartTick, error) {
	var ticks []evidence.PartTick
	for i, part := range slowParts {
		tick, err := exceeding(look, t.Edges[i], all.Arms)
		if err != nil {
			return nil, err
		}
		ticks = append(ticks, evidence.PartTick{Part: part, Tick: tick})
	}
	for cohort, arms := range all.Cohorts {
		// A cohort that was never seen in one of the arms says nothing yet.
		if tick, err := exceeding(look, t.Edges[slowOfCohorts], arms); err == nil {
			ticks = append(ticks, evidence.PartTick{Part: cohort, Tick: tick})
		}
	}
	return ticks, nil
}

// exceeding counts the requests of both arms that took longer than an edge.
func exceeding(look Look, edge float64, arms map[string]ArmCount) (evidence.Tick, error) {
	t := evidence.Tick{At: look.tick()}
	for _, arm := range []struct {
		name string
		x, n *float64
	}{{"on", &t.X1, &t.N1}, {"off", &t.X0, &t.N0}} {
		h := histogramOf(arms[arm.name].Edges)
		i := slices.Index(h.edges, edge)
		switch {
		case len(h.upTo) == 0:
			return t, &NoData{"the histogram of the " + arm.name + " arm has no edges"}
		case i < 0:
			return t, &NoData{fmt.Sprintf("the edges of the histogram changed: the %s arm has none at %s any more", arm.name, edgeText(edge))}
		}
		*arm.x, *arm.n = h.all()-h.upTo[i], h.all()
	}
	return t, nil
}

// learns reports whether nobody is exposed yet whose experience a gate could compare,
// so that what its counts are like can be learnt from both arms.
func (s *State) learns(look Look, spec rampart.Gate) bool {
	if look.Exposure != 0 || !compares(spec) || s.Evidence == nil {
		return false
	}
	known := s.Evidence.Gate(key(spec))
	return known != nil && known.CB().Samples().Ticks == 0
}

// learn takes in what counts are like while everybody is served off: by how much they
// vary over the telemetry buckets, and where the edges of a latency lie. What is
// missing meanwhile matters to nobody.
func (g *gate) learn(look Look, s *State, spec rampart.Gate, saw sight) {
	if saw.err != nil || failed(saw.counts) != nil {
		return
	}
	g.Counted = look.tick()
	arms := saw.counts[0].Arms
	if spec.Latency != nil {
		if g.Tail == nil {
			g.Tail = new(tail)
		}
		if !g.Tail.fixed() {
			g.Tail.learn(arms["on"].Edges)
			g.Tail.learn(arms["off"].Edges)
		}
		return
	}
	if b := bucketsIn(arms); b != nil {
		_ = s.Evidence.Gate(key(spec)).Learn(*b) // impossible counts teach nothing
	}
}

// unfixed is the verdict on a latency whose edges are not known yet.
func (g *gate) unfixed(look Look, name string, v *rampart.GateVerdict) {
	var seen float64
	if g.Tail != nil {
		seen = histogramOf(g.Tail.UpTo).all()
	}
	v.Word = rampart.Holding
	v.Reason = fmt.Sprintf("%s: %.0f of %d requests of the off arm are there that fix its edges", name, seen, enoughToFix)
	if look.HoldOver {
		v.Word = rampart.Undecided
	}
}
