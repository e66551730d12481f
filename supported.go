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
	gates := func(path string, gates []Gate) {
		for i, g := range gates {
			at := fmt.Sprintf("%s[%d]", path, i)
			switch k := g.Kind(); k {
			case KindMean, KindBaseline:
				not(true, at+"."+string(k), string(k)+" gates are", "use a ratio or a threshold")
			}
		}
	}
	gates("gates", p.Gates)
	for i, s := range p.Stages {
		at := fmt.Sprintf("stages[%d]", i)
		gates(at+".gates", s.Gates)
	}
	return found
}
