package gates

import (
	"fmt"
	"math"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// recommended says how far the ramp may go by what is known of the harm that its gates
// would turn back: never above the steps of the look, and never less than is exposed
// now, because what is to be taken back is for the gates to say.
func (s *State) recommended(look Look) *rampart.Recommendation {
	if !look.Recommend || len(look.Ladder) == 0 {
		return nil
	}
	var threats []evidence.Threat
	for _, spec := range look.Gates {
		if upper, ok := s.upper(look, spec); ok {
			threats = append(threats, evidence.Threat{Name: spec.Name, Upper: upper})
		}
	}
	steps, byShare := make([]float64, len(look.Ladder)), map[float64]rampart.Percent{}
	for i, p := range look.Ladder {
		steps[i] = p.Share()
		byShare[steps[i]] = p
	}
	share, binding, err := evidence.Recommend(steps, evidence.DefaultRisk, threats...)
	if err != nil {
		return nil // an upper limit that is not a number says nothing
	}
	to := byShare[share]
	risk := percent(evidence.DefaultRisk)
	switch {
	case len(threats) == 0:
		return &rampart.Recommendation{Percent: look.Exposure, Reason: "no gate compares the arms, so nothing is known of harm"}
	case binding == nil:
		return &rampart.Recommendation{Percent: max(to, look.Exposure), Reason: fmt.Sprintf("%s keeps the risk within %s, by all gates", to, risk)}
	case math.IsInf(binding.Upper, 1):
		return &rampart.Recommendation{Percent: max(to, look.Exposure), Reason: fmt.Sprintf("nothing is known yet of how harmful %s may be", binding.Name)}
	case to <= look.Exposure:
		return &rampart.Recommendation{Percent: look.Exposure, Reason: fmt.Sprintf(
			"harm of %s is at most %.2fx; more than %s does not keep the risk within %s", binding.Name, binding.Upper, look.Exposure, risk)}
	}
	return &rampart.Recommendation{Percent: to, Reason: fmt.Sprintf(
		"harm of %s is at most %.2fx; %s keeps the risk within %s", binding.Name, binding.Upper, to, risk)}
}
