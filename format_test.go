package rampart_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rampart-dev/rampart"
)

// A reader1 is what a reader of format 1 makes of a document, as it was published: it
// knows neither layers nor exceptions nor shares, passes over fields that it does not
// know, and serves off where a rule has one, or the format is newer.
func reader1(doc []byte, subject *rampart.Subject) (on, understood bool) {
	type rule1 struct {
		Segment, Attribute string
		In, NotIn, Keys    []string
	}
	var f struct {
		Format   int
		Exposure rampart.Percent
		Salt     string
		Include  []map[string]json.RawMessage
		Where    []map[string]json.RawMessage
	}
	if json.Unmarshal(doc, &f) != nil || f.Format > 1 {
		return false, false
	}
	matches := func(rules []map[string]json.RawMessage) (some, known bool) {
		for _, fields := range rules {
			for name := range fields {
				switch name {
				case "segment", "attribute", "in", "notIn", "keys":
				default:
					return false, false
				}
			}
			var r rule1
			raw, _ := json.Marshal(fields)
			_ = json.Unmarshal(raw, &r)
			for _, key := range r.Keys {
				some = some || key == subject.Key
			}
		}
		return some, true
	}
	included, known := matches(f.Include)
	eligible, knownToo := matches(f.Where)
	if !known || !knownToo {
		return false, false
	}
	below := rampart.BucketOf(f.Salt, subject.Key) < int(f.Exposure)
	return included || below && (eligible || len(f.Where) == 0), true
}

// The newest writer is read by the oldest reader that is supported: it exposes nobody
// whom the newest does not, and decides the same where the document says nothing new.
func TestTheOldestReaderAndTheNewestWriter(t *testing.T) {
	segments := heldOut(t, 3000)
	rapid.Check(t, func(t *rapid.T) {
		f := quarter()
		f.Include, f.Exposure = nil, rampart.Percent(rapid.IntRange(0, 10000).Draw(t, "exposure"))
		maybe := func(what string) bool { return rapid.Bool().Draw(t, what) }
		if maybe("included") {
			f.Include = []rampart.Rule{{Keys: []string{"user-1", "user-2"}}}
		}
		if maybe("eligible") {
			f.Where = []rampart.Rule{{Keys: []string{"user-2", "user-3"}}}
		}
		if maybe("held out") {
			f.Except = []rampart.Rule{{Segment: "holdout"}}
		}
		if maybe("in a layer") {
			f.Layer = &rampart.Layer{Name: "page", To: 5000}
		}
		f.Format = f.NeedsFormat()
		doc, err := json.Marshal(f)
		require.NoError(t, err)
		read, err := rampart.DecodeFlag(doc)
		require.NoError(t, err)
		require.Equal(t, f, read)
		c, err := rampart.Compile(read, segments)
		require.NoError(t, err)
		for _, key := range []string{"user-1", "user-2", "user-3", "user-4", "user-5", "user-6"} {
			s := &rampart.Subject{Key: key}
			newest := c.Decide(s).On
			oldest, understood := reader1(doc, s)
			require.False(t, oldest && !newest, "%s is exposed by the older reader alone: %s", key, doc)
			if f.Except == nil && f.Layer == nil {
				require.True(t, understood, "%s", doc)
				require.Equal(t, newest, oldest, "%s: %s", key, doc)
			}
		}
	})
}

func TestFormatsAreNoNewerThanNeeded(t *testing.T) {
	f := quarter()
	require.Equal(t, 1, f.NeedsFormat())
	f.Layer = &rampart.Layer{Name: "page", To: 5000}
	require.Equal(t, 2, f.NeedsFormat())
	f.Layer, f.Except = nil, []rampart.Rule{{Segment: "holdout"}}
	require.Equal(t, 2, f.NeedsFormat())
	g := rampart.Segment{Name: "holdout", Keys: []string{"ann"}, Holdout: true}
	require.Equal(t, 1, g.NeedsFormat())
	g.Rules = []rampart.Rule{{Share: &rampart.Share{To: 500}}}
	require.Equal(t, 2, g.NeedsFormat())
	require.Equal(t, 1, rampart.Plan{Flag: "checkout-v2"}.NewFlag().Format)
}
