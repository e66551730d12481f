package client

import (
	"runtime"
	"sync"
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
	stripes []stripe // each guarded by the till of its number

	exemplars exemplars
}

type stripe struct {
	requests  [arms][allBuckets][2]uint64 // ok, error
	durations [arms][MaxEdges + 1]uint64  // by the first edge that is not exceeded
	nanos     [arms]uint64
	_         [64]byte // the next stripe has other cache lines
}

func newCounts(s *series, phase rampart.Phase, edges []time.Duration) *counts {
	return &counts{series: s, phase: phase, edges: edges, stripes: make([]stripe, stripes)}
}

// tills guard the stripes of all flags. Whoever holds one may add to as many counters
// as a request needs, which costs less than to add to three of them atomically.
type tills []till

type till struct {
	sync.Mutex
	_ [56]byte // the next till has another cache line
}

// take locks a till, nearly always one that nobody holds, and returns its number.
func (t tills) take() int {
	mine := stripeIndex()
	for i := range t {
		if i = (mine + i) % len(t); t[i].TryLock() {
			return i
		}
	}
	t[mine].Lock()
	return mine
}

// stripes is a power of two, above the number of cores: who is held up by one that is
// being read finds another.
var stripes = func() int {
	n := 2
	for n <= runtime.GOMAXPROCS(0) && n < 16 {
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

	edge int // of took, where that says something
	unit string
	hash uint64 // of unit, where that is not empty
}

// count counts the request on every flag that was decided for it. The till is held for
// adding only: a set of units may have to grow, and the trace is somebody else's to tell.
func (o *outcome) count() {
	r := o.request
	if o.took >= 0 {
		o.edge = edgeOf(r.client.telemetry.edges, o.took)
	}
	first := false // that a unit is seen of a flag
	tills := r.client.telemetry.tills
	at := tills.take()
	for i := range r.first {
		s := r.first[i].Load()
		if s == over {
			break
		}
		first = o.add(s, at) || first
	}
	for _, s := range r.more {
		first = o.add(s, at) || first
	}
	tills[at].Unlock()
	if first {
		o.expose()
	}
	o.exemplify()
}

// add counts the request on one flag, and reports whether its unit has not been seen of
// the flag before. The caller holds the till.
func (o *outcome) add(s *seen, till int) (first bool) {
	bucket, result := o.bucket(s), 0
	if o.failed {
		result = 1
	}
	c := s.live.counts
	to := &c.stripes[till]
	to.requests[s.arm][bucket][result]++
	if o.took >= 0 {
		to.durations[s.arm][o.edge]++
		to.nanos[s.arm] += uint64(o.took)
	}
	return s.arm != rampart.ArmNone && bucket != noBucket && c.series.exposed.lacks(o.hash)
}

// bucket returns the telemetry bucket of the unit that a flag was decided for, and
// leaves its hash in o.
func (o *outcome) bucket(s *seen) int {
	unit := s.unitOf(o.request)
	if unit == "" {
		return noBucket
	}
	if unit != o.unit {
		o.unit, o.hash = unit, rampart.UnitHash(unit)
	}
	return bucketOf(o.hash)
}

// expose counts units that have not been seen before.
func (o *outcome) expose() {
	for s := range o.request.all() {
		if bucket := o.bucket(s); s.arm != rampart.ArmNone && bucket != noBucket {
			s.live.counts.series.exposed.add(s.arm, bucket, o.hash)
		}
	}
}

// bucketOf is [rampart.TelemetryBucket] of a unit whose hash is known: the upper half
// of the one is the hash of the other.
func bucketOf(hash uint64) int {
	return int(hash >> 32 * rampart.TelemetryBuckets >> 32)
}

func edgeOf(edges []time.Duration, took time.Duration) int {
	for i, edge := range edges {
		if took <= edge {
			return i
		}
	}
	return len(edges)
}

// sum adds the stripes up, and holds up who counts for no longer than it takes to copy
// one.
func (c *counts) sum(t tills) (all stripe) {
	for i := range t {
		t[i].Lock()
		one := c.stripes[i]
		t[i].Unlock()
		all.add(&one)
	}
	return all
}

func (s *stripe) add(one *stripe) {
	for arm := range arms {
		for bucket := range s.requests[arm] {
			for result := range s.requests[arm][bucket] {
				s.requests[arm][bucket][result] += one.requests[arm][bucket][result]
			}
		}
		for edge := range s.durations[arm] {
			s.durations[arm][edge] += one.durations[arm][edge]
		}
		s.nanos[arm] += one.nanos[arm]
	}
}

// histogram returns the durations of one arm; the buckets are cumulative.
func (s *stripe) histogram(arm rampart.Arm, edges []time.Duration) (count uint64, seconds float64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(edges))
	for e, n := range s.durations[arm] {
		count += n
		if e < len(edges) {
			buckets[edges[e].Seconds()] = count
		}
	}
	return count, time.Duration(s.nanos[arm]).Seconds(), buckets
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
