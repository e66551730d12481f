package rampart

import (
	"encoding/json"
	"math"
	"strconv"
)

// The properties of an evaluation context, as OpenFeature calls what a flag is asked
// about, that are no attributes.
const (
	TargetingKey = "targetingKey" // Subject.Key
	RequestID    = "requestId"    // Subject.Request
)

// SubjectOf reads an evaluation context of OpenFeature. Properties that are strings,
// numbers, true or false are attributes; nothing can be asked about the others, so
// they are left out. The attributes are in no order.
func SubjectOf(context map[string]any) Subject {
	var s Subject
	for name, property := range context {
		switch name {
		case TargetingKey:
			s.Key, _ = property.(string)
		case RequestID:
			s.Request, _ = property.(string)
		default:
			if text, ok := AttributeText(property); ok {
				s.Attributes = append(s.Attributes, Attr{Name: name, Value: text})
			}
		}
	}
	return s
}

// AttributeText returns the text by which rules know a property: as JSON writes it, a
// string without its quotes. A number is written in one way, however it was written
// before: 1 for 1.0 and 1e0, so that the same number is the same unit everywhere.
func AttributeText(property any) (text string, ok bool) {
	switch x := property.(type) {
	case string:
		return x, true
	case bool:
		return strconv.FormatBool(x), true
	case json.Number:
		return numberText(x)
	case float64:
		return floatText(x)
	case float32:
		return floatText(float64(x))
	case int:
		return strconv.FormatInt(int64(x), 10), true
	case int8:
		return strconv.FormatInt(int64(x), 10), true
	case int16:
		return strconv.FormatInt(int64(x), 10), true
	case int32:
		return strconv.FormatInt(int64(x), 10), true
	case int64:
		return strconv.FormatInt(x, 10), true
	case uint:
		return strconv.FormatUint(uint64(x), 10), true
	case uint8:
		return strconv.FormatUint(uint64(x), 10), true
	case uint16:
		return strconv.FormatUint(uint64(x), 10), true
	case uint32:
		return strconv.FormatUint(uint64(x), 10), true
	case uint64:
		return strconv.FormatUint(x, 10), true
	}
	return "", false
}

// numberText keeps whole numbers that no float could hold.
func numberText(n json.Number) (string, bool) {
	if i, err := n.Int64(); err == nil {
		return strconv.FormatInt(i, 10), true
	}
	if u, err := strconv.ParseUint(string(n), 10, 64); err == nil {
		return strconv.FormatUint(u, 10), true
	}
	f, err := n.Float64()
	if err != nil {
		return "", false
	}
	return floatText(f)
}

func floatText(f float64) (string, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "", false
	}
	if f == 0 {
		return "0", true // also where it is negative
	}
	b, err := json.Marshal(f)
	return string(b), err == nil
}
