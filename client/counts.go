package client

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/rampart-dev/rampart"
)

// MaxEdges bounds the edges of the duration histogram.
const MaxEdges = 24

// defaultEdges are close enough together that the edges nearest to the usual
// quantiles of a service say something about them.
var defaultEdges = []float64{
	0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15,
	0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10,
}

const (
	arms       = 3
	noBucket   = rampart.TelemetryBuckets // of work without a unit key; its label is empty
	allBuckets = rampart.TelemetryBuckets + 1
)

// counts are the counters of one flag in one phase, striped so that cores do not
// fight for them. Reading sums the stripes.
type counts struct {
	series  *series
	phase   rampart.Phase
	edges   []time.Duration
	stripes []stripe
}

type stripe struct {
	requests  [arms][allBuckets][2]atomic.Uint64 // ok, error
	durations [arms][MaxEdges + 1]atomic.Uint64  // by the first edge that is not exceeded
	nanos     [arms]atomic.Uint64
	_         [64]byte // the next stripe has other cache lines
}

func newCounts(s *series, phase rampart.Phase, edges []time.Duration) *counts {
	return &counts{series: s, phase: phase, edges: edges, stripes: make([]stripe, stripes)}
}

// stripes is a power of two near the number of cores.
var stripes = func() int {
	n := 1
	for n < runtime.GOMAXPROCS(0) && n < 16 {
		n *= 2
	}
	return n
}()

// stripeIndex spreads goroutines by the address of their stacks, which differs
// between them and stays while one runs.
func stripeIndex() int {
	var here byte
	address := uintptr(unsafe.Pointer(&here)) // #nosec G103 -- only a number is made of it
	return int(address>>12*0x9E3779B1>>16) & (stripes - 1)
}

// request counts one request that was served under an arm.
func (c *counts) request(arm rampart.Arm, unit string, failed bool, took time.Duration) {
	s, bucket, outcome := &c.stripes[stripeIndex()], noBucket, 0
	if unit != "" {
		bucket = rampart.TelemetryBucket(unit)
	}
	if failed {
		outcome = 1
	}
	s.requests[arm][bucket][outcome].Add(1)
	if took >= 0 {
		s.durations[arm][c.edge(took)].Add(1)
		s.nanos[arm].Add(uint64(took))
	}
	if arm != rampart.ArmNone {
		c.series.exposed.add(arm, bucket, rampart.UnitHash(unit))
	}
}

func (c *counts) edge(took time.Duration) int {
	for i, edge := range c.edges {
		if took <= edge {
			return i
		}
	}
	return len(c.edges)
}

// requests sums one counter.
func (c *counts) requests(arm rampart.Arm, bucket, outcome int) (n uint64) {
	for i := range c.stripes {
		n += c.stripes[i].requests[arm][bucket][outcome].Load()
	}
	return n
}

// durations sums one histogram; the buckets are cumulative.
func (c *counts) durations(arm rampart.Arm) (count uint64, seconds float64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(c.edges))
	var nanos uint64
	for e := range len(c.edges) + 1 {
		for i := range c.stripes {
			count += c.stripes[i].durations[arm][e].Load()
		}
		if e < len(c.edges) {
			buckets[c.edges[e].Seconds()] = count
		}
	}
	for i := range c.stripes {
		nanos += c.stripes[i].nanos[arm].Load()
	}
	return count, time.Duration(nanos).Seconds(), buckets
}

func increasing(edges []float64) bool {
	last := 0.0
	for _, e := range edges {
		if !(e > last) {
			return false
		}
		last = e
	}
	return true
}
