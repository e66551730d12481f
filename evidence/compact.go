package evidence

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// The state of a dozen gates has to fit into 8 KiB, so that numbers are written as
// short as they can be without making a difference. What is not exact is rounded
// when it is folded and not when it is written: evidence must not depend on how
// often it was stored.

// brief rounds to 36 bits of mantissa, eleven digits, which take six bytes.
func brief(v float64) float64 {
	const cut = 16
	return math.Float64frombits((math.Float64bits(v) + 1<<(cut-1)) &^ (1<<cut - 1))
}

func briefly(all ...*float64) {
	for _, v := range all {
		*v = brief(*v)
	}
}

// A writer appends numbers.
type writer []byte

func (w *writer) whole(v int64) { *w = binary.AppendVarint(*w, v) }

// brief writes a number that is brief.
func (w *writer) brief(v float64) {
	bits := math.Float64bits(v)
	*w = binary.BigEndian.AppendUint16(*w, uint16(bits>>48))
	*w = binary.BigEndian.AppendUint32(*w, uint32(bits>>16))
}

func (w *writer) exact(v float64) { *w = binary.BigEndian.AppendUint64(*w, math.Float64bits(v)) }

// count writes a sum of counts, which is a whole number, or of shares.
func (w *writer) count(v float64) {
	if v == math.Trunc(v) && v >= 0 && v < 1<<62 {
		*w = binary.AppendUvarint(*w, uint64(v)<<1)
		return
	}
	*w = append(*w, 1)
	w.exact(v)
}

// buckets writes whole numbers that differ from each other by less than they are:
// their mean, how many bits the differences take, and those.
func (w *writer) buckets(all [bucketCount]int64) {
	var mean int64
	for _, v := range all {
		mean += v / bucketCount
	}
	width := 0
	for i, v := range all {
		all[i] = zigzag(v - mean)
		width = max(width, bits.Len64(uint64(all[i])))
	}
	w.whole(mean)
	*w = append(*w, byte(width))
	var held uint64
	n := 0
	for _, v := range all {
		for i := range width {
			held = held<<1 | uint64(v)>>(width-1-i)&1
			if n++; n == 8 {
				*w = append(*w, byte(held))
				held, n = 0, 0
			}
		}
	}
	if n > 0 {
		*w = append(*w, byte(held<<(8-n)))
	}
}

func zigzag(v int64) int64 { return v<<1 ^ v>>63 }

// A reader takes what a writer wrote off the front. After what is cut short all
// numbers are zero.
type reader struct {
	left []byte
	err  error
}

func (r *reader) whole() int64 {
	v, n := binary.Varint(r.left)
	r.skip(n, n > 0)
	return v
}

func (r *reader) sum() int64 {
	v, n := binary.Uvarint(r.left)
	r.skip(n, n > 0)
	return int64(v)
}

func (r *reader) take(n int) []byte {
	if len(r.left) < n {
		r.skip(0, false)
		return make([]byte, n)
	}
	out := r.left[:n]
	r.skip(n, true)
	return out
}

func (r *reader) skip(n int, ok bool) {
	if !ok {
		r.left, r.err = nil, errCutShort
		return
	}
	r.left = r.left[n:]
}

func (r *reader) brief() float64 {
	b := r.take(6)
	return r.real(uint64(binary.BigEndian.Uint16(b))<<48 | uint64(binary.BigEndian.Uint32(b[2:]))<<16)
}

func (r *reader) exact() float64 { return r.real(binary.BigEndian.Uint64(r.take(8))) }

// real refuses what no sequence of ticks could have led to.
func (r *reader) real(b uint64) float64 {
	v := math.Float64frombits(b)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		r.left, r.err = nil, errNotFinite
		return 0
	}
	return v
}

func (r *reader) count() float64 {
	v, n := binary.Uvarint(r.left)
	r.skip(n, n > 0)
	if v&1 == 1 {
		return r.exact()
	}
	return float64(v >> 1)
}

func (r *reader) buckets() (all [bucketCount]int64) {
	mean, width := r.whole(), int(r.take(1)[0])
	if width > 63 {
		r.skip(0, false)
		return all
	}
	packed := r.take((width*bucketCount + 7) / 8)
	at := 0
	for i := range all {
		var v uint64
		for range width {
			v = v<<1 | uint64(packed[at/8]>>(7-at%8)&1)
			at++
		}
		all[i] = mean + (int64(v>>1) ^ -int64(v&1))
	}
	return all
}
