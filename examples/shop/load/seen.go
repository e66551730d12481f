package load

import (
	"math"
	"sync"
	"time"
)

// Seen is what the customers saw.
type Seen struct {
	ByVersion map[string]Saw // of the checkout that answered; "" where none did
	Hurt      int            // customers who saw an error
	Missed    int64          // clicks that were turned away, because too many were under way
}

// Saw is what customers saw of one version.
type Saw struct {
	Clicks int64
	Failed int64
	Orders int64
	Took   time.Duration // all answers together
	P50    time.Duration // of the answers; an upper bound, at most a tenth above
	P99    time.Duration
}

// Mean returns how long an answer took; 0 where there was none.
func (s Saw) Mean() time.Duration {
	if s.Clicks == 0 {
		return 0
	}
	return s.Took / time.Duration(s.Clicks)
}

// Since returns what was seen after an earlier telling. Quantiles cannot be told
// apart, and are left out; so are the customers who were hurt.
func Since(before, now Seen) Seen {
	since := Seen{ByVersion: map[string]Saw{}, Missed: now.Missed - before.Missed}
	for version, saw := range now.ByVersion {
		was := before.ByVersion[version]
		since.ByVersion[version] = Saw{Clicks: saw.Clicks - was.Clicks, Failed: saw.Failed - was.Failed, Orders: saw.Orders - was.Orders, Took: saw.Took - was.Took}
	}
	return since
}

// All adds what was seen of all versions; the quantiles are left out.
func (s Seen) All() Saw {
	var all Saw
	for _, saw := range s.ByVersion {
		all.Clicks += saw.Clicks
		all.Failed += saw.Failed
		all.Orders += saw.Orders
		all.Took += saw.Took
	}
	return all
}

// seen counts what customers see.
type seen struct {
	mu   sync.Mutex
	by   map[string]*tally
	hurt map[string]struct{} // by user
}

type tally struct {
	saw    Saw
	timing [buckets]int64
}

// Durations are counted in buckets that grow by a tenth each, from 0.1 ms.
const (
	buckets = 120
	least   = 100 * time.Microsecond
	growth  = 1.1
)

func (s *seen) add(version string, u *user, failed, ordered bool, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by, s.hurt = map[string]*tally{}, map[string]struct{}{}
	}
	t := s.by[version]
	if t == nil {
		t = &tally{}
		s.by[version] = t
	}
	t.saw.Clicks++
	t.saw.Took += took
	t.timing[bucketOf(took)]++
	if failed {
		t.saw.Failed++
		s.hurt[u.name] = struct{}{}
	}
	if ordered {
		t.saw.Orders++
	}
}

func (s *seen) sum() Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := Seen{ByVersion: map[string]Saw{}, Hurt: len(s.hurt)}
	for version, t := range s.by {
		saw := t.saw
		saw.P50, saw.P99 = t.quantile(0.5), t.quantile(0.99)
		all.ByVersion[version] = saw
	}
	return all
}

func (t *tally) quantile(q float64) time.Duration {
	rank, sum := int64(math.Ceil(q*float64(t.saw.Clicks))), int64(0)
	for i, n := range t.timing {
		if sum += n; sum >= rank && n > 0 {
			return time.Duration(float64(least) * math.Pow(growth, float64(i)))
		}
	}
	return 0
}

func bucketOf(took time.Duration) int {
	if took <= least {
		return 0
	}
	i := int(math.Ceil(math.Log(float64(took)/float64(least)) / math.Log(growth)))
	return min(i, buckets-1)
}
