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
// nobody, which exposes nobody where rules include, or say who is eligible.
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
		return matcher{segment: m, values: set{hint: anything}}, m.err
	case r.Segment == "" && r.Attribute != "" && in != notIn && !keys:
		if in {
			return matcher{attribute: r.Attribute, values: setOf(r.In)}, nil
		}
		values := setOf(r.NotIn)
		values.hint = anything
		return matcher{attribute: r.Attribute, values: values, not: true}, nil
	case r.Segment == "" && r.Attribute == "" && !in && !notIn && keys:
		return matcher{values: setOf(r.Keys)}, nil
	}
	return matcher{}, fmt.Errorf("it is not exactly one of segment, attribute with in or notIn, and keys")
}

// matchAny reports whether one of the rules matches.
func matchAny(rules []matcher, s *Subject) bool {
	for i := mayMatch(rules, s); i < len(rules); i++ {
		if rules[i].match(s) {
			return true
		}
	}
	return false
}

// mayMatch returns the first rule that may match, or how many there are. Nearly always
// none does, which it tells without a call and so in half the time.
func mayMatch(rules []matcher, s *Subject) int {
	for i := range rules {
		m := &rules[i]
		if m.attribute == "" {
			if m.values.mayHave(s.Key) {
				return i
			}
			continue
		}
		for j := range s.Attributes {
			if a := &s.Attributes[j]; len(a.Name) == len(m.attribute) && a.Name[0] == m.attribute[0] && m.values.mayHave(a.Value) {
				return i
			}
		}
	}
	return len(rules)
}

// match reports whether the rule matches. A subject without the attribute matches
// neither in nor notIn: nothing is known of it.
func (m *matcher) match(s *Subject) bool {
	if m.attribute == "" {
		return m.values.has(s.Key) || m.segment != nil && m.segment.Match(s) || m.share != nil && m.share.has(s)
	}
	value, ok := s.Attribute(m.attribute)
	return ok && m.values.has(value) != m.not
}

// A set holds strings. A few are found faster one by one than by hashing.
type set struct {
	few  []string
	many map[string]struct{}
	hint uint64 // has the bit of each string that the set may hold
}

const few = 6

// anything is the hint of what is not told by a set alone.
const anything = ^uint64(0)

func setOf(values []string) (s set) {
	for _, v := range values {
		s.hint |= hintOf(v)
	}
	if len(values) <= few {
		s.few = values
		return s
	}
	s.many = make(map[string]struct{}, len(values))
	for _, v := range values {
		s.many[v] = struct{}{}
	}
	return s
}

// hintOf returns the bit of a string, by its length and its first byte.
func hintOf(v string) uint64 {
	if v == "" {
		return 1
	}
	return 1 << ((uint(v[0]) ^ uint(len(v))<<2) & 63)
}

// mayHave reports whether the set may hold a string.
func (s *set) mayHave(v string) bool { return s.hint&hintOf(v) != 0 }

func (s *set) has(v string) bool {
	for _, w := range s.few {
		if v == w {
			return true
		}
	}
	if s.many == nil {
		return false
	}
	_, ok := s.many[v]
	return ok
}
