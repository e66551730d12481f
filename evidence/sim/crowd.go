package sim

import "slices"

// A crowd is a population of users who differ in how often they meet an event, and
// stay as they are. Who is on is monotone: whoever is in at 5 % is in at 50 %. So
// users fall into slices, between one exposure of the plan and the next, and into
// telemetry buckets.
//
// A sum of gamma variables of one scale is a gamma variable whose shape is the sum of
// theirs. The weight of all users of a slice and bucket is therefore one draw, however
// many they are.
type crowd struct {
	edges  []float64          // upper end of each slice, rising to 1
	weight [][buckets]float64 // by slice; all of them have the expectation 1 together
	burst  float64

	exposure float64 // that on and off are for
	on, off  [buckets]float64
	sum1     [buckets]float64 // of on, up to and with each bucket
	sum0     [buckets]float64
}

func newCrowd(d draw, w World, p Plan) *crowd {
	c := &crowd{burst: max(1, w.Burst), exposure: -1}
	lower := 0.0
	for _, upper := range p.exposures() {
		var weight [buckets]float64
		for i := range weight {
			users := d.poisson(float64(w.Users) * (upper - lower) / buckets)
			weight[i] = d.gamma(w.Shape*users) / (w.Shape * float64(w.Users))
		}
		c.edges, c.weight = append(c.edges, upper), append(c.weight, weight)
		lower = upper
	}
	return c
}

// exposures are the different ones of the plan, in rising order, and everybody.
func (p Plan) exposures() []float64 {
	all := []float64{}
	for _, s := range p.Steps {
		if s.Exposure > 0 && (len(all) == 0 || s.Exposure > all[len(all)-1]) {
			all = append(all, s.Exposure)
		}
	}
	if len(all) == 0 || all[len(all)-1] < 1 {
		all = append(all, 1)
	}
	return all
}

// events draws those of one tick, of which so many are expected from everybody
// together. The on arm has rho times as many as it would have.
func (c *crowd) events(d draw, mean, exposure, rho float64, on, off *[buckets]float64) (x1, x0 float64) {
	c.expose(exposure)
	x1 = c.arm(d, mean*rho/c.burst, &c.on, &c.sum1, on)
	x0 = c.arm(d, mean/c.burst, &c.off, &c.sum0, off)
	return x1, x0
}

// arm draws the events of one arm: of a few bursts, each chooses its bucket by weight.
func (c *crowd) arm(d draw, mean float64, weight, sum, into *[buckets]float64) (x float64) {
	*into = [buckets]float64{}
	if all := sum[buckets-1]; mean*all < 40 {
		for n := d.poisson(mean * all); n > 0; n-- {
			at, _ := slices.BinarySearch(sum[:], all*d.Float64())
			into[min(at, buckets-1)]++
		}
	} else {
		for i, w := range weight {
			into[i] = d.poisson(mean * w)
		}
	}
	for i, n := range into {
		if n > 0 {
			into[i] = d.bursts(n, c.burst)
			x += into[i]
		}
	}
	return x
}

func (c *crowd) expose(exposure float64) {
	if c.exposure == exposure {
		return
	}
	c.exposure, c.on, c.off = exposure, [buckets]float64{}, [buckets]float64{}
	for s, edge := range c.edges {
		into := &c.off
		if edge <= exposure+1e-12 {
			into = &c.on
		}
		for i, w := range c.weight[s] {
			into[i] += w
		}
	}
	var on, off float64
	for i := range buckets {
		on, off = on+c.on[i], off+c.off[i]
		c.sum1[i], c.sum0[i] = on, off
	}
}
