package rampart

import "fmt"

// A Matcher is a segment made ready for deciding. Its methods may be called from
// many goroutines.
type Matcher struct {
	keys  set
	rules []matcher
	err   error // why the segment cannot be evaluated
}

// CompileSegment makes a segment ready. Where there is an error, the matcher is not
// nil either: flags that name it serve off, because a reader that does not
// understand a rule must not expose anybody by it.
func CompileSegment(s Segment) (*Matcher, error) {
	if s.Removed {
		return &Matcher{}, nil
	}
	if s.Format > FlagFormat {
		return Unreadable(fmt.Errorf("segment %s has format %d, newer than %d", s.Name, s.Format, FlagFormat))
	}
	m := &Matcher{keys: setOf(s.Keys)}
	for i, r := range s.Rules {
		var own matcher
		var err error
		switch {
		case r.Segment != "":
			return Unreadable(fmt.Errorf("segment %s names segment %s", s.Name, r.Segment))
		case r.Share != nil:
			own, err = r.compileShare(s.Name)
		default:
			own, err = compileRule(r, nil)
		}
		if err != nil {
			return Unreadable(fmt.Errorf("segment %s: rule %d: %w", s.Name, i, err))
		}
		m.rules = append(m.rules, own)
	}
	return m, nil
}

// Unreadable stands for a segment that this reader cannot evaluate, and why.
func Unreadable(err error) (*Matcher, error) { return &Matcher{err: err}, err }

// Match reports whether the subject is in the segment.
func (m *Matcher) Match(s *Subject) bool {
	return m.keys.has(s.Key) || matchAny(m.rules, s)
}

// A matcher is one rule, made ready.
type matcher struct {
	segment   *Matcher // or
	attribute string   // with values, or
	values    set      // with no attribute: keys, or
	share     *share
	not       bool
}

// compileRules refuses what it cannot evaluate. A segment that is not there matches
// nobody.
func compileRules(rules []Rule, segments map[string]*Matcher) ([]matcher, error) {
	var out []matcher
	for i, r := range rules {
		m, err := compileRule(r, segments)
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
		out = append(out, m)
	}
	return out, nil
}

func compileRule(r Rule, segments map[string]*Matcher) (matcher, error) {
	in, notIn, keys := len(r.In) > 0, len(r.NotIn) > 0, len(r.Keys) > 0
	switch {
	case r.Share != nil:
		return matcher{}, fmt.Errorf("a share belongs into a segment")
	case r.Segment != "" && r.Attribute == "" && !in && !notIn && !keys:
		m := segments[r.Segment]
		if m == nil {
			m = &Matcher{}
		}
		return matcher{segment: m}, m.err
	case r.Segment == "" && r.Attribute != "" && in != notIn && !keys:
		if in {
			return matcher{attribute: r.Attribute, values: setOf(r.In)}, nil
		}
		return matcher{attribute: r.Attribute, values: setOf(r.NotIn), not: true}, nil
	case r.Segment == "" && r.Attribute == "" && !in && !notIn && keys:
		return matcher{values: setOf(r.Keys)}, nil
	}
	return matcher{}, fmt.Errorf("it is not exactly one of segment, attribute with in or notIn, and keys")
}

// matchAny reports whether one of the rules matches. A subject without the
// attribute matches neither in nor notIn: nothing is known of it.
func matchAny(rules []matcher, s *Subject) bool {
	for i := range rules {
		m := &rules[i]
		if m.attribute == "" {
			if m.values.has(s.Key) || m.segment != nil && m.segment.Match(s) || m.share != nil && m.share.has(s) {
				return true
			}
			continue
		}
		for j := range s.Attributes {
			if a := &s.Attributes[j]; a.Name == m.attribute {
				if m.values.has(a.Value) != m.not {
					return true
				}
				break
			}
		}
	}
	return false
}

// A set holds strings. A few are found faster one by one than by hashing.
type set struct {
	few  []string
	many map[string]struct{}
}

const few = 6

func setOf(values []string) set {
	if len(values) <= few {
		return set{few: values}
	}
	many := make(map[string]struct{}, len(values))
	for _, v := range values {
		many[v] = struct{}{}
	}
	return set{many: many}
}

func (s *set) has(v string) bool {
	for _, w := range s.few {
		// Most strings differ at once, which is cheaper to see than to be told.
		if len(v) == len(w) && (v == "" || v[0] == w[0] && v == w) {
			return true
		}
	}
	return s.many != nil && s.hasMany(v)
}

func (s *set) hasMany(v string) bool {
	_, ok := s.many[v]
	return ok
}
