package rampart_test

import (
	"encoding/json"
	"testing"

	"github.com/rampart-dev/rampart"
)

// Documents come from writers of any age, and from hands. Whatever they say, nobody is
// exposed by what is not understood, and nothing panics.

func FuzzDecodeFlag(f *testing.F) {
	for _, flag := range []rampart.Flag{quarter(), layered()} {
		doc, _ := json.Marshal(flag)
		f.Add(doc)
	}
	f.Add([]byte(`{"format":1,"hashVersion":1,"include":[{"segment":"x"}],"off":1e999}`))
	f.Add([]byte(`{"format":2,"hashVersion":1,"exposure":100,"layer":{"name":"page","from":"0%","to":100},"except":[{"keys":["user-1"]}]}`))
	f.Add([]byte(`{"format":2,"hashVersion":1,"exposure":100,"layer":{"to":1e300}}`))
	f.Add([]byte(`{"format":2,"hashVersion":1,"exposure":100,"layer":null,"except":null,"include":[{"share":{"to":100}}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		flag, err := rampart.DecodeFlag(doc)
		c, broken := rampart.Compile(flag, nil)
		d := c.Under(rampart.Registers{Unsupported: err != nil}).Decide(in())
		if (err != nil || broken != nil) && d.On {
			t.Fatalf("on by a document that is not understood: %s", doc)
		}
		if err != nil || broken != nil {
			return
		}
		again, err := json.Marshal(flag)
		if err != nil {
			t.Fatalf("a document that was read cannot be written: %v", err)
		}
		back, err := rampart.DecodeFlag(again)
		if err != nil {
			t.Fatalf("a document that was written cannot be read: %v: %s", err, again)
		}
		c2, err := rampart.Compile(back, nil)
		if err != nil || c2.Decide(in()) != d {
			t.Fatalf("%s decides otherwise than %s", again, doc)
		}
	})
}

func FuzzDecodeSegment(f *testing.F) {
	f.Add([]byte(`{"format":1,"name":"internal","keys":["user-1"],"rules":[{"attribute":"plan","in":["pro"]}]}`))
	f.Add([]byte(`{"format":2,"name":"holdout","holdout":true,"rules":[{"share":{"to":5}},{"share":{"salt":"s","unit":"attribute:account","from":1.5,"to":"2%"}}]}`))
	f.Add([]byte(`{"format":2,"name":"holdout","rules":[{"share":{"to":5},"keys":["a"]}]}`))
	f.Add([]byte(`{"format":3,"rules":[{"share":{"to":101,"of":"x"}}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		segment, err := rampart.DecodeSegment(doc)
		m, broken := rampart.CompileSegment(segment)
		if err != nil {
			m, broken = rampart.Unreadable(err)
		}
		everybody := quarter()
		everybody.Exposure, everybody.Except = rampart.Full, []rampart.Rule{{Segment: "it"}}
		c, failed := rampart.Compile(everybody, map[string]*rampart.Matcher{"it": m})
		if (broken == nil) != (failed == nil) {
			t.Fatalf("the segment is broken: %v; its flag: %v", broken, failed)
		}
		if d := c.Decide(in()); d.On && (broken != nil || m.Match(in())) {
			t.Fatalf("on in spite of a holdout: %s", doc)
		}
	})
}

// FuzzCompile asks flags of any shape about subjects of any shape.
func FuzzCompile(f *testing.F) {
	f.Add("user", "checkout-v2", 2500, 0, 10000, "page", 0, 5000, 300, "user-1", "pro")
	f.Add("attribute:plan", "", 10000, 0, 0, "", 0, 0, 0, "", "pro")
	f.Add("request", "用户", 1, 5000, 5001, "p", 9999, 10000, 10000, "\x00", "\xff")
	f.Add("household", "s", -5, 10, 5, "page", -1, 20000, -3, "a", "b")
	f.Fuzz(func(t *testing.T, unit, salt string, exposure, from, to int, layer string, slotFrom, slotTo, share int, key, value string) {
		segment, broken := rampart.CompileSegment(rampart.Segment{Name: "holdout", Rules: []rampart.Rule{
			{Share: &rampart.Share{Salt: salt, Unit: rampart.Unit(unit), From: rampart.Percent(from), To: rampart.Percent(to)}}}})
		flag := rampart.Flag{
			Format: rampart.FlagFormat, Name: "checkout-v2", HashVersion: rampart.HashVersion, Unit: rampart.Unit(unit), Salt: salt,
			Exposure: rampart.Percent(exposure), Shadow: rampart.Percent(share),
			Except: []rampart.Rule{{Segment: "holdout"}}, Where: []rampart.Rule{{Attribute: "plan", NotIn: []string{"free"}}},
			Layer: &rampart.Layer{Name: layer, From: rampart.Percent(slotFrom), To: rampart.Percent(slotTo)},
		}
		c, err := rampart.Compile(flag, map[string]*rampart.Matcher{"holdout": segment})
		s := &rampart.Subject{Key: key, Request: value, Attributes: []rampart.Attr{{Name: "plan", Value: value}}}
		d := c.Decide(s)
		switch {
		case err != nil && d.Reason != rampart.ReasonUnsupportedRule, broken != nil && err == nil:
			t.Fatalf("compiled with %v and %v: %+v", broken, err, d)
		case d.On && (err != nil || segment.Match(s) || value == "free"):
			t.Fatalf("%+v is exposed: %+v", s, d)
		case d.On && d.Arm == rampart.ArmOn && (d.Bucket >= exposure || rampart.Slot(layer, c.UnitOf(s)) < slotFrom || rampart.Slot(layer, c.UnitOf(s)) >= slotTo):
			t.Fatalf("%+v is exposed beyond its share: %+v", s, d)
		}
		if on, arm, why := c.Ask(s); on != d.On || arm != d.Arm || why != d.Reason {
			t.Fatalf("asked %v %v %v, decided %+v", on, arm, why, d)
		}
	})
}
