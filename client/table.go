package client

import (
	"hash/maphash"
	"math/bits"
)

// A table finds flags by name. It never changes, and so can be a plain array with
// open addressing, which is found in faster than in a map: a decision is so short
// that a third of its time would be the look-up.
type table struct {
	slots []slot // a power of two, at most a quarter of them taken
	size  int
	seed  uint64 // so that nobody can choose names that collide
}

type slot struct {
	name string
	flag *Flag
}

func tableOf(flags map[string]*Flag) *table {
	t := &table{slots: make([]slot, 1<<bits.Len(uint(4*len(flags)))), size: len(flags), seed: maphash.String(maphash.MakeSeed(), "")}
	for name, f := range flags {
		*t.slot(name) = slot{name, f}
	}
	return t
}

// find returns nil where there is no such name.
func (t *table) find(name string) *Flag { return t.slot(name).flag }

// slot returns the slot of the name, or the empty one where it would be. Names of
// usual length take one wide multiplication.
func (t *table) slot(name string) *slot {
	n := len(name)
	h := t.seed ^ uint64(n)
	if n >= 8 && n <= 16 {
		h = fold(h^load8(name), load8(name[n-8:])^mixB)
	} else {
		h = hash(h, name)
	}
	for i := int(h); ; i++ {
		s := &t.slots[i&(len(t.slots)-1)]
		if s.flag == nil || s.name == name {
			return s
		}
	}
}

func (t *table) all(yield func(*Flag) bool) {
	for i := range t.slots {
		if f := t.slots[i].flag; f != nil && !yield(f) {
			return
		}
	}
}

// hash folds sixteen bytes at a time; the last sixteen may overlap those before.
func hash(h uint64, name string) uint64 {
	n := len(name)
	if n < 8 {
		var short uint64
		for i := range n {
			short = short<<8 | uint64(name[i])
		}
		return fold(h^short, h^mixA)
	}
	for i := 16; i < n; i += 16 {
		h = fold(h^load8(name[i-16:]), load8(name[i-8:])^mixA)
	}
	return fold(h^load8(name[n-16:]), load8(name[n-8:])^mixB)
}

// The two numbers keep a zero half of a name from making the product zero.
const (
	mixA = 0xe7037ed1a0b428db
	mixB = 0xa0761d6478bd642f
)

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// load8 reads eight bytes; the compiler makes one load of it.
func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
