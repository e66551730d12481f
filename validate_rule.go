package rampart

import (
	"fmt"
	"slices"
)

// rules checks a list of rules; together are those that will stand in the flag's
// document with it. It reports whether they are few enough to be compared.
func (c *checker) rules(path string, rules, together []Rule) bool {
	if len(rules) == 0 {
		return true
	}
	if !c.atMost(path, len(rules), maxRules) || !c.fits(path, together) {
		return false
	}
	for k, r := range rules {
		c.rule(fmt.Sprintf("%s[%d]", path, k), r)
	}
	return true
}

func (c *checker) rule(path string, r Rule) {
	subjects := 0
	if r.Share != nil {
		c.wrong(path+".share", "give the share a name with rampart segment apply, and name that segment here", "a share belongs into a segment")
		return
	}
	for _, is := range []bool{r.Segment != "", r.Attribute != "", len(r.Keys) > 0} {
		if is {
			subjects++
		}
	}
	const hint = "write {segment: NAME}, {attribute: NAME, in: [...]}, {attribute: NAME, notIn: [...]} or {keys: [...]}"
	switch {
	case subjects != 1:
		c.wrong(path, hint, "needs exactly one of segment, attribute and keys")
	case r.Attribute == "" && len(r.In)+len(r.NotIn) > 0:
		c.wrong(path, hint, "in and notIn need an attribute")
	case r.Attribute != "" && (len(r.In) > 0) == (len(r.NotIn) > 0):
		c.wrong(path, hint, "needs exactly one of in and notIn")
	}
	if r.Segment != "" {
		c.because(path+".segment", CheckName("a segment", r.Segment))
	}
	if r.Attribute != "" && !attributePattern.MatchString(r.Attribute) {
		c.wrong(path+".attribute", "use letters, digits, '.', '_' and '-', beginning with a letter", "%q is not the name of an attribute", r.Attribute)
	}
	c.keys(path+".in", r.In)
	c.keys(path+".notIn", r.NotIn)
	c.keys(path+".keys", r.Keys)
}

func (c *checker) keys(path string, keys []string) {
	if len(keys) > maxKeys {
		c.wrong(path, "put them into a segment", "has %d entries; %d are the most", len(keys), maxKeys)
		return
	}
	c.each(path, keys)
}

// each checks keys one by one.
func (c *checker) each(path string, keys []string) {
	for k, key := range keys {
		if key == "" || len(key) > maxLabel || !printable(key) {
			c.wrong(fmt.Sprintf("%s[%d]", path, k), fmt.Sprintf("use 1 to %d printable bytes", maxLabel), "%.40q cannot be matched", key)
			return // one is enough of what may be a thousand
		}
	}
}

// fits sees to it that the rules fit into the flag's document, which every
// reader holds in memory, with room for everything else in it.
func (c *checker) fits(path string, rules []Rule) bool {
	size := 0
	for _, r := range rules {
		size += len(r.Segment) + len(r.Attribute) + 64
		for _, key := range slices.Concat(r.In, r.NotIn, r.Keys) {
			size += len(key) + 3
		}
	}
	if size > MaxFlagBytes/4 {
		c.wrong(path, "put the keys into a segment", "has %d KiB of rules; a flag's document has room for %d", size>>10, MaxFlagBytes/4>>10)
	}
	return size <= MaxFlagBytes/4
}

// widens reports whether whoever is eligible under the rules before is so under
// the rules after as well. No rules mean everybody. It may say no where only a
// segment's content could show it, because segments change.
func widens(before, after []Rule) bool {
	if len(after) == 0 {
		return true
	}
	if len(before) == 0 {
		return false
	}
	return !slices.ContainsFunc(before, func(r Rule) bool { return !covered(r, after) })
}

// covered reports whether every subject that r matches is matched by some rule.
func covered(r Rule, by []Rule) bool {
	some := func(match func(Rule) bool) bool { return slices.ContainsFunc(by, match) }
	each := func(values []string, match func(Rule, string) bool) bool {
		return !slices.ContainsFunc(values, func(v string) bool {
			return !some(func(b Rule) bool { return match(b, v) })
		})
	}
	matches := func(b Rule, v string) bool { // a subject whose attribute is v
		return b.Attribute == r.Attribute && (slices.Contains(b.In, v) || len(b.NotIn) > 0 && !slices.Contains(b.NotIn, v))
	}
	switch {
	case r.Segment != "":
		return some(func(b Rule) bool { return b.Segment == r.Segment })
	case len(r.Keys) > 0:
		return each(r.Keys, func(b Rule, key string) bool { return slices.Contains(b.Keys, key) })
	case len(r.In) > 0:
		return each(r.In, matches)
	case len(r.NotIn) > 0:
		return some(func(b Rule) bool { // all but some values: what b leaves out more, others must take in
			if b.Attribute != r.Attribute || len(b.NotIn) == 0 {
				return false
			}
			more := slices.DeleteFunc(slices.Clone(b.NotIn), func(v string) bool { return slices.Contains(r.NotIn, v) })
			return each(more, matches)
		})
	}
	return true // a rule without a shape is reported where it stands
}
