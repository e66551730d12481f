package flagstore

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"

	"github.com/rampart-dev/rampart"
)

// A layout is what points of one stage have in common. Points name it rather than
// repeat it: a series would be three times as long.
type layout struct {
	Phase rampart.Phase `json:"phase"`
	Gates []layoutGate  `json:"gates,omitempty"`
}

type layoutGate struct {
	Gate string           `json:"gate"`
	Kind rampart.GateKind `json:"kind"`
}

// maxPointGates bounds a point: of plans with more gates, the first are kept.
const maxPointGates = 64

// words are verdicts by their number in points. New ones are added at the end.
var words = []rampart.Word{"", rampart.NotApplicable, rampart.Holding, rampart.Pass, rampart.Undecided, rampart.NoData, rampart.Blind, rampart.Breach}

// The figures that a point has, one bit each. A reader that does not know one of them
// cannot read on, so it says so.
const (
	hasValue = 1 << iota
	hasLow
	hasHigh
	hasEvidence // logE and share
	hasUnits    // of both arms
	hasPhi
	knownFigures = 1<<iota - 1
)

// pack returns the point as it is stored, and its layout:
//
//	length of what follows, 2 bytes
//	number of its layout, 4 bytes
//	tick, exposure: uvarint     word: 1 byte     share: 3 bytes
//	1 and on, off: uvarint, logE: 3 bytes; or 0
//	by gate:  word: 1 byte     which figures there are: 1 byte     the figures
//
// Figures are the upper three bytes of a float32, units uvarints.
func (p Point) pack() (packed []byte, described []byte, err error) {
	gates := p.Gates[:min(len(p.Gates), maxPointGates)]
	shape := layout{Phase: p.Phase}
	for _, g := range gates {
		shape.Gates = append(shape.Gates, layoutGate{g.Gate, g.Kind})
	}
	if described, err = json.Marshal(shape); err != nil {
		return nil, nil, err
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 2, 32+32*len(gates)), layoutNumber(described))
	b = binary.AppendUvarint(b, uint64(max(0, p.At)))
	b = binary.AppendUvarint(b, uint64(max(0, p.Exposure)))
	b = appendFigure(append(b, wordNumber(p.Word)), p.Share)
	if r := p.SampleRatio; r != nil {
		b = binary.AppendUvarint(append(b, 1), uint64(max(0, r.On)))
		b = appendFigure(binary.AppendUvarint(b, uint64(max(0, r.Off))), r.LogE)
	} else {
		b = append(b, 0)
	}
	for _, g := range gates {
		b = g.append(b)
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)-2)) // 64 gates at most: below 3 KiB
	return b, described, nil
}

func (g GatePoint) append(b []byte) []byte {
	at := len(b) + 1
	b = append(b, wordNumber(g.Word), 0)
	figure := func(has byte, there bool, values ...float64) {
		if there && !slices.ContainsFunc(values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
			b[at] |= has
			for _, v := range values {
				b = appendFigure(b, v)
			}
		}
	}
	figure(hasValue, g.Value != nil, or(g.Value))
	figure(hasLow, g.Low != nil, or(g.Low))
	figure(hasHigh, g.High != nil, or(g.High))
	figure(hasEvidence, g.LogE != 0 || g.Share != 0, g.LogE, g.Share)
	if g.OnN > 0 || g.OffN > 0 {
		b[at] |= hasUnits
		b = binary.AppendUvarint(binary.AppendUvarint(b, whole(g.OnN)), whole(g.OffN))
	}
	figure(hasPhi, g.Phi != 0, g.Phi)
	return b
}

// unpack adds the points of one field of a series to those before.
func unpack(all []Point, packed string, fields map[string]string) ([]Point, error) {
	for b := []byte(packed); len(b) > 0; {
		if len(b) < 6 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
			return all, errGarbled
		}
		n := 2 + int(binary.BigEndian.Uint16(b))
		name := fmt.Sprintf("layout:%08x", binary.BigEndian.Uint32(b[2:]))
		var shape layout
		if err := json.Unmarshal([]byte(fields[name]), &shape); err != nil {
			return all, errGarbled
		}
		p, err := shape.read(&scanner{b: b[6:n]})
		if err != nil {
			return all, err
		}
		all, b = append(all, p), b[n:]
	}
	return all, nil
}

func (l layout) read(s *scanner) (Point, error) {
	p := Point{At: int64(s.uvarint()), Phase: l.Phase, Exposure: rampart.Percent(s.uvarint()), Word: s.word(), Share: s.figure()}
	if s.byte() == 1 {
		p.SampleRatio = &RatioPoint{On: int64(s.uvarint()), Off: int64(s.uvarint()), LogE: s.figure()}
	}
	for _, of := range l.Gates {
		g := GatePoint{Gate: of.Gate, Kind: of.Kind, Word: s.word()}
		has := s.byte()
		if has > knownFigures {
			s.failed = true
		}
		optional := func(bit byte) *float64 {
			if has&bit == 0 {
				return nil
			}
			v := s.figure()
			return &v
		}
		g.Value, g.Low, g.High = optional(hasValue), optional(hasLow), optional(hasHigh)
		if has&hasEvidence != 0 {
			g.LogE, g.Share = s.figure(), s.figure()
		}
		if has&hasUnits != 0 {
			g.OnN, g.OffN = float64(s.uvarint()), float64(s.uvarint())
		}
		g.Phi = or(optional(hasPhi))
		p.Gates = append(p.Gates, g)
	}
	if s.failed || len(s.b) > 0 {
		return p, errGarbled
	}
	return p, nil
}

var errGarbled = rampart.Errorf(rampart.Unexpected, "a point of it cannot be read").
	WithHint("a later version of Rampart may have written it: read it with that one")

// A scanner reads what a point is packed into. What is not there is 0, and a failure.
type scanner struct {
	b      []byte
	failed bool
}

func (s *scanner) byte() byte {
	if len(s.b) == 0 {
		s.failed = true
		return 0
	}
	v := s.b[0]
	s.b = s.b[1:]
	return v
}

func (s *scanner) uvarint() uint64 {
	v, n := binary.Uvarint(s.b)
	if n <= 0 {
		s.failed, s.b = true, nil
		return 0
	}
	s.b = s.b[n:]
	return v
}

func (s *scanner) word() rampart.Word {
	i := int(s.byte())
	if i >= len(words) {
		s.failed = true
		return ""
	}
	return words[i]
}

func (s *scanner) figure() float64 {
	bits := uint32(s.byte())<<24 | uint32(s.byte())<<16 | uint32(s.byte())<<8
	// The four digits that are sure, so that what was 1.04 is not read as 1.0400391.
	v, err := strconv.ParseFloat(strconv.FormatFloat(float64(math.Float32frombits(bits)), 'g', 4, 64), 64)
	s.failed = s.failed || err != nil
	return v
}

// appendFigure adds the upper three bytes of a float32, rounded.
func appendFigure(b []byte, v float64) []byte {
	bits := math.Float32bits(float32(v))
	if bits&0x7f800000 < 0x7f000000 { // not where rounding would be infinite
		bits += 0x80
	}
	return append(b, byte(bits>>24), byte(bits>>16), byte(bits>>8))
}

func wordNumber(w rampart.Word) byte { return byte(max(0, slices.Index(words, w))) }

func layoutNumber(described []byte) uint32 {
	h := fnv.New32a()
	_, _ = h.Write(described)
	return h.Sum32()
}

func or(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

func whole(v float64) uint64 {
	if math.IsNaN(v) || v < 0 {
		return 0
	}
	return uint64(min(math.Round(v), 1<<53))
}
