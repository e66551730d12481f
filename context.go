package rampart

import (
	"encoding"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// The properties of an evaluation context, as OpenFeature calls what a flag is asked
// about, that are no attributes.
const (
	TargetingKey = "targetingKey" // Subject.Key
	RequestID    = "requestId"    // Subject.Request
)

// SubjectOf reads an evaluation context of OpenFeature. Properties that are strings,
// numbers, true or false are attributes, and so are those of an object in it, named
// with a point between: user.plan. Nothing can be asked about the others, so they are
// left out. The attributes are in no order.
func SubjectOf(context map[string]any) Subject {
	var s Subject
	s.Fill(context)
	return s
}

// Fill is [SubjectOf] into a subject, whose attributes stand before those of the context.
func (s *Subject) Fill(context map[string]any) {
	var objects []string
	for name, property := range context {
		switch name {
		case TargetingKey:
			s.Key, _ = property.(string)
		case RequestID:
			s.Request, _ = property.(string)
		default:
			if text, ok := AttributeText(property); ok {
				s.Attributes = append(s.Attributes, Attr{Name: name, Value: text})
			} else if isObject(property) {
				objects = append(objects, name)
			}
		}
	}
	if len(objects) == 0 {
		return
	}
	slices.Sort(objects)
	for _, name := range objects { // last, so that a property that is named in full wins
		s.fillObject(name, context[name], maxContextDepth)
	}
}

// looks are what a flag looks at of a subject.
type looks struct {
	names []string // attributes, each once
	deep  bool     // one of them may be of an object in the context
}

// looks finds what rules, the segments that they name, and units look at.
func (c *Compiled) looks() (l looks) {
	l.see(c.unit)
	for _, rules := range [][]matcher{c.except, c.include, c.where} {
		l.match(rules)
	}
	return l
}

func (l *looks) match(rules []matcher) {
	for i := range rules {
		m := &rules[i]
		l.name(m.attribute)
		if m.segment != nil {
			l.match(m.segment.rules)
		}
		if m.share != nil {
			l.see(m.share.unit)
		}
	}
}

func (l *looks) see(u unit) { l.name(u.attribute) }

func (l *looks) name(name string) {
	if name == "" || name == TargetingKey || name == RequestID || slices.Contains(l.names, name) {
		return // the two are no attributes
	}
	l.names = append(l.names, name)
	l.deep = l.deep || strings.Contains(name, ".")
}

// Fill is [Subject.Fill] with no more of the context than the flag looks at. Contexts
// have many properties, and flags look at one or none.
func (c *Compiled) Fill(s *Subject, context map[string]any) {
	if c.looksAt.deep || len(c.looksAt.names) > len(context) {
		s.Fill(context)
		return
	}
	s.Key, _ = context[TargetingKey].(string)
	s.Request, _ = context[RequestID].(string)
	for _, name := range c.looksAt.names {
		if property, ok := context[name]; ok {
			if text, ok := AttributeText(property); ok {
				s.Attributes = append(s.Attributes, Attr{Name: name, Value: text})
			}
		}
	}
}

// maxContextDepth bounds how deep objects are looked into: in a process, one may
// contain itself.
const maxContextDepth = 4

func isObject(property any) bool {
	switch property.(type) {
	case map[string]any, map[string]string:
		return true
	}
	return false
}

// fillObject goes by the order of names, so that of two that come out the same, the
// same one wins every time.
func (s *Subject) fillObject(name string, property any, depth int) {
	switch object := property.(type) {
	case map[string]any:
		for _, inner := range slices.Sorted(maps.Keys(object)) {
			full := name + "." + inner
			if text, ok := AttributeText(object[inner]); ok {
				s.Attributes = append(s.Attributes, Attr{Name: full, Value: text})
			} else if depth > 1 {
				s.fillObject(full, object[inner], depth-1)
			}
		}
	case map[string]string:
		for _, inner := range slices.Sorted(maps.Keys(object)) {
			s.Attributes = append(s.Attributes, Attr{Name: name + "." + inner, Value: object[inner]})
		}
	}
}

// AttributeText returns the text by which rules know a property: as JSON writes it, a
// string without its quotes. A number is written in one way, however it was written
// before: 1 for 1.0 and 1e0, so that the same number is the same unit everywhere. A type
// that writes itself as text, as a time does, is that text.
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
		return floatText(shortest(x))
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
	return ownText(property)
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

// shortest returns 0.1 for the float32 nearest to it, as JSON does.
func shortest(x float32) float64 {
	f, _ := strconv.ParseFloat(strconv.FormatFloat(float64(x), 'g', -1, 32), 64)
	return f
}

// ownText writes what has a type of its own, and what a pointer points to.
func ownText(property any) (text string, ok bool) {
	if property == nil || isObject(property) {
		return "", false
	}
	v := reflect.ValueOf(property)
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return "", false
	}
	if own, writes := property.(encoding.TextMarshaler); writes {
		b, err := own.MarshalText()
		return string(b), err == nil
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case v.Kind() == reflect.String:
		return v.String(), true
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), true
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), true
	case v.Kind() == reflect.Float32:
		return floatText(shortest(float32(v.Float())))
	case v.CanFloat():
		return floatText(v.Float())
	}
	return "", false
}
