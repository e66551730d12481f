package client

import (
	"sync"
	"sync/atomic"

	"github.com/rampart-dev/rampart"
)

// exactUnits is up to how many units of a flag are told apart exactly; 8 bytes each
// and what a map adds.
const exactUnits = 1 << 20

const exposedShards = 16

// exposed counts the units of a flag once a launch, in the arm in force when this
// process first saw them. One set for both arms: a unit that moved from off to on
// counts once, or every step of a ramp would look like a sample ratio mismatch.
//
// Above exactUnits, and again for each quarter more, half of the remaining hashes
// are left out. Both arms lose the same share, so comparisons between them hold
// while memory stays bounded; the totals then count the sample.
type exposed struct {
	shards [exposedShards]struct {
		sync.Mutex
		units map[uint64]struct{}
	}
	size   atomic.Int64
	counts [arms][allBuckets]atomic.Uint64
}

// add counts a unit unless it was counted before.
func (e *exposed) add(arm rampart.Arm, bucket int, unit uint64) {
	if uint32(unit)>>(32-e.halvings()) != 0 {
		return
	}
	s := &e.shards[unit>>8%exposedShards]
	s.Lock()
	defer s.Unlock()
	if _, ok := s.units[unit]; ok {
		return
	}
	if s.units == nil {
		s.units = map[uint64]struct{}{}
	}
	s.units[unit] = struct{}{}
	e.size.Add(1)
	e.counts[arm][bucket].Add(1)
}

// halvings returns how many leading bits of a hash must be zero for it to be in the
// sample.
func (e *exposed) halvings() int64 {
	size := e.size.Load()
	if size < exactUnits {
		return 0
	}
	return min(32, 1+(size-exactUnits)/(exactUnits/4))
}

// has reports whether the unit was counted.
func (e *exposed) has(unit uint64) bool {
	s := &e.shards[unit>>8%exposedShards]
	s.Lock()
	defer s.Unlock()
	_, ok := s.units[unit]
	return ok
}

// forget makes every unit new; the counters go on.
func (e *exposed) forget() {
	for i := range e.shards {
		s := &e.shards[i]
		s.Lock()
		e.size.Add(-int64(len(s.units)))
		s.units = nil
		s.Unlock()
	}
}
