package gates

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/rampart-dev/rampart"
)

const (
	// slowest is the quantile that latencies are compared at.
	slowest = 0.99
	// slower is how many times the latency of the off arm that of the on arm may
	// be. Edges of a histogram lie further apart than that, and interpolation
	// between them is coarse, so less would be noise.
	slower = 1.5
	// enoughSlow is how many requests of late each arm must have: the hundredth
	// part of fewer is nobody.
	enoughSlow = 100
)

// A tail is the histogram of latencies of late, by arm.
type tail struct {
	Edges []float64 `json:"edges"` // finite, rising
	On    []float64 `json:"on"`    // requests up to each edge, and at last all
	Off   []float64 `json:"off"`
}

// slow takes the histogram of one tick into that of late.
func (g *gate) slow(look Look, saw sight) error {
	if err := failed(saw.counts); err != nil {
		return err
	}
	arms := saw.counts[0].Arms
	span := g.span(look)
	if err := g.Arrivals.both(look, saw.to, arms); err != nil {
		return err
	}
	edges, labels := edgesOf(arms)
	if len(edges) == 0 {
		return &NoData{"the histogram has no edges"}
	}
	if g.Tail == nil || !slices.Equal(g.Tail.Edges, edges) {
		g.Tail = &tail{Edges: edges, On: make([]float64, len(edges)+1), Off: make([]float64, len(edges)+1)}
	}
	f := fading(look, span)
	for i, le := range labels {
		g.Tail.On[i] = brief(g.Tail.On[i]*f + arms["on"].Edges[le])
		g.Tail.Off[i] = brief(g.Tail.Off[i]*f + arms["off"].Edges[le])
	}
	ratio, beyond := g.Tail.compare()
	g.Value = ratio
	g.Out.take(look, g.At, ratio > slower && beyond)
	return nil
}

// edgesOf returns the finite edges of a histogram, rising, and the labels of all of
// them with +Inf at last. Without +Inf there is no histogram.
func edgesOf(arms map[string]ArmCount) (edges []float64, labels []string) {
	byEdge := map[float64]string{}
	for _, arm := range []string{"on", "off"} {
		for le := range arms[arm].Edges {
			if edge, ok := edgeOf(le); ok {
				byEdge[edge] = le
			}
		}
	}
	all := slices.Sorted(maps.Keys(byEdge))
	if len(all) < 2 || !math.IsInf(all[len(all)-1], 1) {
		return nil, nil
	}
	for _, edge := range all {
		labels = append(labels, byEdge[edge])
	}
	return all[:len(all)-1], labels
}

// compare returns by how many times the on arm is slower, and whether that is more
// than chance: whether more of the requests beyond the quantile of the off arm are
// the on arm's than its share of all requests.
func (t *tail) compare() (ratio float64, beyond bool) {
	last := len(t.Edges)
	n1, n0 := t.On[last], t.Off[last]
	if n1 < enoughSlow || n0 < enoughSlow {
		return 0, false
	}
	on, off := quantile(t.Edges, t.On), quantile(t.Edges, t.Off)
	if off == 0 {
		return 0, false
	}
	edge, _ := slices.BinarySearch(t.Edges, off)
	edge = min(edge, last-1)
	x1, x0 := n1-t.On[edge], n0-t.Off[edge]
	m, p := x1+x0, n1/(n1+n0)
	return on / off, x1-m*p > byChance*math.Sqrt(m*p*(1-p))
}

// quantile interpolates within the edges that the quantile lies between, as
// Prometheus does. Beyond the last edge nothing is known but that edge.
func quantile(edges, upTo []float64) float64 {
	rank := slowest * upTo[len(edges)]
	i, _ := slices.BinarySearch(upTo[:len(edges)], rank)
	if i == len(edges) {
		return edges[i-1]
	}
	low, below := 0.0, 0.0
	if i > 0 {
		low, below = edges[i-1], upTo[i-1]
	}
	if upTo[i] == below {
		return edges[i]
	}
	return low + (edges[i]-low)*(rank-below)/(upTo[i]-below)
}

// paced reads the verdict on a latency off what is known of it.
func (g *gate) paced(look Look, name string, v *rampart.GateVerdict) {
	if g.Tail == nil {
		v.Word, v.Reason = rampart.Holding, name+" has not been looked at yet"
		return
	}
	last := len(g.Tail.Edges)
	v.OnN, v.OffN = g.Tail.On[last], g.Tail.Off[last]
	if g.Value == 0 {
		how := fmt.Sprintf("%s: %.0f requests on and %.0f off of late, %d needed to compare", name, v.OnN, v.OffN, enoughSlow)
		v.Word, v.Reason = rampart.Holding, how
		if look.HoldOver {
			v.Word = rampart.Undecided
		}
		return
	}
	v.Value = &g.Value
	on, off := quantile(g.Tail.Edges, g.Tail.On), quantile(g.Tail.Edges, g.Tail.Off)
	how := fmt.Sprintf("%s p99 %s on, %s off, at most %sx", name, seconds(on), seconds(off), number(slower))
	g.within(look, v, how, lasting(look))
}

func seconds(v float64) string {
	return time.Duration(math.Round(v*1e6) * 1e3).String()
}
