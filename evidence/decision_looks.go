package evidence

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
)

// A GoalTest keeps the looks of the group-sequential test of one goal. It is small: six
// weeks of daily looks take about six hundred characters. The zero value has not looked.
type GoalTest struct {
	looks   []goalLook
	spent   float64 // fraction up to which an earlier run of looks has spent
	carried Word    // what that run had come to
	word    Word    // as of the last judgement
}

// A goalLook is one look. Fraction is of the information expected at the declared cap,
// by which error is spent; Information, in any unit, is how much of it looks share.
type goalLook struct{ Fraction, Information, Z float64 }

const (
	// maxLooks bounds the state and the work of a look: daily ones for two months.
	maxLooks = 64
	// leastGain is by how much information must have grown for a look to be one.
	leastGain = 1e-3
)

// Look takes a look at an estimate, at a fraction of the information that is expected
// at the declared cap. It reports whether that was a look: where neither information
// nor the fraction has grown since the last one, it is not.
//
// The fraction only decides how much error may be spent, so it may be that of time, as
// long as it does not depend on the effect; it never falls, and 1 spends all. How much
// two looks have in common is told by the events that each had.
func (t *GoalTest) Look(fraction float64, e Estimate) bool {
	z := e.Z()
	if math.IsNaN(z) || !(e.Events > 0) || !(fraction > 0) || len(t.looks) >= maxLooks {
		return false
	}
	now := goalLook{coarse(min(1, fraction)), coarse(e.Events), coarse(max(-maxZ, min(maxZ, z)))}
	if n := len(t.looks); n > 0 {
		last := t.looks[n-1]
		now.Fraction = max(now.Fraction, last.Fraction)
		if now.Information < last.Information*(1+leastGain) {
			return false
		}
	}
	now.Fraction = max(now.Fraction, coarse(t.spent))
	t.looks = append(t.looks, now)
	return true
}

// Restart forgets the looks, as when counting begins anew at another allocation, but
// neither the error that they have spent nor what they had come to.
func (t *GoalTest) Restart() {
	t.spent = t.Fraction()
	if t.word == Ship || t.word == Regress {
		t.carried = t.word
	}
	t.looks = nil
}

// Looks is how many looks there were since the last restart.
func (t *GoalTest) Looks() int { return len(t.looks) }

// Fraction is that of the last look.
func (t *GoalTest) Fraction() float64 {
	if n := len(t.looks); n > 0 {
		return t.looks[n-1].Fraction
	}
	return t.spent
}

// maxZ is beyond any bound.
const maxZ = 40

// coarse is v as it is stored, so that bounds do not depend on whether it was.
func coarse(v float64) float64 { return float64(float32(v)) }

type storedTest struct {
	Version int     `json:"v"`
	Looks   string  `json:"k,omitempty"`
	Spent   float64 `json:"s,omitempty"`
	Carried Word    `json:"c,omitempty"`
	Word    Word    `json:"w,omitempty"`
}

// pack writes the looks as three numbers of four bytes each.
func (t *GoalTest) pack() []byte {
	out := make([]byte, 0, 12*len(t.looks))
	for _, l := range t.looks {
		for _, v := range [...]float64{l.Fraction, l.Information, l.Z} {
			out = binary.BigEndian.AppendUint32(out, math.Float32bits(float32(v)))
		}
	}
	return out
}

// MarshalJSON writes the test.
func (t *GoalTest) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedTest{version, base64.RawStdEncoding.EncodeToString(t.pack()), t.spent, t.carried, t.word})
}

// UnmarshalJSON reads what MarshalJSON wrote and refuses other versions.
func (t *GoalTest) UnmarshalJSON(data []byte) error {
	var in storedTest
	if err := decode(data, &in, &in.Version); err != nil {
		return fmt.Errorf("test of a goal: %w", err)
	}
	packed, err := base64.RawStdEncoding.DecodeString(in.Looks)
	if err != nil || len(packed)%12 != 0 || len(packed) > 12*maxLooks {
		return fmt.Errorf("test of a goal: looks are cut short or too many")
	}
	out := GoalTest{spent: in.Spent, carried: in.Carried, word: in.Word}
	last := goalLook{Fraction: in.Spent}
	for ; len(packed) > 0; packed = packed[12:] {
		at := func(i int) float64 { return float64(math.Float32frombits(binary.BigEndian.Uint32(packed[4*i:]))) }
		l := goalLook{at(0), at(1), at(2)}
		if !(l.Fraction >= coarse(last.Fraction) && l.Fraction <= 1 && l.Information > last.Information && math.Abs(l.Z) <= maxZ) {
			return fmt.Errorf("test of a goal: look %d does not follow the one before", len(out.looks)+1)
		}
		out.looks, last = append(out.looks, l), l
	}
	*t = out
	return nil
}
