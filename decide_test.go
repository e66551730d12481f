package rampart_test

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rampart-dev/rampart"
)

// quarter is a flag with a quarter of the users on, and a rule.
func quarter() rampart.Flag {
	return rampart.Flag{
		Format: rampart.FlagFormat, Name: "checkout-v2", Version: 7, HashVersion: rampart.HashVersion,
		Salt: "checkout-v2", Unit: rampart.User, Exposure: 2500, Off: []byte("false"), On: []byte("true"),
		Include: []rampart.Rule{{Attribute: "region", In: []string{"eu-west-1"}}},
		Phase:   rampart.Debug,
	}
}

func in(attributes ...string) *rampart.Subject {
	s := &rampart.Subject{Key: "user-1"} // above a quarter
	for i := 0; i < len(attributes); i += 2 {
		s.Attributes = append(s.Attributes, rampart.Attr{Name: attributes[i], Value: attributes[i+1]})
	}
	return s
}

func TestDecide(t *testing.T) {
	internal, err := rampart.CompileSegment(rampart.Segment{
		Name: "internal", Keys: []string{"user-1"}, Rules: []rampart.Rule{{Attribute: "mail", In: []string{"ann@example.com"}}},
	})
	require.NoError(t, err)
	bucket := rampart.BucketOf("checkout-v2", "user-1")
	type decision = rampart.Decision
	cases := map[string]struct {
		change  func(*rampart.Flag)
		under   rampart.Registers
		subject *rampart.Subject
		want    decision
	}{
		"a unit above the exposure is in the off arm": {
			change: func(f *rampart.Flag) { f.Exposure = rampart.Percent(bucket) },
			want:   decision{Arm: rampart.ArmOff, Reason: rampart.ReasonSplit, Bucket: bucket},
		},
		"a unit below the exposure is in the on arm": {
			change: func(f *rampart.Flag) { f.Exposure = rampart.Percent(bucket + 1) },
			want:   decision{On: true, Arm: rampart.ArmOn, Reason: rampart.ReasonSplit, Bucket: bucket},
		},
		"at 0 % everybody eligible is in the off arm": {
			change: func(f *rampart.Flag) { f.Exposure = 0 },
			want:   decision{Arm: rampart.ArmOff, Reason: rampart.ReasonOff, Bucket: bucket},
		},
		"at 100 % everybody eligible is in the on arm": {
			change: func(f *rampart.Flag) { f.Exposure = rampart.Full },
			want:   decision{On: true, Arm: rampart.ArmOn, Reason: rampart.ReasonFull, Bucket: bucket},
		},
		"an included subject is on, in no arm": {
			change:  func(f *rampart.Flag) { f.Exposure = 0 },
			subject: in("region", "eu-west-1"),
			want:    decision{On: true, Reason: rampart.ReasonIncluded, Bucket: -1},
		},
		"included comes before eligible": {
			change:  func(f *rampart.Flag) { f.Where = []rampart.Rule{{Keys: []string{"nobody"}}} },
			subject: in("region", "eu-west-1"),
			want:    decision{On: true, Reason: rampart.ReasonIncluded, Bucket: -1},
		},
		"included by a segment's keys": {
			change: func(f *rampart.Flag) { f.Include = []rampart.Rule{{Segment: "internal"}} },
			want:   decision{On: true, Reason: rampart.ReasonIncluded, Bucket: -1},
		},
		"included by a segment's rules": {
			change:  func(f *rampart.Flag) { f.Include = []rampart.Rule{{Segment: "internal"}} },
			subject: &rampart.Subject{Key: "ann", Attributes: []rampart.Attr{{Name: "mail", Value: "ann@example.com"}}},
			want:    decision{On: true, Reason: rampart.ReasonIncluded, Bucket: -1},
		},
		"a segment that is not there matches nobody": {
			change: func(f *rampart.Flag) { f.Where = []rampart.Rule{{Segment: "missing"}} },
			want:   decision{Reason: rampart.ReasonNotEligible, Bucket: -1},
		},
		"who is not eligible is in no arm": {
			change:  func(f *rampart.Flag) { f.Where = []rampart.Rule{{Attribute: "plan", In: []string{"pro", "team"}}} },
			subject: in("plan", "free"),
			want:    decision{Reason: rampart.ReasonNotEligible, Bucket: -1},
		},
		"notIn matches other values": {
			change:  func(f *rampart.Flag) { f.Where = []rampart.Rule{{Attribute: "plan", NotIn: []string{"pro"}}} },
			subject: in("plan", "free"),
			want:    decision{Arm: rampart.ArmOff, Reason: rampart.ReasonSplit, Bucket: bucket},
		},
		"notIn does not match who lacks the attribute": {
			change: func(f *rampart.Flag) { f.Where = []rampart.Rule{{Attribute: "plan", NotIn: []string{"pro"}}} },
			want:   decision{Reason: rampart.ReasonNotEligible, Bucket: -1},
		},
		"an attribute can be the unit": {
			change:  func(f *rampart.Flag) { f.Unit, f.Exposure = rampart.AttributeUnit("tenant"), rampart.Full },
			subject: &rampart.Subject{Key: "ann", Attributes: []rampart.Attr{{Name: "tenant", Value: "user-1"}}},
			want:    decision{On: true, Arm: rampart.ArmOn, Reason: rampart.ReasonFull, Bucket: bucket},
		},
		"the request can be the unit": {
			change:  func(f *rampart.Flag) { f.Unit = rampart.Request },
			subject: &rampart.Subject{Key: "ann", Request: "user-1"},
			want:    decision{Arm: rampart.ArmOff, Reason: rampart.ReasonSplit, Bucket: bucket},
		},
		"without a unit key the caller decides": {
			change: func(f *rampart.Flag) { f.Unit = rampart.Request },
			want:   decision{Reason: rampart.ReasonNoUnit, Bucket: -1},
		},
		"nobody needs no unit key": {
			change: func(f *rampart.Flag) { f.Unit, f.Exposure = rampart.Request, 0 },
			want:   decision{Reason: rampart.ReasonOff, Bucket: -1},
		},
		"everybody needs no unit key": {
			change: func(f *rampart.Flag) { f.Unit, f.Exposure = rampart.Request, rampart.Full },
			want:   decision{On: true, Reason: rampart.ReasonFull, Bucket: -1},
		},
		"a kill wins over rules": {
			under: rampart.Registers{Killed: true, LeaseEnded: true, Unsupported: true}, subject: in("region", "eu-west-1"),
			want: decision{Reason: rampart.ReasonKilled, Bucket: -1},
		},
		"an ended lease turns everybody off": {
			under: rampart.Registers{LeaseEnded: true}, subject: in("region", "eu-west-1"),
			want: decision{Reason: rampart.ReasonLeaseEnded, Bucket: -1},
		},
		"a removed flag is no more": {
			change: func(f *rampart.Flag) { f.Removed = true },
			want:   decision{Reason: rampart.ReasonRemoved, Bucket: -1},
		},
		"a document that is not understood serves off": {
			under: rampart.Registers{Unsupported: true},
			want:  decision{Reason: rampart.ReasonUnsupportedRule, Bucket: -1},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f, subject := quarter(), tc.subject
			if tc.change != nil {
				tc.change(&f)
			}
			if subject == nil {
				subject = in()
			}
			c, err := rampart.Compile(f, map[string]*rampart.Matcher{"internal": internal})
			require.NoError(t, err)
			tc.want.Flag, tc.want.Version, tc.want.Phase = "checkout-v2", 7, rampart.Debug
			require.Equal(t, tc.want, c.Under(tc.under).Decide(subject))
		})
	}
}

