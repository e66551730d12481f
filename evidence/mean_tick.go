package evidence

import "fmt"

// A MeanConfig fixes the evidence on a mean per unit before its first tick.
type MeanConfig struct {
	// Detect is the least change that matters, as a share of the mean of the off
	// arm: 0.02 for 2 %. The mixture is tuned to it. Zero means 5 %.
	Detect float64 `json:"detect,omitempty"`
	// Margin is the harm that is still tolerated, likewise as a share.
	Margin float64 `json:"margin,omitempty"`
	// LowerIsWorse says that harm is a mean that falls, as for the value of orders.
	LowerIsWorse bool `json:"lower,omitempty"`
	// Phases is how many phases with two arms the plan foresees. The last process
	// goes on through those beyond. Zero means 1.
	Phases int `json:"phases,omitempty"`
}

// A MeanTick is what one interval counted for a mean, by arm and telemetry bucket.
type MeanTick struct {
	At int64 // as of a Tick
	// Values are by how much sums of values grew, which need not be whole numbers.
	Values Buckets
	// Units are those that were seen for the first time, each in the arm in force
	// then.
	Units Buckets
	// Exposure is the share of units that is on, above 0 and below 1.
	Exposure float64
}

const (
	// meanUnits is how many units each arm must have before a phase is judged: the
	// mean of fewer is far from normal.
	meanUnits = 100
	// meanDetect is the change that a mixture is tuned to that is told no other.
	meanDetect = 0.05
)

func (t MeanTick) check() error {
	if !(t.Exposure > 0 && t.Exposure < 1) {
		return &BadTick{t.At, fmt.Sprintf("an exposure of %g has one arm only", t.Exposure)}
	}
	for _, arm := range [...]struct {
		name          string
		values, units *[bucketCount]float64
	}{{"on", &t.Values.On, &t.Units.On}, {"off", &t.Values.Off, &t.Units.Off}} {
		for i := range bucketCount {
			if why := impossible(arm.values[i], true); why != "" {
				return &BadTick{t.At, fmt.Sprintf("value of bucket %d of the %s arm: %s", i, arm.name, why)}
			}
			if why := impossible(arm.units[i], false); why != "" {
				return &BadTick{t.At, fmt.Sprintf("units of bucket %d of the %s arm: %s", i, arm.name, why)}
			}
		}
	}
	return nil
}

func (c MeanConfig) settle() (MeanConfig, error) {
	if c.Detect == 0 {
		c.Detect = meanDetect
	}
	c.Phases = max(c.Phases, 1)
	switch {
	case !(c.Detect > 0 && c.Detect <= 10):
		return c, fmt.Errorf("mean: a change of %g cannot be looked for", c.Detect)
	case !(c.Margin >= 0 && c.Margin <= 10):
		return c, fmt.Errorf("mean: margin %g is not between 0 and 10", c.Margin)
	}
	return c, nil
}
