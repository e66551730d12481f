package rampart

import "fmt"

// A Compiled is a flag made ready for deciding. It never changes; a change of the
// flag, of a segment that it names, or of a register makes a new one.
type Compiled struct {
	fixed    Reason // the same answer for everybody, unless undecided
	split    Reason // what to say of a unit that was assigned by bucket
	rare     bool   // it has except, where, a layer, or another unit than the user
	unit     unit
	exposure int // in basis points
	shadow   int // likewise: of units that are in the on arm and served off
	salted   salted
	except   []matcher
	include  []matcher
	where    []matcher
	layer    *slots // nil: every slot is the flag's
	looksAt  looks

	off, on Value
	flag    Flag
	broken  error
}

// undecided is the zero Reason: inside a Compiled it says that the subject decides.
const undecided = ReasonDefault

// Registers are what decides about a flag beside its document. Each has a version
// of its own in the store.
type Registers struct {
	Killed      bool
	LeaseEnded  bool
	Unsupported bool // DecodeFlag found what this reader does not know
}

// Compile makes a flag ready. Segments are looked up by name; one that is absent
// matches nobody, and where it is to be held out it is not understood: whoever is in it
// would be exposed. Where there is an error, the result is not nil either: it serves
// off with ReasonUnsupportedRule.
func Compile(f Flag, segments map[string]*Matcher) (*Compiled, error) {
	c := &Compiled{flag: f, exposure: int(f.Exposure), off: valueOf(f.Off), on: valueOf(f.On)}
	salt := f.Salt
	if salt == "" {
		salt = f.Name
	}
	c.salted = saltWith(salt)
	switch f.Exposure {
	case 0:
		c.split, c.shadow = ReasonOff, int(f.Shadow)
	case Full:
		c.split = ReasonFull
	default:
		c.split = ReasonSplit
	}
	c.broken = c.compile(segments)
	c.fixed = c.fix(Registers{})
	return c, c.broken
}

func (c *Compiled) compile(segments map[string]*Matcher) (err error) {
	f := &c.flag
	if f.Format > FlagFormat {
		return fmt.Errorf("flag %s has format %d, newer than %d", f.Name, f.Format, FlagFormat)
	}
	if f.HashVersion != HashVersion {
		return fmt.Errorf("flag %s has hash version %d", f.Name, f.HashVersion)
	}
	if f.Exposure < 0 || f.Exposure > Full {
		return fmt.Errorf("flag %s has an exposure of %s", f.Name, f.Exposure)
	}
	if c.unit, err = compileUnit(f.Unit); err != nil {
		return fmt.Errorf("flag %s has %w", f.Name, err)
	}
	if c.layer, err = f.Layer.compile(); err != nil {
		return fmt.Errorf("flag %s: layer: %w", f.Name, err)
	}
	for i, r := range f.Except {
		if r.Segment != "" && segments[r.Segment] == nil {
			return fmt.Errorf("flag %s: except: rule %d: segment %s is not there", f.Name, i, r.Segment)
		}
	}
	for _, list := range []struct {
		name  string
		rules []Rule
		into  *[]matcher
	}{{"except", f.Except, &c.except}, {"include", f.Include, &c.include}, {"where", f.Where, &c.where}} {
		if *list.into, err = compileRules(list.rules, segments); err != nil {
			return fmt.Errorf("flag %s: %s: %w", f.Name, list.name, err)
		}
	}
	c.looksAt = c.looks()
	c.rare = len(c.except) > 0 || len(c.where) > 0 || c.layer != nil || c.unit.kind != byKey
	return nil
}

// Under returns the flag as it is decided under registers.
func (c *Compiled) Under(r Registers) *Compiled {
	under := *c
	under.fixed = c.fix(r)
	return &under
}

// fix finds the answer that is the same for everybody. A kill wins over all else.
func (c *Compiled) fix(r Registers) Reason {
	switch {
	case r.Killed:
		return ReasonKilled
	case c.flag.Removed:
		return ReasonRemoved
	case r.Unsupported || c.broken != nil:
		return ReasonUnsupportedRule
	case r.LeaseEnded:
		return ReasonLeaseEnded
	}
	return undecided
}

// Unsupported reports whether the flag serves off because this reader cannot
// evaluate it.
func (c *Compiled) Unsupported() bool { return c.fixed == ReasonUnsupportedRule }

// Flag returns the document. Its slices must not be changed.
func (c *Compiled) Flag() *Flag { return &c.flag }

// Value returns the value for on or for off.
func (c *Compiled) Value(on bool) *Value {
	if on {
		return &c.on
	}
	return &c.off
}
