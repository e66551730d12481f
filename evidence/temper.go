package evidence

import (
	"math"
	"slices"
)

// Counts that come in clusters, as bursts and the events of heavy users do, are judged
// as if there were fewer of them by phi. Dividing ln E by phi is not enough for that:
//
//   - it would divide the price of each start of the change-time mixture, too, so
//     that a hundred restarts were a hundred attempts. The mixture is taken of what
//     each start has gathered after it was divided: a start of mass pi enters with
//     pi^phi, and of all starts of a ratio the sum is divided;
//   - one large cluster would be evidence of any harm, as clusters are not all of a
//     size. With ln rho replaced by 2 (rho-1)/(rho+1), which is less, each cluster is a
//     fair bet also where sizes are exponential, of mean phi/2.
//
// So for each ratio of the grid, with mass remain not yet started,
//
//	t_j += x1 2 (rho_j-1)/(rho_j+1) - m ln((n1 rho_j + n0) / (n1 + n0))
//	E = sum_j v_j exp(t_j / phi) + remain        a start adds pi^phi to exp(t_j)

// beginTempered makes the tempered components follow a start of the others that took
// a mass; before is what those were. A state from before there were any goes on from
// the others.
func (c *CB) beginTempered(mass, phi float64, before []float64) {
	switch {
	case phi == 0:
		return
	case c.s.LogT == nil && before == nil:
		c.s.LogT = make([]float64, len(c.cfg.Grid))
		for j := range c.s.LogT {
			c.s.LogT[j] = math.Inf(-1)
		}
	case c.s.LogT == nil:
		c.s.LogT = slices.Clone(before)
	}
	if mass <= 0 {
		return
	}
	for j := range c.s.LogT {
		c.s.LogT[j] = brief(logAdd(c.s.LogT[j], phi*math.Log(mass)))
	}
}

// weighTempered counts the events of a tick for the tempered components.
func (c *CB) weighTempered(x1, m float64) {
	for j := range c.s.LogT {
		rho := c.cfg.Grid[j] / c.cfg.rho0()
		c.s.LogT[j] = brief(c.s.LogT[j] + x1*2*(rho-1)/(rho+1) - m*c.logD[j])
	}
}

// tempered is ln E for counts whose overdispersion is phi.
func (c *CB) tempered(phi float64) float64 {
	if c.s.LogT == nil {
		return c.logE / phi
	}
	e := math.Log(c.s.remain(c.cfg.Schedule, c.cfg.Masses))
	for _, t := range c.s.LogT {
		e = logAdd(e, c.logV+t/phi)
	}
	return e
}
