package rampart_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rampart-dev/rampart"
)

// heldOut is a segment of a share of all users.
func heldOut(t require.TestingT, to rampart.Percent) map[string]*rampart.Matcher {
	m, err := rampart.CompileSegment(rampart.Segment{Name: "holdout", Rules: []rampart.Rule{{Share: &rampart.Share{To: to}}}})
	require.NoError(t, err)
	return map[string]*rampart.Matcher{"holdout": m}
}

// layered is a flag that uses every field that decides.
func layered() rampart.Flag {
	f := quarter()
	f.Exposure = 5000
	f.Except = []rampart.Rule{{Segment: "holdout"}}
	f.Layer = &rampart.Layer{Name: "checkout-page", From: 1000, To: 6000}
	f.Where = []rampart.Rule{{Attribute: "plan", NotIn: []string{"free"}}}
	f.Format = f.NeedsFormat()
	return f
}

// keyWith returns a user of whom everything is as it is asked for.
func keyWith(held, inLayer, below bool) string {
	for i := 0; ; i++ {
		key := fmt.Sprintf("user-%d", i)
		slot := rampart.Slot("checkout-page", key)
		if held == (rampart.BucketOf("segment/holdout", key) < 500) && inLayer == (1000 <= slot && slot < 6000) &&
			below == (rampart.BucketOf("checkout-v2", key) < 5000) {
			return key
		}
	}
}

func TestWhoIsToBeHeldOutIsNotExposedWhereTheSegmentIsMissing(t *testing.T) {
	f := layered()
	f.Exposure, f.Where = rampart.Full, nil
	c, err := rampart.Compile(f, nil)
	require.ErrorContains(t, err, "except: rule 0: segment holdout is not there")
	d := c.Decide(&rampart.Subject{Key: keyWith(true, true, true)})
	require.False(t, d.On)
	require.Equal(t, rampart.ReasonUnsupportedRule, d.Reason)

	over, err := rampart.CompileSegment(rampart.Segment{Name: "holdout", Removed: true})
	require.NoError(t, err)
	c, err = rampart.Compile(f, map[string]*rampart.Matcher{"holdout": over})
	require.NoError(t, err)
	d = c.Decide(&rampart.Subject{Key: keyWith(true, true, true)})
	require.True(t, d.On, "a segment that was removed holds nobody out any more")
}

func TestTheOrderOfQuestions(t *testing.T) {
	c, err := rampart.Compile(layered(), heldOut(t, 500))
	require.NoError(t, err)
	const europe, free = "eu-west-1", "free"
	cases := map[string]struct {
		held, inLayer, below bool
		region, plan         string
		want                 rampart.Reason
		on                   bool
		arm                  rampart.Arm
	}{
		"a holdout holds out whoever is included":       {held: true, inLayer: true, below: true, region: europe, want: rampart.ReasonHeldOut},
		"a holdout holds out whoever is below":          {held: true, inLayer: true, below: true, want: rampart.ReasonHeldOut},
		"whoever is included needs no slot":             {region: europe, want: rampart.ReasonIncluded, on: true},
		"eligibility is asked before the layer":         {plan: free, want: rampart.ReasonNotEligible},
		"who has no slot is off, in no arm":             {below: true, want: rampart.ReasonNotInLayer},
		"who has a slot and is below is in the on arm":  {inLayer: true, below: true, want: rampart.ReasonSplit, on: true, arm: rampart.ArmOn},
		"who has a slot and is above is in the off arm": {inLayer: true, want: rampart.ReasonSplit, arm: rampart.ArmOff},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := c.Decide(&rampart.Subject{Key: keyWith(tc.held, tc.inLayer, tc.below), Attributes: []rampart.Attr{
				{Name: "region", Value: tc.region}, {Name: "plan", Value: tc.plan}}})
			require.Equal(t, tc.want, d.Reason)
			require.Equal(t, tc.on, d.On)
			require.Equal(t, tc.arm, d.Arm)
			require.Equal(t, tc.want == rampart.ReasonSplit, d.Bucket >= 0)
		})
	}
	for name, under := range map[rampart.Reason]rampart.Registers{
		rampart.ReasonKilled: {Killed: true}, rampart.ReasonLeaseEnded: {LeaseEnded: true}, rampart.ReasonUnsupportedRule: {Unsupported: true},
	} {
		require.Equal(t, name, c.Under(under).Decide(&rampart.Subject{Key: keyWith(true, false, false)}).Reason)
	}
}

func TestALayerNeedsTheUnitAlsoWhereEverybodyIsExposed(t *testing.T) {
	f := layered()
	f.Where = nil
	for exposure, want := range map[rampart.Percent]rampart.Reason{0: rampart.ReasonOff, 5000: rampart.ReasonNoUnit, rampart.Full: rampart.ReasonNoUnit} {
		f.Exposure = exposure
		c, err := rampart.Compile(f, heldOut(t, 500))
		require.NoError(t, err)
		require.Equal(t, want, c.Decide(&rampart.Subject{}).Reason)
	}
}

