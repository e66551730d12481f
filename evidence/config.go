package evidence

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Config fixes one conditional binomial before its first tick. The zero value
// looks for any rise of an event ratio.
type Config struct {
	// Grid has the rate ratios of harm that evidence is gathered for, in rising
	// order, each above 1 + Margin, uniformly weighted. Empty means DefaultGrid,
	// each ratio times 1 + Margin.
	Grid []float64 `json:"grid,omitempty"`
	// Margin is the harm that is still tolerated: 0.05 asks for evidence that
	// the harm ratio is above 1.05. Zero means any harm.
	Margin float64 `json:"margin,omitempty"`
	// LowerIsWorse swaps the arms: harm is a ratio of off to on above 1 + Margin,
	// as for completed checkouts.
	LowerIsWorse bool `json:"lower,omitempty"`
	// Rate says that units are shares of the traffic and not countable, so that
	// there may be more events than units: a count without a denominator.
	Rate bool `json:"rate,omitempty"`
	// Schedule and Masses spread the change-time mixture over the plan.
	Schedule Schedule `json:"schedule,omitzero"`
	Masses   Masses   `json:"masses,omitzero"`
	// Limit is the natural logarithm of the E at which this gate alone turns the
	// launch back, ln(1/(alpha w)). Above zero it turns boosting on, for which
	// the level must be known beforehand; Launch fills it in.
	Limit float64 `json:"limit,omitempty"`
}

// DefaultGrid has the rate ratios of harm for events and conversions.
func DefaultGrid() []float64 { return []float64{1.1, 1.3, 1.75, 3, 8} }

// LatencyGrid has the rate ratios of harm for the exceedances of a latency edge,
// which move less than errors do.
func LatencyGrid() []float64 { return []float64{1.03, 1.1, 1.25, 1.6, 3} }

// A Schedule is how many starts of components the plan foresees: phase starts
// and restarts. More of either are allowed and are paid for from
// Masses.Overtime.
type Schedule struct {
	Phases   int `json:"phases,omitempty"`
	Restarts int `json:"restarts,omitempty"`
}

// With returns the schedule with one more phase, watched for hold and restarted
// every so often. Leave out phases without two arms: they are never judged.
func (s Schedule) With(hold, restart time.Duration) Schedule {
	s.Phases++
	if restart > 0 && hold > restart {
		s.Restarts += int((hold - 1) / restart)
	}
	return s
}

// Masses is how the prior mass of the time at which harm begins is spread. They
// sum to at most 1; what the plan has no start for belongs to the first
// exposure. The zero value means DefaultMasses.
type Masses struct {
	First    float64 `json:"first"`
	Phases   float64 `json:"phases"`
	Restarts float64 `json:"restarts"`
	Overtime float64 `json:"overtime"`
}

// DefaultMasses returns the masses of a launch of which nothing else is known: most
// harm is there from the first exposure on, the rest begins with a phase or at any time. The k-th restart beyond the plan takes
// Overtime / (k (k + 1)), so that there is always mass left.
func DefaultMasses() Masses {
	return Masses{First: 0.45, Phases: 0.225, Restarts: 0.225, Overtime: 0.1}
}

// maxGrid bounds the state; more than a handful of ratios only dilutes.
const maxGrid = 16

// settle fills in defaults and refuses what would break the promise of the
// package.
func (c Config) settle() (Config, error) {
	if math.IsNaN(c.Margin) || c.Margin < 0 || c.Margin > 10 {
		return c, fmt.Errorf("margin %g is not between 0 and 10", c.Margin)
	}
	if len(c.Grid) == 0 {
		c.Grid = DefaultGrid()
		for i := range c.Grid {
			c.Grid[i] *= c.rho0()
		}
	}
	c.Grid = slices.Clone(c.Grid)
	if len(c.Grid) > maxGrid {
		return c, fmt.Errorf("grid has %d rate ratios, more than %d", len(c.Grid), maxGrid)
	}
	for i, rho := range c.Grid {
		// A ratio at or below the margin would take harmlessness for harm.
		if math.IsNaN(rho) || rho <= c.rho0() || rho > 1e6 || (i > 0 && rho <= c.Grid[i-1]) {
			return c, fmt.Errorf("grid: rate ratio %g is not above 1 + margin (%g) and rising", rho, c.rho0())
		}
	}
	if c.Schedule.Phases < 0 || c.Schedule.Restarts < 0 {
		return c, fmt.Errorf("schedule has a negative number of starts")
	}
	if math.IsNaN(c.Limit) || math.IsInf(c.Limit, 0) || c.Limit < 0 {
		return c, fmt.Errorf("limit %g is not the logarithm of an E of at least 1", c.Limit)
	}
	var err error
	c.Masses, err = c.Masses.settle(c.Schedule)
	return c, err
}

// rho0 is the largest rate ratio that is not yet harm.
func (c Config) rho0() float64 { return 1 + c.Margin }

func (m Masses) settle(s Schedule) (Masses, error) {
	if m == (Masses{}) {
		m = DefaultMasses()
	}
	for _, v := range [...]float64{m.First, m.Phases, m.Restarts, m.Overtime} {
		if math.IsNaN(v) || v < 0 {
			return m, fmt.Errorf("masses: %g is negative or not a number", v)
		}
	}
	if m.First == 0 {
		return m, fmt.Errorf("masses: the first exposure has none")
	}
	// Without a start in the plan the mass would lie idle for the whole launch.
	if s.Phases == 0 {
		m.First, m.Phases = m.First+m.Phases, 0
	}
	if s.Restarts == 0 {
		m.First, m.Restarts = m.First+m.Restarts, 0
	}
	if sum := m.First + m.Phases + m.Restarts + m.Overtime; sum > 1+1e-12 {
		return m, fmt.Errorf("masses sum to %g, more than 1", sum)
	}
	return m, nil
}
