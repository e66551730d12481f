package gates

import (
	"fmt"
	"math"
	"strings"

	"github.com/rampart-dev/rampart"
)

// verdict says how far a goal has come: "completed checkouts +2.3 % (+0.4 to +4.2), 2 % wanted".
func (g *goals) verdict(spec rampart.Goal) rampart.GoalVerdict {
	v := rampart.GoalVerdict{Goal: spec.Name, Word: rampart.Inconclusive, Reason: spec.Name + ": nothing is counted yet"}
	if g == nil || g.Each[goalKey(spec)] == nil {
		return v
	}
	one := g.Each[goalKey(spec)]
	r := one.Last
	if r.Word == "" {
		v.Reason = spec.Name + ": " + or(one.Why, "not looked at yet")
		return v
	}
	v.Word = rampart.DecisionWord(r.Word)
	v.Effect, v.Low, v.High, v.Z, v.Bound, v.Fraction = r.Effect, r.Low, r.High, r.Z, r.Bound, r.Fraction
	digits := 1
	if spec.Improve < 100 || math.Abs(r.High-r.Low) < 0.01 {
		digits = 2
	}
	effect, low, high, wanted := r.Effect, r.Low, r.High, spec.Improve.String()+" wanted"
	if lessIsBetter(spec) {
		effect, low, high, wanted = -effect, -high, -low, spec.Improve.String()+" less wanted"
	}
	v.Reason = fmt.Sprintf("%s %s %% (%s to %s), %s", spec.Name,
		signed(effect, digits), signed(low, digits), signed(high, digits), wanted)
	if r.Early {
		v.Reason += "; beyond its bound at an earlier look"
	}
	if one.Why != "" {
		v.Reason += "; since then " + one.Why
	}
	return v
}

// signed writes a share as percent, with a sign and without "-0".
func signed(share float64, digits int) string {
	s := fmt.Sprintf("%+.*f", digits, 100*share)
	if strings.Trim(s, "+-0.") == "" {
		return strings.TrimLeft(s, "+-")
	}
	return s
}
