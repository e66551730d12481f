package rampart_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/murmur3"

	"github.com/rampart-dev/rampart"
)

var update = flag.Bool("update", false, "write the golden files anew")

const vectorsFile = "testdata/bucketing.json"

// vectors are what docs/reference/bucketing.md describes, by example. They are made by
// the description, which is written out below with another library's hash, not by what
// the product decides with.
type vectors struct {
	About     string          `json:"about"`
	Hashes    []hashVector    `json:"hashes"`
	Slots     []slotVector    `json:"slots"`
	Decisions []flagOfVectors `json:"decisions"`
}

type hashVector struct {
	Salt      string `json:"salt"`
	Key       string `json:"key"`
	Bucket    int    `json:"bucket"`
	Telemetry int    `json:"telemetry"`
	UnitHash  string `json:"unitHash"` // hexadecimal
}

type slotVector struct {
	Layer string `json:"layer"`
	Key   string `json:"key"`
	Slot  int    `json:"slot"`
}

type flagOfVectors struct {
	Flag     rampart.Flag      `json:"flag"`
	Segments []rampart.Segment `json:"segments"`
	Answers  []answerVector    `json:"answers"`
}

type answerVector struct {
	Subject subjectVector `json:"subject"`
	On      bool          `json:"on"`
	Arm     string        `json:"arm"`
	Reason  string        `json:"reason"`
	Bucket  int           `json:"bucket"`
}

type subjectVector struct {
	Key        string            `json:"key,omitempty"`
	Request    string            `json:"request,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

func (s subjectVector) subject() *rampart.Subject {
	out := &rampart.Subject{Key: s.Key, Request: s.Request}
	for name, value := range s.Attributes {
		out.Attributes = append(out.Attributes, rampart.Attr{Name: name, Value: value})
	}
	return out
}

func TestBucketingVectors(t *testing.T) {
	want := described()
	if *update {
		doc, err := json.Marshal(want)
		require.NoError(t, err)
		lines := strings.NewReplacer(`},{"`, "},\n{\"", `:[{"`, ":[\n{\"").Replace(string(doc))
		require.NoError(t, os.WriteFile(vectorsFile, []byte(lines+"\n"), 0o600))
	}
	doc, err := os.ReadFile(vectorsFile)
	require.NoError(t, err)
	var published vectors
	require.NoError(t, json.Unmarshal(doc, &published))
	again, err := json.Marshal(want)
	require.NoError(t, err)
	written, err := json.Marshal(published)
	require.NoError(t, err)
	require.JSONEq(t, string(again), string(written), "the description says otherwise than what is published; -update writes it anew")

	for _, v := range published.Hashes {
		require.Equal(t, v.Bucket, rampart.BucketOf(v.Salt, v.Key), "%q %q", v.Salt, v.Key)
		require.Equal(t, v.Telemetry, rampart.TelemetryBucket(v.Key), "%q", v.Key)
		require.Equal(t, v.UnitHash, fmt.Sprintf("%016x", rampart.UnitHash(v.Key)), "%q", v.Key)
	}
	for _, v := range published.Slots {
		require.Equal(t, v.Slot, rampart.Slot(v.Layer, v.Key), "%q %q", v.Layer, v.Key)
	}
	reasons := map[string]bool{}
	for _, f := range published.Decisions {
		segments := map[string]*rampart.Matcher{}
		for _, s := range f.Segments {
			m, err := rampart.CompileSegment(s)
			require.NoError(t, err)
			segments[s.Name] = m
		}
		c, err := rampart.Compile(f.Flag, segments)
		require.NoError(t, err)
		for _, v := range f.Answers {
			d := c.Decide(v.Subject.subject())
			require.Equal(t, v, answerVector{v.Subject, d.On, d.Arm.String(), d.Reason.String(), d.Bucket}, "%s at %s", f.Flag.Name, f.Flag.Exposure)
			reasons[v.Reason] = true
		}
	}
	for _, r := range []string{"NO_UNIT", "HELD_OUT", "INCLUDED", "NOT_ELIGIBLE", "NOT_IN_LAYER", "OFF", "SPLIT", "FULL"} {
		require.True(t, reasons[r], "nothing published is decided as %s", r)
	}
}

