package gates

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rampart-dev/rampart"
)

// A selector names the series of a raw counter: a metric, and matchers of its labels.
type selector struct {
	metric   string
	matchers []matcher // in the order of their text, so that equal selectors look equal
}

// A matcher is one condition on a label, as PromQL writes it.
type matcher struct {
	label, op, value string
	re               *regexp.Regexp // of =~ and !~, anchored at both ends as PromQL does
}

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`)
	labelName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*`)
	operator   = regexp.MustCompile(`^(=~|!~|!=|=)`)
	quoted     = regexp.MustCompile("^(\"(?:[^\"\\\\\n]|\\\\.)*\"|'(?:[^'\\\\\n]|\\\\.)*'|`[^`]*`)")
)

// parseSelector reads name{label="value",...}. It takes what PromQL takes as an
// instant selector with a name, and nothing else: no ranges, functions or offsets.
func parseSelector(s string) (selector, error) {
	wrong := rampart.Errorf(rampart.Invalid, "%.80q is not a selector", s).
		WithHint(`name a raw counter, with matchers where needed: requests_total{code="500"}`)
	rest := strings.TrimSpace(s)
	var sel selector
	if sel.metric = take(&rest, metricName); sel.metric == "" {
		return selector{}, wrong
	}
	if rest == "" {
		return sel, nil
	}
	inner, opened := strings.CutPrefix(rest, "{")
	if !opened {
		return selector{}, wrong
	}
	rest = strings.TrimSpace(inner)
	for rest != "}" {
		m, ok := takeMatcher(&rest)
		if !ok || m.label == "__name__" {
			return selector{}, wrong
		}
		sel.matchers = append(sel.matchers, m)
		next, more := strings.CutPrefix(rest, ",")
		rest = strings.TrimSpace(next)
		if !more && rest != "}" {
			return selector{}, wrong
		}
	}
	slices.SortFunc(sel.matchers, func(a, b matcher) int { return strings.Compare(a.String(), b.String()) })
	return sel, nil
}

// take cuts what the pattern finds, and the blanks behind it, from the front of s.
func take(s *string, pattern *regexp.Regexp) string {
	found := pattern.FindString(*s)
	*s = strings.TrimSpace((*s)[len(found):])
	return found
}

func takeMatcher(s *string) (matcher, bool) {
	m := matcher{label: take(s, labelName), op: take(s, operator)}
	literal := take(s, quoted)
	if m.label == "" || m.op == "" || literal == "" {
		return m, false
	}
	var ok bool
	if m.value, ok = unquote(literal); !ok {
		return m, false
	}
	if m.op == "=~" || m.op == "!~" {
		re, err := regexp.Compile("^(?s:" + m.value + ")$")
		if err != nil {
			return m, false
		}
		m.re = re
	}
	return m, true
}

// unquote reads a string of PromQL, which may stand in any of Go's three quotes.
func unquote(literal string) (string, bool) {
	if body := literal[1 : len(literal)-1]; literal[0] == '\'' {
		body = strings.ReplaceAll(body, `\'`, `'`)
		body = strings.ReplaceAll(body, `\"`, `"`)
		literal = `"` + strings.ReplaceAll(body, `"`, `\"`) + `"`
	}
	value, err := strconv.Unquote(literal)
	return value, err == nil
}

// String writes the selector as PromQL reads it.
func (s selector) String() string {
	if len(s.matchers) == 0 {
		return s.metric
	}
	all := make([]string, len(s.matchers))
	for i, m := range s.matchers {
		all[i] = m.String()
	}
	return s.metric + "{" + strings.Join(all, ",") + "}"
}

// String writes the matcher as PromQL reads it, whatever is in its value.
func (m matcher) String() string { return m.label + m.op + strconv.Quote(m.value) }

// with returns the selector with one more matcher.
func (s selector) with(label, op, value string) selector {
	s.matchers = append(slices.Clone(s.matchers), matcher{label: label, op: op, value: value})
	return s
}

// shared returns the selector that finds what both find, and as little else as
// their common matchers can see to. Both are of the same metric.
func (s selector) shared(t selector) selector {
	s.matchers = slices.DeleteFunc(slices.Clone(s.matchers), func(m matcher) bool {
		return !slices.ContainsFunc(t.matchers, m.same)
	})
	return s
}

func (m matcher) same(o matcher) bool {
	return m.label == o.label && m.op == o.op && m.value == o.value
}

// matches reports whether a series with these labels is selected. A label that is
// not there is empty, as in PromQL.
func (s selector) matches(label func(name string) string) bool {
	for _, m := range s.matchers {
		if !m.matches(label(m.label)) {
			return false
		}
	}
	return true
}

func (m matcher) matches(value string) bool {
	switch m.op {
	case "=":
		return value == m.value
	case "!=":
		return value != m.value
	case "=~":
		return m.re.MatchString(value)
	default:
		return !m.re.MatchString(value)
	}
}

// anyOf is a regular expression of PromQL that matches exactly these values.
func anyOf(values []string) string {
	escaped := make([]string, len(values))
	for i, v := range values {
		escaped[i] = regexp.QuoteMeta(v)
	}
	return strings.Join(escaped, "|")
}
