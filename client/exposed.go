package client

import (
	"sync"
	"sync/atomic"

	"github.com/rampart-dev/rampart"
)

// exactUnits is up to how many units of a flag are told apart exactly, at 8 to 32 bytes
// each.
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
	shards [exposedShards]unitSet
	size   atomic.Int64
	counts [arms][allBuckets]atomic.Uint64
}

// add counts a unit unless it was counted before.
func (e *exposed) add(arm rampart.Arm, bucket int, unit uint64) {
	if e.lacks(unit) && e.shard(unit).insert(unit) {
		e.size.Add(1)
		e.counts[arm][bucket].Add(1)
	}
}

// lacks reports whether a unit is to be counted yet. Whoever comes again, which is
// nearly everybody, is recognised without a lock.
func (e *exposed) lacks(unit uint64) bool {
	return uint32(unit)>>(32-e.halvings()) == 0 && !e.has(unit)
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
func (e *exposed) has(unit uint64) bool { return e.shard(unit).has(unit) }

// forget makes every unit new; the counters go on.
func (e *exposed) forget() {
	for i := range e.shards {
		e.size.Add(-int64(e.shards[i].clear()))
	}
}

func (e *exposed) shard(unit uint64) *unitSet { return &e.shards[unit>>8%exposedShards] }

// A unitSet is a set of hashes with open addressing, at most half full. It is read
// without a lock and grows under one. A reader may miss what is just being added, so
// insert looks again.
type unitSet struct {
	slots atomic.Pointer[[]atomic.Uint64] // zero: free; a power of two
	mu    sync.Mutex
	size  int
}

const smallestSet = 16

func (s *unitSet) has(unit uint64) bool {
	slots := s.slots.Load()
	return slots != nil && find(*slots, unit).Load() != 0
}

// insert reports whether the unit was new.
func (s *unitSet) insert(unit uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	slots := s.slots.Load()
	if slots == nil || 2*s.size >= len(*slots) {
		slots = grown(slots)
		s.slots.Store(slots)
	}
	slot := find(*slots, unit)
	if slot.Load() != 0 {
		return false
	}
	slot.Store(nonzero(unit))
	s.size++
	return true
}

// clear returns how many there were.
func (s *unitSet) clear() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.size
	s.slots.Store(nil)
	s.size = 0
	return was
}

func grown(from *[]atomic.Uint64) *[]atomic.Uint64 {
	if from == nil {
		slots := make([]atomic.Uint64, smallestSet)
		return &slots
	}
	slots := make([]atomic.Uint64, 2*len(*from))
	for i := range *from {
		if unit := (*from)[i].Load(); unit != 0 {
			find(slots, unit).Store(unit)
		}
	}
	return &slots
}

// find returns the slot of the unit, or the free one where it would be. It goes by the
// upper half of the hash, because the lower one chooses the shard and the sample.
func find(slots []atomic.Uint64, unit uint64) *atomic.Uint64 {
	unit = nonzero(unit)
	for i := unit >> 32; ; i++ {
		slot := &slots[i&uint64(len(slots)-1)]
		if was := slot.Load(); was == unit || was == 0 {
			return slot
		}
	}
}

// nonzero gives the one hash in 2^64 that is zero the name of another.
func nonzero(unit uint64) uint64 { return max(unit, 1) }
