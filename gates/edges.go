package gates

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// quantiles are those of the off arm near which the edges lie that a latency gate
// compares.
var quantiles = [latencyEdges]float64{0.5, 0.9, 0.95, 0.99}

const (
	// nearEnough is how many times a quantile its nearest edge may be, or the other way
	// round: as far as the usual edges lie apart.
	nearEnough = 2.5
	// enoughEdges of the four must be near, or the gate sees little but the bulk.
	enoughEdges = 3
)

// A histogram is how many requests took up to each edge.
type histogram struct {
	edges []float64 // finite, rising
	upTo  []float64 // requests up to each edge, and at last all
}

// histogramOf reads one by the label le. Without +Inf there is none.
func histogramOf(le map[string]float64) histogram {
	byEdge := map[float64]float64{}
	for label, n := range le {
		if edge, ok := edgeOf(label); ok {
			byEdge[edge] = n
		}
	}
	all := slices.Sorted(maps.Keys(byEdge))
	if len(all) == 0 || !math.IsInf(all[len(all)-1], 1) {
		return histogram{}
	}
	h := histogram{edges: all[:len(all)-1]}
	for _, edge := range all {
		n := byEdge[edge]
		if last := len(h.upTo) - 1; last >= 0 {
			n = max(n, h.upTo[last]) // estimates of counters need not rise
		}
		h.upTo = append(h.upTo, n)
	}
	return h
}

func (h histogram) all() float64 {
	if len(h.upTo) == 0 {
		return 0
	}
	return h.upTo[len(h.upTo)-1]
}

// slowest returns the edge that a gate compares the slowest hundredth at, and the share
// of requests beyond it.
func (h histogram) slowest() (edge, beyond float64) {
	edge = h.nearest(quantiles[latencyEdges-1])
	i := slices.Index(h.edges, edge)
	return edge, 1 - h.upTo[i]/h.all()
}

// near returns the edges that are near the quantiles, each once.
func (h histogram) near() []float64 {
	var found []float64
	for _, q := range quantiles {
		v, ok := h.quantile(q)
		if !ok {
			continue
		}
		edge := h.nearest(q)
		if far := edge / v; far <= nearEnough && far >= 1/nearEnough && !slices.Contains(found, edge) {
			found = append(found, edge)
		}
	}
	return found
}

// quantile interpolates between edges. Beyond the last edge nothing is known.
func (h histogram) quantile(q float64) (float64, bool) {
	rank := q * h.all()
	i, _ := slices.BinarySearch(h.upTo, rank)
	if i >= len(h.edges) {
		return 0, false
	}
	low, below := 0.0, 0.0
	if i > 0 {
		low, below = h.edges[i-1], h.upTo[i-1]
	}
	if h.upTo[i] == below {
		return h.edges[i], h.edges[i] > 0
	}
	v := low + (h.edges[i]-low)*(rank-below)/(h.upTo[i]-below)
	return v, v > 0
}

// mistaken says what is wrong with the edges, or nothing.
func (h histogram) mistaken(metric string) string {
	near := h.near()
	_, known := h.quantile(quantiles[latencyEdges-1])
	switch {
	case h.all() == 0 || len(near) >= enoughEdges && known:
		return ""
	case len(h.edges) == 0:
		return fmt.Sprintf("%s has no edges below +Inf", metric)
	case !known:
		return fmt.Sprintf("the slowest hundredth of %s lies beyond its last edge, %s", metric, edgeText(h.edges[len(h.edges)-1]))
	}
	some := [enoughEdges]string{"no edge", "1 edge", "2 edges"}[min(len(near), enoughEdges-1)]
	return fmt.Sprintf("%s has %s near its p50, p90, p95 and p99, where %d are needed", metric, some, enoughEdges)
}

// hint says what to do about it.
func (h histogram) hint() string {
	text := "give the histogram edges around the latencies that there are"
	if p50, ok := h.quantile(0.5); ok {
		text += ", from about " + edgeText(p50)
		if p99, ok := h.quantile(0.99); ok {
			text += " to " + edgeText(2*p99)
		}
	}
	return text + fmt.Sprintf(", each at most %s times the one before", number(nearEnough))
}

// edgeText writes an edge, which is in seconds, as a duration.
func edgeText(edge float64) string {
	return time.Duration(math.Round(edge*1e6) * 1e3).String()
}