// described makes the vectors.
func described() vectors {
	v := vectors{About: "Golden vectors of hash version 1: see docs/reference/bucketing.md. Written by go test -run TestBucketingVectors . -update"}
	keys := []string{"", "a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh", "1", "2", "ann@example.com", "user-000001",
		"7d9f0c1e-7a4b-4f0e-9d54-0c6b1f0e2a11", "用户", "Zoë", "🚀 to the moon", "é", "e\u0301", "a\x00b", " lead", "UPPER"}
	for _, salt := range []string{"", "s", "cart", "checkout-v2", "new-cart", "ключ"} {
		for _, key := range keys {
			v.Hashes = append(v.Hashes, hashVector{salt, key, hash1(salt, key), int(uint64(murmur3.SeedStringSum32(0x74656c65, key)) * 20 >> 32),
				fmt.Sprintf("%08x%08x", murmur3.SeedStringSum32(0x74656c65, key), murmur3.SeedStringSum32(0x756e6974, key))})
		}
	}
	for _, layer := range []string{"checkout-page", "checkout-v2"} {
		for _, key := range keys {
			v.Slots = append(v.Slots, slotVector{layer, key, hash1("layer/"+layer, key)})
		}
	}
	v.Decisions = describedFlags()
	return v
}

func describedFlags() (out []flagOfVectors) {
	segments := []rampart.Segment{
		{Format: 2, Name: "holdout-2027", Version: 1, Rules: []rampart.Rule{{Share: &rampart.Share{To: 1000}}}},
		{Format: 2, Name: "accounts", Version: 1, Rules: []rampart.Rule{{Share: &rampart.Share{Salt: "pepper", Unit: "attribute:account", From: 2500, To: 7525}}}},
		{Format: 1, Name: "internal", Version: 1, Keys: []string{"ann@example.com"}, Rules: []rampart.Rule{{Attribute: "team", In: []string{"payments"}}}},
	}
	base := rampart.Flag{Name: "checkout-v2", Version: 7, Off: []byte("false"), On: []byte("true"), Unit: rampart.User, Salt: "checkout-v2", HashVersion: 1}
	add := func(change func(*rampart.Flag), exposures ...rampart.Percent) {
		for _, exposure := range exposures {
			f := base
			change(&f)
			f.Exposure, f.HighWater = exposure, exposure
			f.Format = f.NeedsFormat()
			one := flagOfVectors{Flag: f, Segments: segments}
			for _, s := range describedSubjects() {
				one.Answers = append(one.Answers, answerTo(f, segments, s))
			}
			out = append(out, one)
		}
	}
	add(func(*rampart.Flag) {}, 0, 1, 100, 500, 1234, 5000, 9500, 10000)
	add(func(f *rampart.Flag) { f.Salt = "" }, 5000)
	add(func(f *rampart.Flag) { f.Unit = rampart.Request }, 0, 2500, 10000)
	add(func(f *rampart.Flag) { f.Unit = "attribute:account" }, 2500)
	add(func(f *rampart.Flag) { f.Shadow = 5000 }, 0)
	add(func(f *rampart.Flag) { f.Where = []rampart.Rule{{Attribute: "plan", NotIn: []string{"free"}}} }, 5000)
	add(func(f *rampart.Flag) { f.Where = []rampart.Rule{{Segment: "accounts"}} }, 10000)
	add(func(f *rampart.Flag) { f.Layer = &rampart.Layer{Name: "checkout-page", From: 2500, To: 7500} }, 0, 5000, 10000)
	add(func(f *rampart.Flag) {
		f.Except = []rampart.Rule{{Segment: "holdout-2027"}}
		f.Include = []rampart.Rule{{Segment: "internal"}}
		f.Layer = &rampart.Layer{Name: "checkout-page", To: 5000}
	}, 0, 5000, 10000)
	return out
}

