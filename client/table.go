package client

import (
	"cmp"
	"hash/maphash"
	"math/bits"
	"slices"
	"sync"
)

// A table finds flags by name. It never changes, and so can be a plain array with
// open addressing, which is found in faster than in a map: a decision is so short
// that a third of its time would be the look-up.
type table struct {
	slots   []slot // a power of two, at most a quarter of them taken
	size    int
	seed    uint64         // so that nobody can choose names that collide
	ordered func() []*Flag // by name; sorted at the first call
}

// A slot keeps the first and the last eight bytes of names of 8 to 16 bytes, which
// are all of them, so that most names are compared without a call.
type slot struct {
	flag        *Flag
	name        string
	first, last uint64
}

func tableOf(flags map[string]*Flag) *table {
	t := &table{slots: make([]slot, 1<<bits.Len(uint(4*len(flags)))), size: len(flags), seed: maphash.String(maphash.MakeSeed(), "")}
	for name, f := range flags {
		s := t.slot(name)
		s.flag, s.name = f, name
		if usual(name) {
			s.first, s.last = load8(name), load8(name[len(name)-8:])
		}
	}
	t.ordered = sync.OnceValue(func() []*Flag {
		return slices.SortedFunc(t.all, func(a, b *Flag) int { return cmp.Compare(a.name, b.name) })
	})
	return t
}

// find returns nil where there is no such name.
func (t *table) find(name string) *Flag { return t.slot(name).flag }

// slot returns the slot of the name, or the empty one where it would be. Names of
// usual length take one wide multiplication.
func (t *table) slot(name string) *slot {
	if !usual(name) {
		return t.unusual(name)
	}
	first, last := load8(name), load8(name[len(name)-8:])
	h := fold(t.seed^uint64(len(name))^first, last^mixB)
	for i := int(h); ; i++ {
		s := &t.slots[i&(len(t.slots)-1)]
		if s.first == first && s.last == last && len(s.name) == len(name) || s.flag == nil {
			return s
		}
	}
}

// usual reports whether eight bytes from the beginning and eight from the end are
// all of the name.
func usual(name string) bool { return len(name) >= 8 && len(name) <= 16 }

func (t *table) unusual(name string) *slot {
	h := hash(t.seed^uint64(len(name)), name)
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
