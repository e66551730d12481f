package gates

import (
	"math"

	"github.com/rampart-dev/rampart/evidence"
)

// An onset estimates when harm began, for the receipt: it never decides. For each of
// some rate ratios it sums the log-likelihood ratio of harm against no harm from the
// moment at which that sum was last at its lowest, as Page's test does; the best
// estimate is the moment of the greatest sum.
type onset struct {
	Sums [len(onsetRatios)]climb `json:"sums"`
}

// onsetRatios are a small, a clear and a gross harm: each finds the beginning of
// harm of about its size, and wanders for others.
var onsetRatios = [...]float64{1.25, 2, 5}

// A climb is what happened since the sum was last at its lowest.
type climb struct {
	S     float64 `json:"s,omitempty"`
	Since int64   `json:"t,omitempty"` // the end of the tick before, ms
	X1    float64 `json:"x1,omitempty"`
	N1    float64 `json:"n1,omitempty"`
	X0    float64 `json:"x0,omitempty"`
	N0    float64 `json:"n0,omitempty"`
}

// take adds a tick that began at the given time. Where lower is worse the arms
// change places in the sum.
func (o *onset) take(t evidence.Tick, began int64, lowerIsWorse bool) {
	x, m, share := t.X1, t.X1+t.X0, t.N1/(t.N1+t.N0)
	if lowerIsWorse {
		x, share = t.X0, 1-share
	}
	if math.IsNaN(share) || share <= 0 || share >= 1 {
		return
	}
	for i, rho := range onsetRatios {
		c := &o.Sums[i]
		if c.S == 0 {
			c.Since = or(began, t.At) // harm was not seen to begin before the first tick
		}
		c.add(t, x*math.Log(rho)-m*math.Log(share*rho+1-share))
	}
}

// exceed adds a tick of what has an absolute line: the sums are of the bad units of
// all arms, against as many as the line allows.
func (o *onset) exceed(t evidence.Tick, began int64, line float64) {
	all := evidence.Tick{X1: t.X1 + t.X0, N1: t.N1 + t.N0}
	for i, rho := range onsetRatios {
		c := &o.Sums[i]
		if c.S == 0 {
			c.Since = or(began, t.At)
		}
		c.add(all, all.X1*math.Log(rho)-all.N1*line*(rho-1))
	}
}

// add adds a tick to the sum. Where that is at its lowest the next tick begins anew.
func (c *climb) add(t evidence.Tick, likelier float64) {
	c.S = math.Round(1e4*max(0, c.S+likelier)) / 1e4
	c.X1, c.N1, c.X0, c.N0 = c.X1+t.X1, c.N1+t.N1, c.X0+t.X0, c.N0+t.N0
	if c.S == 0 {
		*c = climb{}
	}
}

// best returns what happened since harm began, or nil where nothing points to harm.
func (o *onset) best() *climb {
	if o == nil {
		return nil
	}
	var best *climb
	for i := range o.Sums {
		if c := &o.Sums[i]; c.S > 0 && (best == nil || c.S > best.S) {
			best = c
		}
	}
	return best
}
