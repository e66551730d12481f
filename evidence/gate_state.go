package evidence

import (
	"encoding/json"
	"fmt"
	"math"
)

// stored is what is written of a gate.
func (g *Gate) stored() storedGate {
	out := storedGate{Name: g.name, Weight: g.weight, Level: g.level, Phi: g.phi, Robust: g.robust, State: g.s}
	g.store(&out)
	if g.simple() {
		out.CB = g.parts[0].cb.unlimited()
		return out
	}
	out.Base, out.Cohorts, out.Late = g.base, g.cohorts, g.late
	for _, p := range g.parts {
		out.Parts = append(out.Parts, storedPart{p.name, p.weight, p.cb.unlimited(), p.clump, p.offset})
	}
	return out
}

// unlimited leaves the limit out, which is known from the level of the gate.
func (c *CB) unlimited() *CB {
	without := *c
	without.cfg.Limit = 0
	return &without
}

// simple reports whether the gate is everything together and nothing else.
func (g *Gate) simple() bool { return len(g.parts) == 1 && g.parts[0].name == "" && g.cohorts == 0 }

// gate is the one that was stored.
func (s storedGate) gate() *Gate {
	g := &Gate{
		name: s.Name, weight: s.Weight, level: s.Level, phi: s.Phi,
		cohorts: s.Cohorts, base: s.Base, late: s.Late, robust: s.Robust, own: s.process(), s: s.State,
	}
	if s.CB != nil {
		g.parts, g.base = []*part{{weight: 1, cb: s.CB}}, 1
	}
	for _, p := range s.Parts {
		g.parts = append(g.parts, &part{p.Name, p.Weight, p.CB, p.Clump, p.Offset})
	}
	if len(g.parts) > 0 {
		g.ratio = g.parts[0].cb.Config()
	}
	for _, p := range g.parts {
		p.cb.cfg.Limit = p.limit(g.level)
	}
	if g.robust != nil {
		r := newRobust(g.ratio)
		r.s, g.robust = g.robust.s, r
	} else if g.s.Spread != nil {
		g.robust = newRobust(g.ratio)
	}
	return g
}

// check refuses parts that no specification leads to.
func (s storedGate) check() error {
	if len(s.Parts) == 0 {
		return nil
	}
	if s.Base < 1 || s.Base > len(s.Parts) || s.Late < 0 || s.Cohorts < 0 || s.Cohorts > MaxCohorts {
		return fmt.Errorf("gate %s: %d of %d parts from the start, room for %d", s.Name, s.Base, len(s.Parts), s.Cohorts)
	}
	sum := 0.0
	for _, p := range s.Parts {
		if p.CB == nil || p.Weight <= 0 {
			return fmt.Errorf("gate %s: part %q has no evidence or no weight", s.Name, p.Name)
		}
		sum += p.Weight
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("gate %s: parts have weights of %g together", s.Name, sum)
	}
	return nil
}

// MarshalJSON writes about two hundred characters. Of what the robust form is
// configured by nothing is written: that is known from its gate.
func (r *Robust) MarshalJSON() ([]byte, error) {
	var w writer
	s := &r.s
	w.whole(s.Started)
	w.whole(s.Phase)
	w.count(s.X1)
	w.count(s.X0)
	for _, v := range s.briefs() {
		w.brief(*v)
	}
	w.buckets(inGrains(s.On))
	w.buckets(inGrains(s.Off))
	return json.Marshal([]byte(w))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Robust) UnmarshalJSON(data []byte) error {
	var in reader
	if err := json.Unmarshal(data, &in.left); err != nil {
		return fmt.Errorf("robust form: %w", err)
	}
	s := &r.s
	s.Started, s.Phase = in.whole(), in.whole()
	s.X1, s.X0 = in.count(), in.count()
	for _, v := range s.briefs() {
		*v = in.brief()
	}
	s.On, s.Off = ofGrains(in.buckets()), ofGrains(in.buckets())
	if in.err != nil {
		return fmt.Errorf("robust form: %w", in.err)
	}
	return r.check()
}

func inGrains(sums [bucketCount]float64) (all [bucketCount]int64) {
	for i, v := range sums {
		all[i] = int64(math.Round(v * grains))
	}
	return all
}

func ofGrains(all [bucketCount]int64) (sums [bucketCount]float64) {
	for i, v := range all {
		sums[i] = float64(v) / grains
	}
	return sums
}
