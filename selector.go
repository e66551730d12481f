package rampart

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	metricPattern = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`)
	labelPattern  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	matchPattern  = regexp.MustCompile(`^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')\s*`)

	// ownLabels are added to selectors, one value a query, so a plan cannot name them.
	ownLabels = []string{"flag", "arm", "bucket"}
)

// selector checks a required selector. Further labels may be refused.
func (c *checker) selector(path, s string, refused ...string) {
	const hint = `name a raw counter, with matchers where needed: requests_total{code="500"}`
	if s == "" {
		c.wrong(path, hint, "is required")
		return
	}
	if len(s) > maxText {
		c.wrong(path, hint, "is longer than %d KiB", maxText>>10)
		return
	}
	c.because(path, checkSelector(s, refused...))
}

// checkSelector returns an error where s is not the name of a metric with optional
// matchers.
func checkSelector(s string, refused ...string) error {
	const hint = `name a raw counter, with matchers where needed: requests_total{code="500"}; Rampart adds flag, arm and time itself`
	s = strings.TrimSpace(s)
	rest := strings.TrimSpace(s[len(metricPattern.FindString(s)):])
	if len(rest) == len(s) || strings.ContainsAny(strings.SplitN(rest+" ", "{", 2)[0], "()[]") {
		return Errorf(Invalid, "%.80q is not a selector", s).WithHint("%s", hint)
	}
	if rest == "" {
		return nil
	}
	body, opened := strings.CutPrefix(rest, "{")
	for opened {
		body = strings.TrimSpace(body)
		if end, closed := strings.CutPrefix(body, "}"); closed && end == "" {
			return nil
		}
		m := matchPattern.FindStringSubmatch(body)
		if m == nil {
			break
		}
		if err := checkMatcher(m[1], m[2], m[3], refused); err != nil {
			return err
		}
		next, more := strings.CutPrefix(body[len(m[0]):], ",")
		if !more && !strings.HasPrefix(next, "}") {
			break
		}
		body = next
	}
	return Errorf(Invalid, "%.80q is not a selector", s).WithHint("%s", hint)
}

func checkMatcher(label, op, quoted string, refused []string) error {
	switch {
	case slices.Contains(ownLabels, label):
		return Errorf(Invalid, "names the label %q, which Rampart adds itself", label).WithHint("drop the matcher of %s", label)
	case label == "__name__":
		return Errorf(Invalid, "matches names of metrics").WithHint("write the metric's name before the braces")
	case slices.Contains(refused, label):
		return Errorf(Invalid, "names the label %q, whose values Rampart chooses", label).WithHint("drop the matcher of %s", label)
	case op == "=" || op == "!=":
		return nil
	}
	pattern := quoted[1 : len(quoted)-1]
	if unquoted, err := strconv.Unquote(`"` + pattern + `"`); err == nil {
		pattern = unquoted
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return Errorf(Invalid, "matches %s by %.80q, which is not a regular expression", label, pattern).WithHint("use RE2 syntax, as Prometheus does")
	}
	return nil
}

// query checks a required query as far as can be done without a parser of PromQL:
// Prometheus has the last word.
func (c *checker) query(path, s string) {
	switch {
	case strings.TrimSpace(s) == "":
		c.wrong(path, "write PromQL that returns one value", "is required")
	case len(s) > maxText:
		c.wrong(path, "record it as a rule in Prometheus and name that", "is longer than %d KiB", maxText>>10)
	default:
		if open := unbalanced(s); open != "" {
			c.wrong(path, "close what is open, or drop what closes nothing", "has a %s without its counterpart", open)
		}
	}
}

// unbalanced returns the first bracket or quote of a query that has no counterpart.
func unbalanced(s string) string {
	closes := map[rune]rune{')': '(', ']': '[', '}': '{'}
	var open []rune
	var quote rune
	escaped, comment := false, false
	for _, r := range s {
		switch {
		case comment:
			comment = r != '\n'
		case escaped:
			escaped = false
		case quote != 0:
			escaped = r == '\\' && quote != '`'
			if r == quote {
				quote = 0
			}
		case r == '#':
			comment = true
		case r == '"' || r == '\'' || r == '`':
			quote = r
		case r == '(' || r == '[' || r == '{':
			open = append(open, r)
		case closes[r] != 0:
			if len(open) == 0 || open[len(open)-1] != closes[r] {
				return string(r)
			}
			open = open[:len(open)-1]
		}
	}
	if quote != 0 {
		return string(quote)
	}
	if len(open) > 0 {
		return string(open[len(open)-1])
	}
	return ""
}