func TestLayersThatCannotBeEvaluatedServeOff(t *testing.T) {
	for name, layer := range map[string]rampart.Layer{
		"no name":              {To: 5000},
		"no slots":             {Name: "page"},
		"slots that end first": {Name: "page", From: 5000, To: 4000},
		"negative slots":       {Name: "page", From: -1, To: 4000},
		"more than all slots":  {Name: "page", To: rampart.Full + 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := layered()
			f.Layer, f.Exposure = &layer, rampart.Full
			c, err := rampart.Compile(f, heldOut(t, 500))
			require.Error(t, err)
			require.Equal(t, rampart.ReasonUnsupportedRule, c.Decide(in("region", "eu-west-1")).Reason)
		})
	}
}

func TestSharesThatCannotBeEvaluatedMakeTheirSegmentUnreadable(t *testing.T) {
	for name, r := range map[string]rampart.Rule{
		"no slots":       {Share: &rampart.Share{}},
		"beyond all":     {Share: &rampart.Share{From: 9000, To: 10001}},
		"another unit":   {Share: &rampart.Share{To: 500, Unit: "household"}},
		"and keys":       {Share: &rampart.Share{To: 500}, Keys: []string{"ann"}},
		"of a segment":   {Share: &rampart.Share{To: 500}, Segment: "internal"},
		"an empty unit":  {Share: &rampart.Share{To: 500, Unit: rampart.AttributeUnit("")}},
		"and attributes": {Share: &rampart.Share{To: 500}, Attribute: "plan", In: []string{"pro"}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := rampart.CompileSegment(rampart.Segment{Name: "holdout", Rules: []rampart.Rule{r}})
			require.Error(t, err)
			f := quarter()
			f.Except, f.Exposure = []rampart.Rule{{Segment: "holdout"}}, rampart.Full
			c, err := rampart.Compile(f, map[string]*rampart.Matcher{"holdout": m})
			require.Error(t, err)
			require.False(t, c.Decide(in("region", "eu-west-1")).On, "nobody is exposed by a holdout that is not understood")
		})
	}
	f := quarter()
	f.Where = []rampart.Rule{{Share: &rampart.Share{To: 500}}}
	_, err := rampart.Compile(f, nil)
	require.ErrorContains(t, err, "a share belongs into a segment")
}

func TestAShareIsOfItsOwnUnit(t *testing.T) {
	m, err := rampart.CompileSegment(rampart.Segment{Name: "holdout", Rules: []rampart.Rule{
		{Share: &rampart.Share{Salt: "pepper", Unit: rampart.AttributeUnit("account"), From: 2000, To: 4000}}}})
	require.NoError(t, err)
	require.False(t, m.Match(&rampart.Subject{Key: "ann"}), "of an account that is not told nothing is known")
	for i := range 1000 {
		key := fmt.Sprint(i)
		b := rampart.BucketOf("pepper", key)
		require.Equal(t, 2000 <= b && b < 4000, m.Match(&rampart.Subject{Key: "ann", Attributes: []rampart.Attr{{Name: "account", Value: key}}}))
	}
}

// Flags that share out a layer never have a unit in common, and have the share of units
// that they were given, of which each exposes what it says.
func TestLayersAreDisjointAndUniform(t *testing.T) {
	const units = 40_000
	for kind, id := range idKinds {
		t.Run(kind, func(t *testing.T) {
			var flags []*rampart.Compiled
			cuts := []rampart.Percent{0, 500, 2500, 3333, 7000, 10000}
			for i := range len(cuts) - 1 {
				f := quarter()
				f.Include, f.Name, f.Salt, f.Exposure = nil, fmt.Sprintf("checkout-v%d", i), fmt.Sprintf("checkout-v%d", i), 5000
				f.Layer = &rampart.Layer{Name: "checkout-page", From: cuts[i], To: cuts[i+1]}
				c, err := rampart.Compile(f, nil)
				require.NoError(t, err)
				flags = append(flags, c)
			}
			within, on := make([]float64, len(flags)), make([]float64, len(flags))
			for i := range units {
				s, has := &rampart.Subject{Key: id(i)}, 0
				for f, c := range flags {
					d := c.Decide(s)
					if d.Reason == rampart.ReasonSplit {
						has++
						within[f]++
					}
					if d.On {
						on[f]++
					}
				}
				require.Equal(t, 1, has, "%s is in one flag of a layer that is shared out", s.Key)
			}
			for f := range flags {
				p := (cuts[f+1] - cuts[f]).Share()
				require.InDelta(t, p*units, within[f], 5*math.Sqrt(p*(1-p)*units), f)
				require.InDelta(t, within[f]/2, on[f], 5*math.Sqrt(within[f]/4), f)
			}
		})
	}
}

