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

	exemplars exemplars
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

// An outcome is what became of one request. What every flag needs of it is worked out
// once.
type outcome struct {
	request *Request
	failed  bool
	took    time.Duration // negative: it says nothing
	stripe  int

	edge   int // of took, from 1; 0: not looked for yet
	unit   string
	hash   uint64 // of unit, where that is not empty
	trace  string
	traced bool // trace was looked for
}

// count counts the request on one flag that was decided for it.
func (o *outcome) count(s *seen) {
	c := s.live.counts
	to, bucket, result := &c.stripes[o.stripe], noBucket, 0
	if s.unit != "" {
		if s.unit != o.unit {
			o.unit, o.hash = s.unit, rampart.UnitHash(s.unit)
		}
		bucket = bucketOf(o.hash)
	}
	if o.failed {
		result = 1
	}
	to.requests[s.arm][bucket][result].Add(1)
	if o.took >= 0 {
		if o.edge == 0 {
			o.edge = 1 + c.edge(o.took)
		}
		to.durations[s.arm][o.edge-1].Add(1)
		to.nanos[s.arm].Add(uint64(o.took))
	}
	if s.arm != rampart.ArmNone && bucket != noBucket {
		c.series.exposed.add(s.arm, bucket, o.hash)
	}
	o.exemplify(c, s.arm, bucket)
}

// bucketOf is [rampart.TelemetryBucket] of a unit whose hash is known: the upper half
// of the one is the hash of the other.
func bucketOf(hash uint64) int {
	return int(hash >> 32 * rampart.TelemetryBuckets >> 32)
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
