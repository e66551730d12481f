package rampart

// A Subject is what a flag is asked about.
type Subject struct {
	Key        string // the user
	Request    string // the request, for flags whose unit is the request
	Attributes []Attr // what rules look at, and the unit of attribute:NAME
}

// An Attr is one attribute of a subject.
type Attr struct{ Name, Value string }

// Attribute returns the value of the first attribute of that name.
func (s *Subject) Attribute(name string) (value string, ok bool) {
	for i := range s.Attributes {
		if s.Attributes[i].Name == name {
			return s.Attributes[i].Value, true
		}
	}
	return "", false
}

// An Arm says how a unit came to its value, where arms are compared.
type Arm uint8

// The arms. Only units assigned by bucket are in an arm; everybody else is in
// none and is never evidence.
const (
	ArmNone Arm = iota
	ArmOff
	ArmOn
)

// String returns the arm as it is written on a counter's label.
func (a Arm) String() string {
	switch a {
	case ArmOn:
		return "on"
	case ArmOff:
		return "off"
	}
	return "none"
}

// MarshalText implements encoding.TextMarshaler.
func (a Arm) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// A Reason says why a decision is what it is.
type Reason uint8

// The reasons. With the first group the caller's default is served, because the
// flag has no value for this subject; with the others the flag's own value is.
const (
	ReasonDefault Reason = iota // nothing is known of any flag yet
	ReasonUnknownFlag
	ReasonRemoved
	ReasonNoUnit    // the subject lacks what the flag buckets by
	ReasonWrongType // the flag's value is of another type than the caller's

	ReasonKilled
	ReasonLeaseEnded      // the exposure has outlived its guard
	ReasonUnsupportedRule // this reader is too old for the document, so it serves off
	ReasonHeldOut         // kept off whatever else the document says; in no arm
	ReasonIncluded        // on by a rule, in no arm
	ReasonNotEligible     // no rule of where matches; off, in no arm
	ReasonNotInLayer      // its slot of the layer is another flag's, or free; off, in no arm
	ReasonOff             // nobody is exposed by bucket
	ReasonSplit           // by bucket
	ReasonFull            // everybody is exposed
	ReasonCarried         // as the caller of the service decided for the same request
)

var reasonNames = [...]string{
	ReasonDefault: "DEFAULT", ReasonUnknownFlag: "UNKNOWN_FLAG", ReasonRemoved: "REMOVED",
	ReasonNoUnit: "NO_UNIT", ReasonWrongType: "WRONG_TYPE", ReasonKilled: "KILLED",
	ReasonLeaseEnded: "LEASE_ENDED", ReasonUnsupportedRule: "UNSUPPORTED_RULE",
	ReasonHeldOut: "HELD_OUT", ReasonIncluded: "INCLUDED", ReasonNotEligible: "NOT_ELIGIBLE",
	ReasonNotInLayer: "NOT_IN_LAYER", ReasonOff: "OFF", ReasonSplit: "SPLIT", ReasonFull: "FULL",
	ReasonCarried: "CARRIED",
}

// String returns the reason as it is logged: SPLIT, KILLED, ...
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "UNKNOWN"
}

// MarshalText implements encoding.TextMarshaler.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Default reports whether the caller's default is served.
func (r Reason) Default() bool { return r <= ReasonWrongType }

// A Decision is the answer of one flag for one subject.
type Decision struct {
	Flag    string `json:"flag"`
	On      bool   `json:"on"`
	Arm     Arm    `json:"arm"`
	Reason  Reason `json:"reason"`
	Version int64  `json:"version"` // of the flag
	Bucket  int    `json:"bucket"`  // from 0 to Buckets-1; -1 where none was needed
	Phase   Phase  `json:"phase,omitempty"`
}

// Decide answers for a subject. It allocates nothing, and it may be called from
// many goroutines.
func (c *Compiled) Decide(s *Subject) (d Decision) {
	d.On, d.Arm, d.Reason, d.Bucket = c.ask(s)
	d.Flag, d.Version, d.Phase = c.flag.Name, c.flag.Version, c.flag.Phase
	return d
}

// Ask is Decide without the details; it takes half the time.
func (c *Compiled) Ask(s *Subject) (on bool, arm Arm, why Reason) {
	on, arm, why, _ = c.ask(s)
	return on, arm, why
}

// nobody is who a nil subject is.
var nobody Subject

func (c *Compiled) ask(s *Subject) (on bool, arm Arm, why Reason, bucket int) {
	if c.fixed != undecided {
		return false, ArmNone, c.fixed, -1
	}
	if s == nil {
		s = &nobody
	}
	if c.rare {
		return c.askRare(s)
	}
	if mayMatch(c.include, s) < len(c.include) && matchAny(c.include, s) {
		return true, ArmNone, ReasonIncluded, -1
	}
	if s.Key == "" {
		return c.withoutUnit()
	}
	return c.place(c.salted.bucket(s.Key))
}

// askRare is ask for flags that have more than rules of who is included: asking whether
// they have, for each kind, would cost all the others a tenth of their time.
func (c *Compiled) askRare(s *Subject) (on bool, arm Arm, why Reason, bucket int) {
	if matchAny(c.except, s) {
		return false, ArmNone, ReasonHeldOut, -1
	}
	if matchAny(c.include, s) {
		return true, ArmNone, ReasonIncluded, -1
	}
	if len(c.where) > 0 && !matchAny(c.where, s) {
		return false, ArmNone, ReasonNotEligible, -1
	}
	key := c.unit.of(s)
	if key == "" {
		return c.withoutUnit()
	}
	if c.layer != nil && !c.layer.has(key) {
		return false, ArmNone, ReasonNotInLayer, -1
	}
	return c.place(c.salted.bucket(key))
}

// place answers for a unit by its bucket.
func (c *Compiled) place(bucket int) (on bool, arm Arm, why Reason, _ int) {
	if bucket < c.exposure {
		return true, ArmOn, c.split, bucket
	}
	if bucket < c.shadow {
		return false, ArmOn, c.split, bucket
	}
	return false, ArmOff, c.split, bucket
}

// UnitOf returns what the flag buckets the subject by, or "" where the subject lacks it.
func (c *Compiled) UnitOf(s *Subject) string { return c.unit.of(s) }

// withoutUnit answers for a subject without a unit key. Only nobody, and everybody
// unless it is everybody in a layer, need no key.
func (c *Compiled) withoutUnit() (on bool, arm Arm, why Reason, bucket int) {
	if c.split == ReasonSplit || c.split == ReasonFull && c.layer != nil {
		return false, ArmNone, ReasonNoUnit, -1
	}
	return c.split == ReasonFull, ArmNone, c.split, -1
}