func describedSubjects() (out []subjectVector) {
	plans := []string{"", "free", "pro"}
	for i, key := range []string{"", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "ann@example.com", "用户", "7d9f0c1e-7a4b-4f0e-9d54-0c6b1f0e2a11"} {
		s := subjectVector{Key: key, Attributes: map[string]string{}}
		if plan := plans[i%len(plans)]; plan != "" {
			s.Attributes["plan"] = plan
		}
		if i%2 == 1 {
			s.Request, s.Attributes["account"] = fmt.Sprintf("r-%d", i), fmt.Sprintf("account-%d", i/4)
		}
		if i == 6 {
			s.Attributes["team"] = "payments"
		}
		out = append(out, s)
	}
	return out
}

// hash1 is hash version 1.
func hash1(salt, key string) int { return int(uint64(murmur3.StringSum32(salt+key)) * 10000 >> 32) }

// answerTo asks the questions in the order of the description.
func answerTo(f rampart.Flag, segments []rampart.Segment, s subjectVector) answerVector {
	answer := func(on bool, arm, reason string, bucket int) answerVector {
		return answerVector{s, on, arm, reason, bucket}
	}
	unit := unitIn(f.Unit, s)
	switch {
	case anyOf(f.Except, segments, s):
		return answer(false, "none", "HELD_OUT", -1)
	case anyOf(f.Include, segments, s):
		return answer(true, "none", "INCLUDED", -1)
	case len(f.Where) > 0 && !anyOf(f.Where, segments, s):
		return answer(false, "none", "NOT_ELIGIBLE", -1)
	case unit == "" && f.Exposure == 0:
		return answer(false, "none", "OFF", -1)
	case unit == "" && f.Exposure == 10000 && f.Layer == nil:
		return answer(true, "none", "FULL", -1)
	case unit == "":
		return answer(false, "none", "NO_UNIT", -1)
	}
	if l := f.Layer; l != nil {
		if slot := hash1("layer/"+l.Name, unit); slot < int(l.From) || slot >= int(l.To) {
			return answer(false, "none", "NOT_IN_LAYER", -1)
		}
	}
	salt := f.Salt
	if salt == "" {
		salt = f.Name
	}
	bucket := hash1(salt, unit)
	reason := map[rampart.Percent]string{0: "OFF", 10000: "FULL"}[f.Exposure]
	if reason == "" {
		reason = "SPLIT"
	}
	switch {
	case bucket < int(f.Exposure):
		return answer(true, "on", reason, bucket)
	case f.Exposure == 0 && bucket < int(f.Shadow):
		return answer(false, "on", reason, bucket)
	}
	return answer(false, "off", reason, bucket)
}

func unitIn(u rampart.Unit, s subjectVector) string {
	switch {
	case u == "request":
		return s.Request
	case strings.HasPrefix(string(u), "attribute:"):
		return s.Attributes[strings.TrimPrefix(string(u), "attribute:")]
	}
	return s.Key
}

func anyOf(rules []rampart.Rule, segments []rampart.Segment, s subjectVector) bool {
	for _, r := range rules {
		value, there := s.Attributes[r.Attribute]
		switch {
		case there && (slices.Contains(r.In, value) || len(r.NotIn) > 0 && !slices.Contains(r.NotIn, value)), slices.Contains(r.Keys, s.Key):
			return true
		case r.Segment != "":
			for _, g := range segments {
				if g.Name == r.Segment && (slices.Contains(g.Keys, s.Key) || anySegmentRule(g, segments, s)) {
					return true
				}
			}
		}
	}
	return false
}

func anySegmentRule(g rampart.Segment, segments []rampart.Segment, s subjectVector) bool {
	for _, r := range g.Rules {
		if r.Share == nil {
			continue
		}
		salt := r.Share.Salt
		if salt == "" {
			salt = "segment/" + g.Name
		}
		unit := unitIn(r.Share.Unit, s)
		if b := hash1(salt, unit); unit != "" && int(r.Share.From) <= b && b < int(r.Share.To) {
			return true
		}
	}
	return anyOf(g.Rules, segments, s)
}
