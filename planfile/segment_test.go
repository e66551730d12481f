package planfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/planfile"
)

func TestSegment(t *testing.T) {
	got, _, err := planfile.ParseSegment("s.yaml", []byte(`
name: beta-testers
purpose: People who asked for it
rules:
  - {attribute: plan, in: [pro, team]}
keys: [u1, "42"]
`))
	require.NoError(t, err)
	require.Equal(t, rampart.Segment{
		Format: 1, Name: "beta-testers", Purpose: "People who asked for it",
		Rules: []rampart.Rule{{Attribute: "plan", In: []string{"pro", "team"}}}, Keys: []string{"u1", "42"},
	}, got)
}

func TestMistakesOfSegments(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"an empty file", "", "s:1:1: the segment is empty"},
		{"no name", "keys: [a]", "s:1:1: name: is required"},
		{"a name that is none", "name: Beta\nkeys: [a]", `s:1:1: name: "Beta" is not a name for a segment`},
		{"nobody in it", "name: beta", "s:1:1: matches nobody: it has neither rules nor keys"},
		{"a key of the stored document", "name: beta\nversion: 3\nkeys: [a]", "s:2:1: version: is not a key of a segment here"},
		{"a number for a key", "name: beta\nkeys: [a, 42]", "s:2:11: keys[1]: is a number; a text is wanted"},
		{"another segment", "name: beta\nrules: [{segment: internal}]", "s:2:10: rules[0].segment: a segment may not name another one"},
		{"a rule that is none", "name: beta\nrules:\n  - {attribute: plan}", "s:3:5: rules[0]: needs exactly one of in and notIn"},
		{"too many keys", "name: beta\nkeys: [" + strings.Repeat("a, ", rampart.MaxSegmentKeys) + "a]", "s:2:1: keys: has 10001 entries; 10000 are the most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := planfile.ParseSegment("s", []byte(c.yaml))
			require.ErrorContains(t, err, c.want)
			require.Equal(t, rampart.Invalid, rampart.KindOf(err))
		})
	}
}

func TestSegmentMayHaveAllTheKeysThatTheStoreTakes(t *testing.T) {
	var b strings.Builder
	b.WriteString("name: beta\nkeys:\n")
	for i := range rampart.MaxSegmentKeys {
		fmt.Fprintf(&b, "  - %s%d\n", strings.Repeat("k", 90), i)
	}
	got, _, err := planfile.ParseSegment("s", []byte(b.String()))
	require.NoError(t, err)
	require.Len(t, got.Keys, rampart.MaxSegmentKeys)
}

func TestASegmentOfAShare(t *testing.T) {
	got, _, err := planfile.ParseSegment("holdout.yaml", []byte(`
name: holdout-2027
holdout: true
rules:
  - share: {from: 0, to: 2.5}
  - share: {salt: pepper, unit: "attribute:account", from: 97, to: 100}
`))
	require.NoError(t, err)
	require.Equal(t, rampart.Segment{Format: 2, Name: "holdout-2027", Holdout: true, Rules: []rampart.Rule{
		{Share: &rampart.Share{To: 250}},
		{Share: &rampart.Share{Salt: "pepper", Unit: rampart.AttributeUnit("account"), From: 9700, To: rampart.Full}},
	}}, got)
}

func TestSharesThatAreWrong(t *testing.T) {
	for rule, want := range map[string]string{
		"{share: {from: 5, to: 5}}":                  "rules[0].share.to: 5 % is not above 5 %",
		"{share: {to: 101}}":                         "rules[0].share.to: 101 % is not a share",
		"{share: {to: 5, unit: household}}":          `rules[0].share.unit: "household" is not a unit`,
		"{share: {to: 5}, keys: [a]}":                "rules[0]: is a share and something else",
		"{share: {to: 5, salt: \"a\\nb\"}}":          `rules[0].share.salt: "a\nb" cannot be a salt`,
		"{segment: internal, share: {to: 5}}":        "rules[0].segment: a segment may not name another one",
		"{share: {to: 5, percent: 3}}":               "rules[0].share.percent: is not a key of a segment here",
		"{attribute: plan, in: [a], share: {to: 5}}": "rules[0]: is a share and something else",
	} {
		_, _, err := planfile.ParseSegment("s.yaml", []byte("name: s\nrules: ["+rule+"]\n"))
		require.ErrorContains(t, err, want, rule)
	}
}
