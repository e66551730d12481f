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

// coarse rounds to 28 binary digits: sums over buckets only tell an error, and twenty
// of them for each arm must be small. Over a hundred million ticks nothing is lost.
func coarse(v float64) float64 {
	return math.Float64frombits((math.Float64bits(v) + 1<<23) &^ (1<<24 - 1))
}

// packCoarse writes sums that were rounded by coarse, in five bytes each.
func packCoarse(out []byte, sums *[bucketCount]float64) []byte {
	for _, v := range sums {
		bits := math.Float64bits(v)
		out = append(out, byte(bits>>56))
		out = binary.BigEndian.AppendUint32(out, uint32(bits>>24))
	}
	return out
}

func unpackCoarse(in []byte, sums *[bucketCount]float64) ([]byte, error) {
	for i := range sums {
		if len(in) < 5 {
			return nil, errCutShort
		}
		bits := uint64(in[0])<<56 | uint64(binary.BigEndian.Uint32(in[1:]))<<24
		if sums[i], in = math.Float64frombits(bits), in[5:]; math.IsNaN(sums[i]) || math.IsInf(sums[i], 0) {
			return nil, fmt.Errorf("state has a number that is %g", sums[i])
		}
	}
	return in, nil
}
