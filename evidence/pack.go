package evidence

import (
	"encoding/binary"
	"fmt"
	"math"
)

// pack writes whole numbers as varints and others as their bits: as text they
// would take twice the room.
func pack(whole []*int64, real []*float64) []byte {
	var out []byte
	for _, v := range whole {
		out = binary.AppendVarint(out, *v)
	}
	for _, v := range real {
		out = binary.BigEndian.AppendUint64(out, math.Float64bits(*v))
	}
	return out
}

// unpack reads what pack wrote, and returns what follows it. It refuses what no
// sequence of ticks could have led to: numbers that are not finite.
func unpack(in []byte, whole []*int64, real []*float64) ([]byte, error) {
	for _, v := range whole {
		n := 0
		if *v, n = binary.Varint(in); n <= 0 {
			return nil, errCutShort
		}
		in = in[n:]
	}
	for _, v := range real {
		if len(in) < 8 {
			return nil, errCutShort
		}
		*v, in = math.Float64frombits(binary.BigEndian.Uint64(in)), in[8:]
		if math.IsNaN(*v) || math.IsInf(*v, 0) {
			return nil, fmt.Errorf("state has a number that is %g", *v)
		}
	}
	return in, nil
}

// pointers are those of the elements, in their order.
func pointers[T any](all []T) []*T {
	out := make([]*T, len(all))
	for i := range all {
		out[i] = &all[i]
	}
	return out
}
