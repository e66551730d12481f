package rampart

import "fmt"

// Unsupported returns what the plan uses that parses and validates but is not
// implemented yet. A launch is refused rather than walked without it.
func (p Plan) Unsupported() Mistakes {
	var found Mistakes
	not := func(used bool, path, what, hint string) {
		if used {
			found = append(found, Mistake{Path: path, Msg: what + " not implemented yet", Hint: hint})
		}
	}
	p = p.WithDefaults()
	not(len(p.Goals) > 0, "goals", "goals and the decision on them are", "leave them out, and decide on your own analytics")
	not(p.Shadow > 0, "shadow", "a shadow period is", "leave it out")
	gates := func(path string, gates []Gate) {
		for i, g := range gates {
			at := fmt.Sprintf("%s[%d]", path, i)
			switch k := g.Kind(); k {
			case KindCount, KindMean, KindBaseline:
				not(true, at+"."+string(k), string(k)+" gates are", "use a ratio or a threshold")
			}
			not(len(g.By) > 0, at+".by", "cohorts are", "leave it out; the gate then judges all units together")
		}
	}
	gates("gates", p.Gates)
	for i, s := range p.Stages {
		at := fmt.Sprintf("stages[%d]", i)
		gates(at+".gates", s.Gates)
		not(s.Extend != nil, at+".extend", "extending a stage is", "leave it out, or hold longer from the start")
		not(s.Recommend, at+".recommend", "the ramp recommender is", "leave it out, and write the steps")
	}
	return found
}
