package rampart

import (
	"fmt"
	"slices"
	"strings"
)

// A Layer makes flags exclusive of each other: whoever may be on in one is off in the
// others. The layer's name is its salt, which gives each unit a slot from 0 to 100 %;
// a flag has the units whose slot is in [From, To), and within them its own salt
// buckets as ever. Flags of one layer have the same unit, and ranges that do not
// overlap.
type Layer struct {
	Name string  `json:"name"`
	From Percent `json:"from,omitempty"`
	To   Percent `json:"to"`
}

// A Share matches the units whose slot under its own salt is in [From, To). It stands
// in the rules of a segment, so that a part of all units has a name: a holdout, say.
type Share struct {
	Salt string  `json:"salt,omitempty"` // absent: by the segment's name
	Unit Unit    `json:"unit,omitempty"` // absent: the user, whatever the flag buckets
	From Percent `json:"from,omitempty"`
	To   Percent `json:"to"`
}

// The salts of slots. No flag's name has a slash in it, so a layer or a segment with
// the name of a flag has other slots than that has buckets.
const (
	layerSalt   = "layer/"
	segmentSalt = "segment/"
)

// Width returns the share of units that the layer leaves to the flag; all of them where
// there is no layer.
func (l *Layer) Width() Percent {
	if l == nil {
		return Full
	}
	return l.To - l.From
}

// Slot returns the slot of a unit in the layer of that name, from 0 to Buckets-1.
func Slot(layer, key string) int { return BucketOf(layerSalt+layer, key) }

// String writes the layer as people read it: checkout-page 0-30 %.
func (l Layer) String() string {
	return fmt.Sprintf("%s %s", l.Name, span{l.From, l.To})
}

// Conflict says why the flag cannot have its slots of its layer beside the flags that
// are there already, and which slots are free; nil where it can. A flag that is among
// them is no obstacle to itself.
func (f Flag) Conflict(others []Flag) error {
	if f.Layer == nil {
		return nil
	}
	var taken []span
	var clash *Error
	for _, o := range others {
		if o.Layer == nil || o.Removed || o.Name == f.Name || o.Layer.Name != f.Layer.Name {
			continue
		}
		taken = append(taken, span{o.Layer.From, o.Layer.To})
		switch {
		case or(o.Unit, User) != or(f.Unit, User):
			return Errorf(Refused, "layer %s buckets by %s, as %s does, and %s by %s", f.Layer.Name, or(o.Unit, User), o.Name, f.Name, or(f.Unit, User)).
				WithHint("flags of one layer must have the same unit; name another layer")
		case f.Layer.From < o.Layer.To && o.Layer.From < f.Layer.To:
			clash = Errorf(Refused, "slots %s of layer %s are taken: %s has %s", span{f.Layer.From, f.Layer.To}, f.Layer.Name, o.Name, span{o.Layer.From, o.Layer.To})
		}
	}
	if clash == nil {
		return nil
	}
	return clash.WithHint("%s", freeSlots(f.Layer.Name, taken))
}

// freeSlots says in words which slots of a layer no flag has.
func freeSlots(layer string, taken []span) string {
	slices.SortFunc(taken, func(a, b span) int { return int(a.from - b.from) })
	var free []string
	end := Percent(0)
	for _, t := range append(taken, span{Full, Full}) {
		if t.from > end {
			free = append(free, span{end, t.from}.String())
		}
		end = max(end, t.to)
	}
	if len(free) == 0 {
		return "no slot of " + layer + " is free: wait until a launch of it has ended"
	}
	return "free in " + layer + ": " + strings.Join(free, ", ")
}

// A span is a range of slots, without its end.
type span struct{ from, to Percent }

func (s span) String() string {
	return fmt.Sprintf("%s-%s", strings.TrimSuffix(s.from.String(), " %"), s.to)
}

// slots are a range of the buckets under a salt.
type slots struct {
	salted   salted
	from, to int
}

func (s *slots) has(key string) bool {
	b := s.salted.bucket(key)
	return s.from <= b && b < s.to
}

func slotsOf(salt string, from, to Percent) (slots, error) {
	if from < 0 || to > Full || from >= to {
		return slots{}, fmt.Errorf("%s is no range of slots", span{from, to})
	}
	return slots{salted: saltWith(salt), from: int(from), to: int(to)}, nil
}

// compile makes a layer ready; nil stays nil.
func (l *Layer) compile() (*slots, error) {
	if l == nil {
		return nil, nil
	}
	if l.Name == "" {
		return nil, fmt.Errorf("it has no name")
	}
	s, err := slotsOf(layerSalt+l.Name, l.From, l.To)
	return &s, err
}

// A share is a Share made ready.
type share struct {
	slots
	unit unit
}

// has reports whether the subject's unit is in the share. A subject without it is not.
func (s *share) has(subject *Subject) bool {
	key := s.unit.of(subject)
	return key != "" && s.slots.has(key)
}

// compileShare makes a rule of a segment ready that is a share.
func (r Rule) compileShare(segment string) (matcher, error) {
	if r.Attribute != "" || len(r.In)+len(r.NotIn)+len(r.Keys) > 0 {
		return matcher{}, fmt.Errorf("it is a share and something else")
	}
	unit, err := compileUnit(r.Share.Unit)
	if err != nil {
		return matcher{}, fmt.Errorf("share of %w", err)
	}
	s, err := slotsOf(or(r.Share.Salt, segmentSalt+segment), r.Share.From, r.Share.To)
	return matcher{share: &share{slots: s, unit: unit}, values: set{hint: anything}}, err
}