func TestWhatCannotBeEvaluatedServesOff(t *testing.T) {
	segment, err := rampart.CompileSegment(rampart.Segment{Name: "nested", Rules: []rampart.Rule{{Segment: "other"}}})
	require.Error(t, err)
	cases := map[string]func(*rampart.Flag){
		"a newer format":             func(f *rampart.Flag) { f.Format = rampart.FlagFormat + 1 },
		"another hash version":       func(f *rampart.Flag) { f.HashVersion = 2 },
		"another unit":               func(f *rampart.Flag) { f.Unit = "household" },
		"an attribute without name":  func(f *rampart.Flag) { f.Unit = rampart.AttributeUnit("") },
		"a negative exposure":        func(f *rampart.Flag) { f.Exposure = -1 },
		"more than everybody":        func(f *rampart.Flag) { f.Exposure = rampart.Full + 1 },
		"a rule of nothing":          func(f *rampart.Flag) { f.Where = []rampart.Rule{{}} },
		"a rule of two kinds":        func(f *rampart.Flag) { f.Where = []rampart.Rule{{Segment: "a", Keys: []string{"b"}}} },
		"an attribute without a set": func(f *rampart.Flag) { f.Include = []rampart.Rule{{Attribute: "region"}} },
		"a segment that is broken":   func(f *rampart.Flag) { f.Include = []rampart.Rule{{Segment: "nested"}} },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			f := quarter()
			f.Exposure = rampart.Full
			spoil(&f)
			c, err := rampart.Compile(f, map[string]*rampart.Matcher{"nested": segment})
			require.Error(t, err)
			require.True(t, c.Unsupported())
			d := c.Decide(in("region", "eu-west-1"))
			require.Equal(t, rampart.ReasonUnsupportedRule, d.Reason)
			require.False(t, d.On)
			require.Equal(t, rampart.ArmNone, d.Arm)
		})
	}
}

