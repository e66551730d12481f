package rampart

import (
	"bytes"
	"encoding/json"
	"math"
)

// A Value is a value of a flag, decoded once for each type that it can be read as.
type Value struct {
	raw   json.RawMessage
	text  string
	whole int64
	real  float64
	kind  valueKind
}

type valueKind uint8

const (
	isFalse valueKind = 1 << iota
	isTrue
	isText
	isWhole
	isReal
)

func valueOf(raw json.RawMessage) Value {
	v := Value{raw: raw}
	var any any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&any) != nil {
		return Value{}
	}
	switch x := any.(type) {
	case bool:
		v.kind = isFalse
		if x {
			v.kind = isTrue
		}
	case string:
		v.kind, v.text = isText, x
	case json.Number:
		v.readNumber(x)
	}
	return v
}

// readNumber reads a whole number as a float too, and 3.0 as a whole number.
func (v *Value) readNumber(n json.Number) {
	f, err := n.Float64()
	if err != nil {
		return
	}
	v.kind, v.real = isReal, f
	if i, err := n.Int64(); err == nil {
		v.kind, v.whole = isReal|isWhole, i
	} else if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		v.kind, v.whole = isReal|isWhole, int64(f)
	}
}

// Bool returns the value if it is true or false.
func (v *Value) Bool() (b, ok bool) { return v.kind == isTrue, v.kind&(isTrue|isFalse) != 0 }

// Text returns the value if it is a string.
func (v *Value) Text() (s string, ok bool) { return v.text, v.kind == isText }

// Int returns the value if it is a whole number that fits.
func (v *Value) Int() (i int64, ok bool) { return v.whole, v.kind&isWhole != 0 }

// Float returns the value if it is a number.
func (v *Value) Float() (f float64, ok bool) { return v.real, v.kind&isReal != 0 }

// JSON returns the value as it is in the document, if it is there. It must not be changed.
func (v *Value) JSON() (raw json.RawMessage, ok bool) { return v.raw, v.raw != nil }
