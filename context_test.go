package rampart_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rampart-dev/rampart"
)

func TestSubjectOf(t *testing.T) {
	for _, c := range []struct {
		name    string
		context map[string]any
		want    rampart.Subject
	}{
		{name: "nothing is nobody"},
		{
			name:    "the targeting key is the user, the request id the request",
			context: map[string]any{"targetingKey": "ann", "requestId": "r1"},
			want:    rampart.Subject{Key: "ann", Request: "r1"},
		},
		{
			name:    "either of another type is none, and no attribute either",
			context: map[string]any{"targetingKey": 7, "requestId": true},
		},
		{
			name:    "what is no scalar is left out",
			context: map[string]any{"tags": []any{"a"}, "nothing": nil, "odd": math.NaN(), "shape": struct{ Sides int }{3}, "nil": (*int)(nil)},
		},
		{
			name:    "what an object has is named with a point",
			context: map[string]any{"user": map[string]any{"plan": "gold", "address": map[string]string{"city": "Ulm"}}},
			want:    rampart.Subject{Attributes: []rampart.Attr{{Name: "user.address.city", Value: "Ulm"}, {Name: "user.plan", Value: "gold"}}},
		},
		{
			name:    "what is named in full stands first",
			context: map[string]any{"user": map[string]any{"plan": "inner"}, "user.plan": "full"},
			want:    rampart.Subject{Attributes: []rampart.Attr{{Name: "user.plan", Value: "full"}, {Name: "user.plan", Value: "inner"}}},
		},
		{
			name:    "a string is an attribute",
			context: map[string]any{"region": "eu"},
			want:    rampart.Subject{Attributes: []rampart.Attr{{Name: "region", Value: "eu"}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, rampart.SubjectOf(c.context)) })
	}
}

type (
	plan  string
	level int
)

func TestTheSameNumberIsTheSameText(t *testing.T) {
	for want, same := range map[string][]any{
		"true":                 {true, new(true)},
		"gold":                 {"gold", plan("gold"), new("gold")},
		"7":                    {7, level(7), new(7)},
		"2026-11-30T12:00:00Z": {time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)},
		"0.1":                  {0.1, float32(0.1), json.Number("0.10")},
		"":                     {""},
		"0":                    {0, 0.0, math.Copysign(0, -1), json.Number("-0.0"), json.Number("-0")},
		"1":                    {1, int8(1), uint16(1), 1.0, float32(1), json.Number("1"), json.Number("1.0"), json.Number("1e0")},
		"-1.5":                 {-1.5, json.Number("-1.50")},
		"9007199254740993":     {int64(9007199254740993), json.Number("9007199254740993")},
		"18446744073709551615": {uint64(math.MaxUint64), json.Number("18446744073709551615")},
		"1e+21":                {1e21, json.Number("1000000000000000000000")},
	} {
		for _, property := range same {
			text, ok := rampart.AttributeText(property)
			require.True(t, ok)
			require.Equal(t, want, text, "%T %v", property, property)
		}
	}
}

func TestAContextThatContainsItselfIsFollowedSoFarOnly(t *testing.T) {
	loop := map[string]any{"plan": "gold"}
	loop["again"] = loop
	s := rampart.SubjectOf(map[string]any{"user": loop})
	require.Equal(t, []rampart.Attr{
		{Name: "user.again.again.again.plan", Value: "gold"},
		{Name: "user.again.again.plan", Value: "gold"},
		{Name: "user.again.plan", Value: "gold"},
		{Name: "user.plan", Value: "gold"},
	}, s.Attributes)
}

// What a flag does not look at changes no answer, so it need not be read.
func TestAContextIsReadAsFarAsTheFlagLooks(t *testing.T) {
	named := rapid.SampledFrom([]string{"plan", "region", "user.plan", "user.name.first", "user", "targetingKey", "requestId"})
	valued := rapid.SampledFrom([]string{"gold", "eu", "1", "true"})
	property := rapid.OneOf(
		rapid.Just[any]("gold"), rapid.Just[any]("eu"), rapid.Just[any](1), rapid.Just[any](true), rapid.Just[any](nil),
		rapid.Just[any](map[string]any{"plan": "gold", "name": map[string]any{"first": "eu"}}), rapid.Just[any]([]string{"gold"}),
	)
	rules := func(t *rapid.T, what string) (out []rampart.Rule) {
		for range rapid.IntRange(0, 2).Draw(t, what) {
			out = append(out, rampart.Rule{Attribute: named.Draw(t, "name"), In: []string{valued.Draw(t, "in")}})
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		part := rampart.Rule{Share: &rampart.Share{Unit: rampart.AttributeUnit("region"), To: 5000}}
		segment, err := rampart.CompileSegment(rampart.Segment{Format: 2, Name: "s", Rules: append(rules(t, "segment"), part)})
		require.NoError(t, err)
		f := rampart.Flag{
			Format: 2, Name: "checkout-v2", HashVersion: rampart.HashVersion, Off: []byte("false"), On: []byte("true"), Exposure: 5000,
			Unit:   rapid.SampledFrom([]rampart.Unit{rampart.User, rampart.Request, rampart.AttributeUnit("plan")}).Draw(t, "unit"),
			Except: rules(t, "except"), Include: rules(t, "include"), Where: rules(t, "where"),
		}
		if rapid.Bool().Draw(t, "named") {
			f.Include = append(f.Include, rampart.Rule{Segment: "s"})
		}
		c, err := rampart.Compile(f, map[string]*rampart.Matcher{"s": segment})
		require.NoError(t, err)
		context := rapid.MapOfN(named, property, 0, 6).Draw(t, "context")
		whole, seen := rampart.SubjectOf(context), rampart.Subject{}
		c.Fill(&seen, context)
		require.Equal(t, c.Decide(&whole), c.Decide(&seen))
	})
}