func TestValuesOfEveryType(t *testing.T) {
	yes, text, whole, same, part := true, "blue", int64(42), 42.0, 2.5
	cases := map[string]struct {
		b     *bool
		s     *string
		i     *int64
		f     *float64
		known bool
	}{
		`true`:     {b: &yes, known: true},
		`"blue"`:   {s: &text, known: true},
		`42`:       {i: &whole, f: &same, known: true},
		`42.0`:     {i: &whole, f: &same, known: true},
		`2.5`:      {f: &part, known: true},
		`1e400`:    {known: true},
		`null`:     {known: true},
		`{"a":[]}`: {known: true},
		`{`:        {},
		``:         {},
	}
	for raw, want := range cases {
		t.Run(raw, func(t *testing.T) {
			f := quarter()
			f.On = json.RawMessage(raw)
			c, err := rampart.Compile(f, nil)
			require.NoError(t, err)
			v := c.Value(true)
			b, ok := v.Bool()
			requireSame(t, want.b, b, ok)
			s, ok := v.Text()
			requireSame(t, want.s, s, ok)
			i, ok := v.Int()
			requireSame(t, want.i, i, ok)
			x, ok := v.Float()
			requireSame(t, want.f, x, ok)
			_, ok = v.JSON()
			require.Equal(t, want.known, ok)
		})
	}
}

func requireSame[T any](t *testing.T, want *T, got T, ok bool) {
	t.Helper()
	require.Equal(t, want != nil, ok)
	if ok {
		require.Equal(t, *want, got)
	}
}

// Along any ramp nobody who is on is turned off, and the holdout stays off.
func TestRampsAreMonotoneAndLeaveTheHoldoutAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := quarter()
		f.Include = nil
		f.Salt = rapid.StringMatching(`[a-z0-9-]{0,20}`).Draw(t, "salt")
		s := &rampart.Subject{Key: rapid.StringMatching(`.{1,40}`).Draw(t, "key")}
		steps := rapid.SliceOfN(rapid.IntRange(0, 9500), 1, 8).Draw(t, "steps")
		highest, was := 0, false
		for _, step := range steps {
			highest = max(highest, step)
			f.Exposure = rampart.Percent(highest)
			c, err := rampart.Compile(f, nil)
			if err != nil {
				t.Fatal(err)
			}
			d := c.Decide(s)
			if was && !d.On || d.On && d.Bucket >= 9500 || d.On != (d.Bucket < highest) {
				t.Fatalf("at %d: %+v", highest, d)
			}
			was = d.On
		}
	})
}

func TestDecodeKeepsWhatLasts(t *testing.T) {
	doc := `{"format":9,"name":"checkout-v2","version":12,"exposure":12.5,"off":"old","lease":"1h",
		"where":{"all":[{"attribute":"age","atLeast":18}]},"unit":["user","device"],"layers":true}`
	f, err := rampart.DecodeFlag([]byte(doc))
	require.Error(t, err)
	require.Equal(t, "checkout-v2", f.Name)
	require.EqualValues(t, 12, f.Version)
	require.EqualValues(t, 1250, f.Exposure)
	require.JSONEq(t, `"old"`, string(f.Off))
	require.Equal(t, "1h", f.Lease.String())
}

func TestDecodeIgnoresWhatDecidesNothing(t *testing.T) {
	doc, err := json.Marshal(quarter())
	require.NoError(t, err)
	more := append(doc[:len(doc)-1:len(doc)-1], `,"tickets":["PAY-7"]}`...)
	f, err := rampart.DecodeFlag(more)
	require.NoError(t, err)
	require.Equal(t, quarter(), f)
}

func TestDecidingAllocatesNothing(t *testing.T) {
	f := layered()
	var keys []string
	for i := range 100 {
		keys = append(keys, fmt.Sprint(i))
	}
	f.Include = append(f.Include, rampart.Rule{Keys: keys}, rampart.Rule{Segment: "internal"})
	internal, err := rampart.CompileSegment(rampart.Segment{Name: "internal", Keys: keys})
	require.NoError(t, err)
	segments := heldOut(t, 500)
	segments["internal"] = internal
	c, err := rampart.Compile(f, segments)
	require.NoError(t, err)
	for name, key := range map[string]string{
		"held out": keyWith(true, true, true), "without a slot": keyWith(false, false, true), "by bucket": keyWith(false, true, true),
	} {
		s := &rampart.Subject{Key: key, Attributes: []rampart.Attr{{Name: "region", Value: "us-east-1"}, {Name: "plan", Value: "pro"}}}
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			if c.Decide(s).On {
				sink++
			}
		}), name)
	}
}

func BenchmarkDecide(b *testing.B) {
	c, err := rampart.Compile(quarter(), nil)
	require.NoError(b, err)
	s := &rampart.Subject{Key: benchKey, Attributes: []rampart.Attr{{Name: "region", Value: "us-east-1"}}}
	var p atomic.Pointer[rampart.Compiled]
	p.Store(c)
	for b.Loop() {
		if on, _, _ := p.Load().Ask(s); on {
			sink++
		}
	}
}

// BenchmarkDecideLayered is BenchmarkDecide with a holdout and a layer: three hashes
// instead of one.
func BenchmarkDecideLayered(b *testing.B) {
	c, err := rampart.Compile(layered(), heldOut(b, 500))
	require.NoError(b, err)
	s := &rampart.Subject{Key: keyWith(false, true, true), Attributes: []rampart.Attr{{Name: "region", Value: "us-east-1"}, {Name: "plan", Value: "pro"}}}
	var p atomic.Pointer[rampart.Compiled]
	p.Store(c)
	for b.Loop() {
		if on, _, _ := p.Load().Ask(s); on {
			sink++
		}
	}
}
