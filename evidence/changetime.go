package evidence

import "math"

// starts are the components of a change-time mixture: how many of them the
// schedule has had, when the last one began, and what each alternative of the
// grid has gathered over all of them.
type starts struct {
	Phase     int64
	Phases    int64
	Restarts  int64
	Overtime  int64
	StartedAt int64
	LogA      []float64 // logarithm of the weight of the started components
}

// begin starts new components where the schedule has a start before this tick,
// and reports whether it did. The first tick of all makes room for a grid of the
// given size.
func (s *starts) begin(grid int, plan Schedule, masses Masses, at int64, m Moment) bool {
	var mass float64
	switch {
	case s.LogA == nil:
		s.LogA = make([]float64, grid)
		for j := range s.LogA {
			s.LogA[j] = math.Inf(-1)
		}
		mass = masses.First
		if plan.Phases > 0 {
			mass += s.take(&s.Phases, plan.Phases, masses.Phases, masses.Overtime)
		}
	case int64(m.Phase) > s.Phase:
		mass = s.take(&s.Phases, plan.Phases, masses.Phases, masses.Overtime)
	case m.Restart > 0 && at-s.StartedAt >= m.Restart.Milliseconds():
		mass = s.take(&s.Restarts, plan.Restarts, masses.Restarts, masses.Overtime)
	default:
		return false
	}
	s.Phase, s.StartedAt = max(int64(m.Phase), s.Phase), at
	logMass := math.Log(mass)
	for j := range s.LogA {
		s.LogA[j] = logAdd(s.LogA[j], logMass)
	}
	return true
}

// take spends the mass of one start: its share of the planned mass or, where
// the plan has no more of them, of the overtime.
func (s *starts) take(taken *int64, planned int, mass, overtime float64) float64 {
	if *taken < int64(planned) {
		*taken++
		return mass / float64(planned)
	}
	s.Overtime++
	k := float64(s.Overtime)
	return overtime / (k * (k + 1))
}

// remain is the mass not yet started. It is computed from the starts, not by
// subtraction, so that no rounding adds up over a long launch.
func (s *starts) remain(plan Schedule, m Masses) float64 {
	if s.LogA == nil {
		return 1
	}
	left := 1 - (m.First + m.Phases + m.Restarts + m.Overtime)
	if left < 1e-12 {
		left = 0
	}
	if plan.Phases > 0 {
		left += m.Phases * float64(int64(plan.Phases)-s.Phases) / float64(plan.Phases)
	}
	if plan.Restarts > 0 {
		left += m.Restarts * float64(int64(plan.Restarts)-s.Restarts) / float64(plan.Restarts)
	}
	return left + m.Overtime/float64(s.Overtime+1)
}

// logAdd is ln(e^a + e^b) without overflow; either may be -Inf.
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
