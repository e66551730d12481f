package flagd

import (
	"fmt"
	"strings"

	"github.com/rampart-dev/rampart"
)

// expr is a rule of JsonLogic: one operator and what it is applied to.
type expr map[string]any

func op(name string, args ...any) expr { return expr{name: args} }

// targeting returns the rule that decides a document; or the name of a variant, where
// everybody gets the same.
func (w *writer) targeting(doc *rampart.Flag) (any, error) {
	var branches []any
	for _, b := range []struct {
		rules []rampart.Rule
		not   bool
		then  string
	}{{doc.Except, false, off}, {doc.Include, false, on}, {doc.Where, true, off}} {
		if len(b.rules) == 0 {
			continue
		}
		matches, err := w.any(b.rules, "")
		if err != nil {
			return nil, err
		}
		if b.not {
			matches = op("!", matches)
		}
		branches = append(branches, matches, b.then)
	}
	rest, err := w.byBucket(doc)
	if err != nil {
		return nil, err
	}
	if len(branches) == 0 && len(rest) == 1 {
		return rest[0], nil
	}
	return op("if", append(branches, rest...)...), nil
}

// byBucket returns the branches of whom no rule decides. The last of them is for all
// the rest.
func (w *writer) byBucket(doc *rampart.Flag) ([]any, error) {
	if doc.Exposure == 0 {
		return []any{off}, nil
	}
	if doc.Exposure == rampart.Full && doc.Layer == nil {
		return []any{on}, nil
	}
	unit, err := unitOf(doc.Unit)
	if err != nil {
		return nil, err
	}
	branches := []any{op("==", unit, ""), nil}
	if l := doc.Layer; l != nil {
		branches = append(branches, op("!", inSlots(layerSalt+l.Name, unit, l.From, l.To)), off)
	}
	if doc.Exposure == rampart.Full {
		return append(branches, on), nil
	}
	split := []any{[]any{on, int(doc.Exposure)}, []any{off, int(rampart.Full - doc.Exposure)}}
	salt := doc.Salt
	if salt == "" {
		salt = doc.Name
	}
	if byUser := doc.Unit == rampart.User || doc.Unit == ""; !byUser || salt != doc.Name {
		split = append([]any{salted(salt, unit)}, split...)
	} // else it is what flagd buckets by unless told otherwise, down to the last space
	return append(branches, op("fractional", split...)), nil
}

// any reports whether one of the rules matches. segment is the one whose they are.
func (w *writer) any(rules []rampart.Rule, segment string) (expr, error) {
	all := make([]any, 0, len(rules))
	for _, r := range rules {
		e, err := w.rule(r, segment)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		return isOneOf(key(rampart.TargetingKey), nil), nil // which nobody is
	}
	return op("or", all...), nil
}

func (w *writer) rule(r rampart.Rule, segment string) (any, error) {
	switch {
	case r.Segment != "":
		return w.segment(r.Segment)
	case r.Share != nil:
		return w.share(*r.Share, segment)
	case len(r.Keys) > 0:
		return isOneOf(key(rampart.TargetingKey), r.Keys), nil
	}
	if err := checkAttribute(r.Attribute); err != nil {
		return nil, err
	}
	// Of a subject without the attribute nothing is known.
	present := op("!=", variable(r.Attribute), nil)
	if len(r.NotIn) > 0 {
		return op("and", present, op("!", isOneOf(text(r.Attribute), r.NotIn))), nil
	}
	return op("and", present, isOneOf(text(r.Attribute), r.In)), nil
}

// segment says a segment where all rules can refer to it.
func (w *writer) segment(name string) (any, error) {
	ref := expr{"$ref": name}
	if _, said := w.evaluators[name]; said {
		return ref, nil
	}
	s, known := w.segments(name)
	rules := s.Rules
	if !known || s.Removed {
		rules = nil
	} else if len(s.Keys) > 0 {
		rules = append([]rampart.Rule{{Keys: s.Keys}}, rules...)
	}
	matches, err := w.any(rules, name)
	if err != nil {
		return nil, fmt.Errorf("segment %s: %w", name, err)
	}
	w.evaluators[name] = matches
	return ref, nil
}

// The salts of slots, as the vocabulary documents them.
const (
	layerSalt   = "layer/"
	segmentSalt = "segment/"
)

func (w *writer) share(s rampart.Share, segment string) (any, error) {
	unit, err := unitOf(s.Unit)
	if err != nil {
		return nil, err
	}
	salt := s.Salt
	if salt == "" {
		salt = segmentSalt + segment
	}
	return op("and", op("!=", unit, ""), inSlots(salt, unit, s.From, s.To)), nil
}

// inSlots reports whether a unit's bucket under a salt is in [from, to).
func inSlots(salt string, unit any, from, to rampart.Percent) expr {
	parts := []any{salted(salt, unit)}
	for _, p := range []struct {
		name   string
		weight rampart.Percent
	}{{off, from}, {on, to - from}, {off, rampart.Full - to}} {
		if p.weight > 0 {
			parts = append(parts, []any{p.name, int(p.weight)})
		}
	}
	return op("==", op("fractional", parts...), on)
}

func salted(salt string, unit any) expr { return op("cat", salt, unit) }

// unitOf returns what is bucketed, "" where the subject lacks it.
func unitOf(u rampart.Unit) (any, error) {
	if name, ok := u.Attribute(); ok {
		return text(name), checkAttribute(name)
	}
	if u == rampart.Request {
		return key(rampart.RequestID), nil
	}
	return key(rampart.TargetingKey), nil
}

// checkAttribute refuses names that mean something else to flagd: it takes a dot for the
// way into an object, and these two for what is no attribute to us.
func checkAttribute(name string) error {
	if strings.Contains(name, ".") || name == rampart.TargetingKey || name == rampart.RequestID || strings.HasPrefix(name, "$") {
		return fmt.Errorf("flagd cannot ask for attribute %s", name)
	}
	return nil
}

func variable(name string) expr { return expr{"var": name} }

// text is an attribute as rules see it: 5 and true are the strings "5" and "true". The
// operation that makes strings of numbers stumbles over booleans.
func text(name string) expr {
	v := variable(name)
	return op("if", op("===", v, true), "true", op("===", v, false), "false", op("cat", v))
}

// key is what is no attribute: a string, or "" where it is missing. That must be said:
// some make "null" of what is missing.
func key(name string) expr { return op("cat", op("var", name, "")) }

func isOneOf(value any, list []string) expr {
	if list == nil {
		list = []string{}
	}
	return op("in", value, list)
}
