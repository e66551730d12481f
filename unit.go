package rampart

import (
	"fmt"
	"strings"
)

// AttributeUnit returns the unit that buckets by an attribute.
func AttributeUnit(name string) Unit { return Unit(attributePrefix + name) }

// Attribute returns the name of the attribute that the unit is, if it is one.
func (u Unit) Attribute() (name string, ok bool) {
	name, ok = strings.CutPrefix(string(u), attributePrefix)
	return name, ok && name != ""
}

const attributePrefix = "attribute:"

// A unit is a Unit made ready: it finds what a subject is bucketed by.
type unit struct {
	kind      unitKind
	attribute string
}

type unitKind uint8

const (
	byKey unitKind = iota
	byRequest
	byAttribute
)

// compileUnit makes a unit ready; one that is not named is the user.
func compileUnit(u Unit) (unit, error) {
	name, byName := u.Attribute()
	switch {
	case byName:
		return unit{kind: byAttribute, attribute: name}, nil
	case u == Request:
		return unit{kind: byRequest}, nil
	case u != User && u != "":
		return unit{}, fmt.Errorf("unit %q", u)
	}
	return unit{}, nil
}

// of returns the key of the subject's unit, or "" where the subject lacks it.
func (u *unit) of(s *Subject) string {
	if u.kind == byKey {
		return s.Key
	}
	return u.other(s)
}

func (u *unit) other(s *Subject) string {
	if u.kind == byRequest {
		return s.Request
	}
	value, _ := s.Attribute(u.attribute)
	return value
}
