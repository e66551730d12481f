package rampart

import "fmt"

// Validate returns everything that is wrong with the segment.
func (s Segment) Validate() Mistakes {
	c := &checker{}
	if s.Name == "" {
		c.wrong("name", "name the segment as plans do, such as beta-testers", "is required")
	} else {
		c.because("name", CheckName("a segment", s.Name))
	}
	c.text("purpose", s.Purpose)
	if len(s.Rules)+len(s.Keys) == 0 && !s.Holdout { // a holdout that is over holds nobody out
		c.wrong("", "give it rules or keys", "matches nobody: it has neither rules nor keys")
	}
	if c.atMost("rules", len(s.Rules), maxRules) {
		for i, r := range s.Rules {
			c.ownRule(fmt.Sprintf("rules[%d]", i), r)
		}
	}
	if len(s.Keys) > MaxSegmentKeys {
		c.wrong("keys", "a segment this large is an attribute of your users: match it with a rule", "has %d entries; %d are the most", len(s.Keys), MaxSegmentKeys)
		return c.found
	}
	c.each("keys", s.Keys)
	return c.found
}

// ownRule checks a rule of a segment. Segments that named each other would have to
// be decided in an order, and might go round.
func (c *checker) ownRule(path string, r Rule) {
	if r.Segment != "" {
		c.wrong(path+".segment", "write out its rules and keys here", "a segment may not name another one")
		return
	}
	if r.Share != nil {
		c.ownShare(path, r)
		return
	}
	c.rule(path, r)
}

func (c *checker) ownShare(path string, r Rule) {
	if r.Attribute != "" || len(r.In)+len(r.NotIn)+len(r.Keys) > 0 {
		c.wrong(path, "write {share: {from: 0, to: 5}}, and other rules beside it", "is a share and something else")
	}
	if salt := r.Share.Salt; len(salt) > maxLabel || !printable(salt) {
		c.wrong(path+".share.salt", "leave it out, and the segment's name is taken", "%.40q cannot be a salt", salt)
	}
	if u := r.Share.Unit; u != "" {
		c.isUnit(path+".share.unit", u)
	}
	c.slots(path+".share", r.Share.From, r.Share.To)
}

// slots checks a range of slots.
func (c *checker) slots(path string, from, to Percent) {
	if c.share(path+".from", from) && c.share(path+".to", to) && from >= to {
		c.wrong(path+".to", "write where the range begins and where it ends, such as {from: 0, to: 5}", "%s is not above %s", to, from)
	}
}
