package rampart_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rampart-dev/rampart"
)

// Rules are met by shortcuts. Whatever the words, they answer as the rules read.
func TestRulesAreMetAsTheyRead(t *testing.T) {
	words := rapid.SampledFrom([]string{"", "a", "b", "ab", "ba", "aa", "region", "resort", "eu-west-1", "eu-east-1", "us-east-1", "é", "\x00", "\xff\xff"})
	named := rapid.SampledFrom([]string{"region", "resort", "r", "plan", "plön"})
	list := func(least int) *rapid.Generator[[]string] { return rapid.SliceOfN(words, least, 9) }
	segment := rampart.Segment{Format: 1, Name: "internal", Keys: []string{"a", "eu-west-1"}, Rules: []rampart.Rule{{Attribute: "plan", In: []string{"ab", "ba"}}}}
	compiled, err := rampart.CompileSegment(segment)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		f := rampart.Flag{Format: 1, Name: "checkout-v2", HashVersion: rampart.HashVersion, Off: []byte("false"), On: []byte("true")}
		for range rapid.IntRange(1, 3).Draw(t, "rules") {
			var r rampart.Rule
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				r.Keys = list(1).Draw(t, "keys")
			case 1:
				r.Attribute, r.In = named.Draw(t, "name"), list(1).Draw(t, "in")
			case 2:
				r.Attribute, r.NotIn = named.Draw(t, "name"), list(1).Draw(t, "notIn")
			case 3:
				r.Segment = segment.Name
			}
			f.Include = append(f.Include, r)
		}
		s := rampart.Subject{Key: words.Draw(t, "key")}
		for range rapid.IntRange(0, 3).Draw(t, "attributes") {
			s.Attributes = append(s.Attributes, rampart.Attr{Name: named.Draw(t, "name"), Value: words.Draw(t, "value")})
		}
		c, err := rampart.Compile(f, map[string]*rampart.Matcher{segment.Name: compiled})
		require.NoError(t, err)
		want := slices.ContainsFunc(f.Include, func(r rampart.Rule) bool { return meets(r, segment, &s) })
		require.Equal(t, want, c.Decide(&s).On)
	})
}

// meets reads a rule as it is documented.
func meets(r rampart.Rule, segment rampart.Segment, s *rampart.Subject) bool {
	if r.Segment != "" {
		return slices.Contains(segment.Keys, s.Key) || meets(segment.Rules[0], segment, s)
	}
	if r.Attribute == "" {
		return slices.Contains(r.Keys, s.Key)
	}
	value, ok := s.Attribute(r.Attribute)
	return ok && (slices.Contains(r.In, value) || len(r.NotIn) > 0 && !slices.Contains(r.NotIn, value))
}
