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
func (in storedGate) gate() *Gate {
	g := &Gate{
		name: in.Name, weight: in.Weight, level: in.Level, phi: in.Phi,
		cohorts: in.Cohorts, base: in.Base, late: in.Late, robust: in.Robust, own: in.process(), s: in.State,
	}
	if in.CB != nil {
		g.parts, g.base = []*part{{weight: 1, cb: in.CB}}, 1
	}
	for _, p := range in.Parts {
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
func (in storedGate) check() error {
	if len(in.Parts) == 0 {
		return nil
	}
	if in.Base < 1 || in.Base > len(in.Parts) || in.Late < 0 || in.Cohorts < 0 || in.Cohorts > MaxCohorts {
		return fmt.Errorf("gate %s: %d of %d parts from the start, room for %d", in.Name, in.Base, len(in.Parts), in.Cohorts)
	}
	sum := 0.0
	for _, p := range in.Parts {
		if p.CB == nil || p.Weight <= 0 {
			return fmt.Errorf("gate %s: part %q has no evidence or no weight", in.Name, p.Name)
		}
		sum += p.Weight
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("gate %s: parts have weights of %g together", in.Name, sum)
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
