package evidence

import "math"

// start begins new components where the schedule has a start before this tick.
func (c *CB) start(at int64, m Moment) {
	var mass float64
	switch {
	case c.s.Ticks == 0:
		c.s.LogA = make([]float64, len(c.cfg.Grid))
		for j := range c.s.LogA {
			c.s.LogA[j] = math.Inf(-1)
		}
		mass = c.cfg.Masses.First
		if c.cfg.Schedule.Phases > 0 {
			mass += c.take(&c.s.Phases, c.cfg.Schedule.Phases, c.cfg.Masses.Phases)
		}
	case int64(m.Phase) > c.s.Phase:
		mass = c.take(&c.s.Phases, c.cfg.Schedule.Phases, c.cfg.Masses.Phases)
	case m.Restart > 0 && at-c.s.StartedAt >= m.Restart.Milliseconds():
		mass = c.take(&c.s.Restarts, c.cfg.Schedule.Restarts, c.cfg.Masses.Restarts)
	default:
		return
	}
	c.s.Phase, c.s.StartedAt = max(int64(m.Phase), c.s.Phase), at
	logMass := math.Log(mass)
	for j := range c.s.LogA {
		c.s.LogA[j] = logAdd(c.s.LogA[j], logMass)
	}
	c.sum()
}

// take spends the mass of one start: its share of the planned mass or, where
// the plan has no more of them, of the overtime.
func (c *CB) take(taken *int64, planned int, mass float64) float64 {
	if *taken < int64(planned) {
		*taken++
		return mass / float64(planned)
	}
	c.s.Overtime++
	k := float64(c.s.Overtime)
	return c.cfg.Masses.Overtime / (k * (k + 1))
}

// remain is the mass not yet started. It is computed from the starts, not by
// subtraction, so that no rounding adds up over a long launch.
func (c *CB) remain() float64 {
	if c.s.LogA == nil {
		return 1
	}
	m, s := c.cfg.Masses, c.cfg.Schedule
	left := 1 - (m.First + m.Phases + m.Restarts + m.Overtime)
	if left < 1e-12 {
		left = 0
	}
	if s.Phases > 0 {
		left += m.Phases * float64(int64(s.Phases)-c.s.Phases) / float64(s.Phases)
	}
	if s.Restarts > 0 {
		left += m.Restarts * float64(int64(s.Restarts)-c.s.Restarts) / float64(s.Restarts)
	}
	return left + m.Overtime/float64(c.s.Overtime+1)
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
