package rampart_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// The second version of flagd's fractional operator hashes as hash version 1 does, so
// that a flag of ours can be served by flagd: its published examples come out the same
// by our buckets.
func TestFlagdsFractionalAgrees(t *testing.T) {
	var testkit struct {
		Flags map[string]flagdFlag `json:"flags"`
	}
	doc, err := os.ReadFile("testdata/flagd/fractional-flags.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(doc, &testkit))
	ran := 0
	for _, c := range flagdCases(t) {
		t.Run(fmt.Sprintf("%s %v", c.flag, c.context), func(t *testing.T) {
			f, ok := testkit.Flags[c.flag]
			require.True(t, ok)
			f.key = c.flag
			require.Equal(t, c.want, f.value(c.context, c.fallback))
			ran++
		})
	}
	require.Equal(t, 39, ran, "of the suite's examples, without those of the first version")
}

// A flag of two values with flagd's key for a salt is what flagd makes of the weights.
func TestAnExposureIsAFractionalOfTwo(t *testing.T) {
	for key, heads := range map[string]bool{"jon@company.com": true, "jane@company.com": false} { // of the suite
		f := quarter()
		f.Include, f.Salt, f.Exposure = nil, "fractional-flag-shorthand", 5000
		c, err := rampart.Compile(f, nil)
		require.NoError(t, err)
		require.Equal(t, heads, c.Decide(&rampart.Subject{Key: key}).On, key)
	}
}

type flagdFlag struct {
	key            string
	Variants       map[string]string `json:"variants"`
	DefaultVariant string            `json:"defaultVariant"`
	Targeting      any               `json:"targeting"`
}

func (f flagdFlag) value(context map[string]any, fallback string) string {
	switch variant := f.logic(f.Targeting, context).(type) {
	case nil:
		return f.Variants[f.DefaultVariant]
	case string:
		if v, ok := f.Variants[variant]; ok {
			return v
		}
	}
	return fallback
}

// logic is as much of JsonLogic as the suite needs.
func (f flagdFlag) logic(node any, context map[string]any) any {
	operation, ok := node.(map[string]any)
	if !ok {
		return node
	}
	for name, arguments := range operation {
		list, _ := arguments.([]any)
		switch name {
		case "var":
			return f.variable(arguments.(string), context)
		case "cat":
			return f.text(list, context)
		case "==":
			return f.logic(list[0], context) == f.logic(list[1], context)
		case "if":
			if f.logic(list[0], context) == true {
				return f.logic(list[1], context)
			}
			return f.logic(list[2], context)
		case "fractional":
			return f.fractional(list, context)
		}
	}
	panic(fmt.Sprintf("the suite has grown: %v", node))
}

func (f flagdFlag) text(list []any, context map[string]any) (s string) {
	for _, part := range list {
		s += fmt.Sprint(f.logic(part, context))
	}
	return s
}

func (f flagdFlag) variable(path string, context map[string]any) any {
	if path == "$flagd.flagKey" {
		return f.key
	}
	var at any = context
	for _, name := range strings.Split(path, ".") {
		object, _ := at.(map[string]any)
		at = object[name]
	}
	return at
}

// fractional finds the bucket by the product's hash, and in which weight it falls. All
// sums of the suite but one divide 10,000, which is what makes our buckets exact.
func (f flagdFlag) fractional(list []any, context map[string]any) any {
	bucket := -1
	switch first := list[0].(type) {
	case []any: // no expression: flag and targeting key, as salt and key of ours
		if key, ok := context["targetingKey"].(string); ok {
			bucket = rampart.BucketOf(f.key, key)
		}
	case map[string]any:
		list = list[1:]
		if parts, ok := first["cat"].([]any); ok {
			bucket = rampart.BucketOf(f.text(parts[:1], context), f.text(parts[1:], context))
		} else if key, ok := f.logic(first, context).(string); ok {
			bucket = rampart.BucketOf("", key)
		}
	}
	total, weights := 0, make([]int, len(list))
	for i, entry := range list {
		weights[i] = 1
		if pair := entry.([]any); len(pair) > 1 {
			weights[i] = max(0, int(f.logic(pair[1], context).(float64)))
		}
		total += weights[i]
	}
	if bucket < 0 || total == 0 {
		return nil
	}
	end := 0
	for i, entry := range list {
		if end += weights[i]; bucket*total/rampart.Buckets < end {
			return f.logic(entry.([]any)[0], context)
		}
	}
	panic("a bucket beyond all weights")
}

type flagdCase struct {
	flag, fallback, want string
	context              map[string]any
}

var (
	flagdGiven   = regexp.MustCompile(`key "([^"]*)" and a fallback value "([^"]*)"`)
	flagdNested  = regexp.MustCompile(`outer key "([^"]*)" and inner key "([^"]*)", with value "([^"]*)"`)
	flagdTarget  = regexp.MustCompile(`a targeting key with value "([^"]*)"`)
	flagdContext = regexp.MustCompile(`containing a key "([^"]*)", with type "String" and with value "([^"]*)"`)
	flagdWant    = regexp.MustCompile(`resolved details value should be "([^"]*)"`)
)

// flagdCases reads the suite: each scenario once, or once a row of its examples.
func flagdCases(t *testing.T) (cases []flagdCase) {
	doc, err := os.ReadFile("testdata/flagd/fractional.feature")
	require.NoError(t, err)
	var steps []string
	var tags, header []string
	outline := false
	end := func() {
		if len(steps) > 0 && !outline {
			cases = append(cases, flagdCaseOf(t, steps))
		}
		steps, header = nil, nil
	}
	for _, line := range strings.Split(string(doc), "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "@"):
			tags = strings.Fields(line)
			continue
		case strings.HasPrefix(line, "Scenario"), strings.HasPrefix(line, "Background"), strings.HasPrefix(line, "Feature"):
			end()
			outline = !strings.HasPrefix(line, "Scenario:") // only that stands for itself
		case strings.HasPrefix(line, "Examples"):
			header = nil
			if strings.Join(tags, " ") == "@fractional-v1" {
				header = []string{"passed over"}
			}
		case strings.HasPrefix(line, "|"):
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			switch {
			case header == nil:
				header = cells
			case header[0] != "passed over":
				row := steps
				for i, name := range header {
					row = strings.Split(strings.ReplaceAll(strings.Join(row, "\n"), "<"+name+">", cells[i]), "\n")
				}
				cases = append(cases, flagdCaseOf(t, row))
			}
		default:
			steps = append(steps, line)
		}
		tags = nil
	}
	end()
	return cases
}

func flagdCaseOf(t *testing.T, steps []string) flagdCase {
	c := flagdCase{context: map[string]any{}}
	for _, s := range steps {
		switch m := []string(nil); {
		case find(flagdGiven, s, &m):
			c.flag, c.fallback = m[1], m[2]
		case find(flagdNested, s, &m):
			c.context[m[1]] = map[string]any{m[2]: m[3]}
		case find(flagdTarget, s, &m):
			c.context["targetingKey"] = m[1]
		case find(flagdContext, s, &m):
			c.context[m[1]] = m[2]
		case find(flagdWant, s, &m):
			c.want = m[1]
		}
	}
	require.NotEmpty(t, c.flag, steps)
	require.NotEmpty(t, c.want, steps)
	return c
}

func find(pattern *regexp.Regexp, s string, into *[]string) bool {
	*into = pattern.FindStringSubmatch(s)
	return *into != nil
}