// Slots tell nothing about the buckets of flags, layers or segments, not even of those
// with the same name.
func TestSlotsAreIndependentOfBuckets(t *testing.T) {
	const units, name = 40_000, "checkout"
	for kind, id := range idKinds {
		t.Run(kind, func(t *testing.T) {
			tenth := map[string]func(string) bool{
				"flag":    func(key string) bool { return rampart.BucketOf(name, key) < 1000 },
				"layer":   func(key string) bool { return rampart.Slot(name, key) < 1000 },
				"other":   func(key string) bool { return rampart.Slot(name+"2", key) < 1000 },
				"segment": func(key string) bool { return rampart.BucketOf("segment/"+name, key) < 1000 },
			}
			for a, inA := range tenth {
				for b, inB := range tenth {
					of, both := 0.0, 0.0
					for i := range units {
						if inA(id(i)) {
							of++
							if inB(id(i)) {
								both++
							}
						}
					}
					if a != b {
						require.InDelta(t, 0.1, both/of, 5*math.Sqrt(0.09/4000), "%s given %s", b, a)
					}
				}
			}
		})
	}
}

// No ramp, up or down, in a layer or not, touches a holdout: neither the units above
// what was ever exposed, nor those who are held out of everything.
func TestNoRampTouchesAHoldout(t *testing.T) {
	segments := heldOut(t, 1000)
	rapid.Check(t, func(t *rapid.T) {
		f := layered()
		f.Where, f.HighWater = nil, 0
		f.Salt = rapid.StringMatching(`[a-z0-9-]{0,20}`).Draw(t, "salt")
		if rapid.Bool().Draw(t, "without a layer") {
			f.Layer = nil
		}
		var keys []string
		for i := range 50 {
			keys = append(keys, fmt.Sprintf("%s-%d", rapid.StringMatching(`.{1,12}`).Draw(t, "key"), i))
		}
		wasOn := map[string]bool{}
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 9500), 1, 8).Draw(t, "steps") {
			f.Exposure = rampart.Percent(step)
			f.HighWater = max(f.HighWater, f.Exposure)
			c, err := rampart.Compile(f, segments)
			require.NoError(t, err)
			for _, key := range keys {
				d := c.Decide(&rampart.Subject{Key: key})
				wasOn[key] = wasOn[key] || d.On
				if held := rampart.BucketOf("segment/holdout", key) < 1000; held != (d.Reason == rampart.ReasonHeldOut) || held && wasOn[key] {
					t.Fatalf("%s is held out %v: %+v", key, held, d)
				}
			}
		}
		salt := f.Salt
		if salt == "" {
			salt = f.Name
		}
		h := f.Holdout()
		for _, key := range keys {
			if rampart.BucketOf(salt, key) >= int(h.Since) && wasOn[key] {
				t.Fatalf("%s is above %s and was on", key, h.Since)
			}
		}
		if h.Clean != (f.HighWater <= f.Exposure) || h.Above != f.Exposure {
			t.Fatalf("at %s after %s: %+v", f.Exposure, f.HighWater, h)
		}
	})
}

func TestSlotsThatAreTaken(t *testing.T) {
	flag := func(name string, unit rampart.Unit, layer string, from, to rampart.Percent) rampart.Flag {
		return rampart.Flag{Name: name, Unit: unit, Layer: &rampart.Layer{Name: layer, From: from, To: to}}
	}
	others := []rampart.Flag{
		flag("one-page", "", "checkout-page", 5000, 7000), flag("upsell", rampart.User, "checkout-page", 1000, 2000),
		flag("new-cart", rampart.Request, "cart-page", 0, 10000), {Name: "no-layer"},
		{Name: "gone", Removed: true, Layer: &rampart.Layer{Name: "checkout-page", To: 10000}},
		flag("checkout-v2", rampart.User, "checkout-page", 0, 10000),
	}
	cases := map[string]struct {
		flag       rampart.Flag
		want, hint string
	}{
		"slots that are free": {flag: flag("checkout-v2", rampart.User, "checkout-page", 2000, 5000)},
		"another layer":       {flag: flag("checkout-v2", rampart.User, "thank-you-page", 0, 10000)},
		"no layer":            {flag: rampart.Flag{Name: "checkout-v2"}},
		"a common slot": {
			flag: flag("checkout-v2", rampart.User, "checkout-page", 1999, 3000),
			want: "slots 19.99-30 % of layer checkout-page are taken: upsell has 10-20 %",
			hint: "free in checkout-page: 0-10 %, 20-50 %, 70-100 %",
		},
		"all around another": {
			flag: flag("checkout-v2", rampart.User, "checkout-page", 4000, 9000),
			want: "slots 40-90 % of layer checkout-page are taken: one-page has 50-70 %",
			hint: "free in checkout-page: 0-10 %, 20-50 %, 70-100 %",
		},
		"a full layer of another unit": {
			flag: flag("checkout-v2", rampart.User, "cart-page", 0, 1000),
			want: "layer cart-page buckets by request, as new-cart does, and checkout-v2 by user",
			hint: "flags of one layer must have the same unit; name another layer",
		},
		"a full layer": {
			flag: flag("checkout-v2", rampart.Request, "cart-page", 0, 1000),
			want: "slots 0-10 % of layer cart-page are taken: new-cart has 0-100 %",
			hint: "no slot of cart-page is free: wait until a launch of it has ended",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := tc.flag.Conflict(others)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.want)
			require.Equal(t, rampart.Refused, rampart.KindOf(err))
			require.Equal(t, tc.hint, rampart.HintOf(err))
		})
	}
}
