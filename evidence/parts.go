package evidence

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// MaxCohorts is how many cohorts a gate tells apart; the others are pooled.
const MaxCohorts = 8

// OtherCohorts is the part in which cohorts are pooled that came when there was no
// place left for them.
const OtherCohorts = "other"

const (
	// wholeMass is the share of a gate with cohorts that looks at all units
	// together, so that harm to everybody is not found later for the sake of
	// cohorts. firstMass is shared by the cohorts of the first tick; of the
	// rest the k-th cohort that comes later takes 1/(k (k + 1)).
	wholeMass = 0.4
	firstMass = 0.4
	lateMass  = 1 - wholeMass - firstMass
)

// A part is one of the e-processes that average inside a gate. The weights are
// fixed by what is known before the tick from which a part counts on.
type part struct {
	name   string
	weight float64
	cb     *CB
	clump  *Dispersion // of a cohort: the events of both arms together
	// offset, never above 0, is what the tempered form was above the boosted one
	// when the gate was tempered.
	offset float64
}

// newPart makes a part whose boosting stops where it alone takes the gate to its
// level.
func newPart(cfg Config, name string, weight, level float64) (*part, error) {
	p := &part{name: name, weight: weight}
	cfg.Limit = p.limit(level)
	cb, err := NewCB(cfg)
	if err != nil {
		return nil, err
	}
	p.cb = cb
	return p, nil
}

// limit is the LogE at which the part alone takes a gate of a level to it.
func (p *part) limit(level float64) float64 { return -math.Log(level * p.weight) }

// phi is the overdispersion of the part, of which whole is that of its gate.
func (p *part) phi(whole float64) float64 {
	if p.clump == nil {
		return whole
	}
	return max(whole, p.clump.Phi())
}

// logE is ln E of the part as it enters its gate.
func (p *part) logE(tempered bool, phi float64) float64 {
	if !tempered {
		return p.cb.LogBoosted()
	}
	return math.Log(asymptotic) + p.tempered(phi) + p.offset
}

func (p *part) tempered(phi float64) float64 { return p.cb.tempered(p.phi(phi)) }

// base makes the parts that a gate has from the start: one for each name, or else
// everything together.
func (s GateSpec) base(level float64) ([]*part, error) {
	names, mass := s.Parts, 1.0
	if len(names) == 0 {
		names = []string{""}
	}
	if s.Cohorts > 0 {
		mass = wholeMass
	}
	var parts []*part
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("two parts are named %q", name)
		}
		p, err := newPart(s.Ratio, name, mass/float64(len(names)), level)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// divide makes the ticks of a gate's parts out of those that were counted. Parts
// that come first are given a place by how many units they have, which says nothing
// about their events.
func (g *Gate) divide(all []PartTick) ([]PartTick, error) {
	if g.cohorts == 0 {
		for _, t := range all {
			if g.part(t.Part) == nil {
				return nil, fmt.Errorf("gate %s has no part %q", g.name, t.Part)
			}
		}
		return all, nil
	}
	var known, more []PartTick
	for _, t := range all {
		if t.Part != OtherCohorts && g.part(t.Part) != nil {
			known = append(known, t)
		} else {
			more = append(more, t)
		}
	}
	slices.SortFunc(more, func(a, b PartTick) int {
		return cmp.Or(cmp.Compare(b.N1+b.N0, a.N1+a.N0), cmp.Compare(a.Part, b.Part))
	})
	free := max(0, g.cohorts-g.named())
	var other *PartTick
	for _, t := range more {
		switch {
		case t.Part != OtherCohorts && free > 0:
			known = append(known, t)
			free--
		case other == nil:
			t.Part = OtherCohorts
			other = &t
		default:
			other.Tick = other.plus(t.Tick)
		}
	}
	if other != nil {
		known = append(known, *other)
	}
	return known, nil
}

// named is how many cohorts have a place of their own.
func (g *Gate) named() int {
	n := 0
	for _, p := range g.parts[g.base:] {
		if p.name != OtherCohorts {
			n++
		}
	}
	return n
}

// admit gives every part of a tick that has none its place and weight.
func (g *Gate) admit(ticks []PartTick) error {
	var more []string
	for _, t := range ticks {
		if g.part(t.Part) == nil {
			more = append(more, t.Part)
		}
	}
	first := len(g.parts) == g.base
	for _, name := range more {
		weight := firstMass / float64(len(more))
		if !first {
			k := float64(g.late + 1)
			weight = lateMass / (k * (k + 1))
			g.late++
		}
		p, err := newPart(g.ratio, name, weight, g.level)
		if err != nil {
			return err
		}
		g.parts = append(g.parts, p)
	}
	return nil
}

// part returns that of a name, or nil.
func (g *Gate) part(name string) *part {
	for _, p := range g.parts {
		if p.name == name {
			return p
		}
	}
	return nil
}

// plus adds up what two parts counted at the same tick.
func (t Tick) plus(u Tick) Tick {
	t.X1, t.N1, t.X0, t.N0 = t.X1+u.X1, t.N1+u.N1, t.X0+u.X0, t.N0+u.N0
	t.Buckets, t.Units = t.Buckets.plus(u.Buckets), t.Units.plus(u.Units)
	return t
}

// plus is nil where either is: what is known of a part of the units only says
// nothing about how they are spread.
func (b *Buckets) plus(c *Buckets) *Buckets {
	if b == nil || c == nil {
		return nil
	}
	sum := *b
	for i := range bucketCount {
		sum.On[i] += c.On[i]
		sum.Off[i] += c.Off[i]
	}
	return &sum
}
