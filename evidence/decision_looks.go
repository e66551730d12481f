package evidence

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
)

// A GoalTest keeps the looks of the group-sequential test of one goal. It is small: six
// weeks of daily looks take about three hundred and fifty characters. The zero value has
// not looked.
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
	leastGain = 2e-3
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
	now := goalLook{min(1, fraction), e.Events, max(-maxZ, min(maxZ, z))}.coarse()
	if n := len(t.looks); n > 0 {
		last := t.looks[n-1]
		now.Fraction = max(now.Fraction, last.Fraction)
		if now.Information < last.Information*(1+leastGain) {
			return false
		}
	}
	if now.Fraction = max(now.Fraction, t.spent); now.Fraction == 0 {
		return false
	}
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

const (
	// maxZ is beyond any bound.
	maxZ = 32
	// zSteps is how finely a statistic is stored, fractionSteps a fraction.
	zSteps, fractionSteps = 1000, math.MaxUint16
	// informationSteps is how finely information is stored: a thousandth of itself.
	informationSteps = 1000
	// lookBytes is how many bytes a look takes.
	lookBytes = 6
)

// coarse is the look as it is stored, so that nothing depends on whether it was. Both
// the error it may spend and its statistic are rounded to the safe side.
func (l goalLook) coarse() goalLook {
	return goalLook{
		Fraction:    math.Floor(l.Fraction*fractionSteps) / fractionSteps,
		Information: math.Exp(math.Round(informationSteps*math.Log(max(1, l.Information))) / informationSteps),
		Z:           math.Trunc(l.Z*zSteps) / zSteps,
	}
}

type storedTest struct {
	Version int     `json:"v"`
	Looks   string  `json:"k,omitempty"`
	Spent   float64 `json:"s,omitempty"`
	Carried Word    `json:"c,omitempty"`
	Word    Word    `json:"w,omitempty"`
}

// pack writes the looks.
func (t *GoalTest) pack() []byte {
	out := make([]byte, 0, lookBytes*len(t.looks))
	for _, l := range t.looks {
		out = binary.BigEndian.AppendUint16(out, uint16(math.Round(l.Fraction*fractionSteps)))
		out = binary.BigEndian.AppendUint16(out, uint16(math.Round(informationSteps*math.Log(l.Information))))
		out = binary.BigEndian.AppendUint16(out, uint16(int16(math.Round(l.Z*zSteps))))
	}
	return out
}

// unpackLook reads the first look of what pack wrote.
func unpackLook(in []byte) goalLook {
	return goalLook{
		Fraction:    float64(binary.BigEndian.Uint16(in)) / fractionSteps,
		Information: math.Exp(float64(binary.BigEndian.Uint16(in[2:])) / informationSteps),
		Z:           float64(int16(binary.BigEndian.Uint16(in[4:]))) / zSteps,
	}
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
	if err != nil || len(packed)%lookBytes != 0 || len(packed) > lookBytes*maxLooks {
		return fmt.Errorf("test of a goal: looks are cut short or too many")
	}
	out := GoalTest{spent: in.Spent, carried: in.Carried, word: in.Word}
	last := goalLook{Fraction: in.Spent}
	for ; len(packed) > 0; packed = packed[lookBytes:] {
		l := unpackLook(packed)
		if !(l.Fraction >= last.Fraction && l.Information > last.Information && math.Abs(l.Z) <= maxZ) {
			return fmt.Errorf("test of a goal: look %d does not follow the one before", len(out.looks)+1)
		}
		out.looks, last = append(out.looks, l), l
	}
	*t = out
	return nil
}
