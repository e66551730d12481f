package sim

import (
	"github.com/rampart-dev/rampart/evidence"
)

// A meter counts what one gate looks at.
type meter struct {
	gate    Gate
	crowd   *crowd  // nil: users are all alike
	scrape  *scrape // nil: everything that happens is counted
	buckets evidence.Buckets
	slower  [edges]evidence.PartTick
}

func newMeter(d draw, w World, p Plan, g Gate) *meter {
	m := &meter{gate: g}
	if w.Users > 0 && g.Kind != Latency {
		m.crowd = newCrowd(d, w, p)
	}
	if w.Faults {
		m.scrape = new(scrape)
	}
	return m
}

// interval is the span of one tick and what it is like.
type interval struct {
	at       int64 // its end, in ms
	seconds  float64
	exposure float64
	traffic  float64 // factors of the world
	rate     float64
	rho      float64 // of the on arm
	shared   float64 // of both arms
	fates    [pods]fate
}

// ratio draws one tick of a ratio of events, or of a count. It reports false where an
// arm that has units was not heard of, which is no data.
func (m *meter) ratio(d draw, in interval) (evidence.Tick, bool) {
	t := m.events(d, in)
	if m.gate.Kind == Count {
		t.N1, t.N0 = in.exposure, 1-in.exposure
	}
	return t, (t.N1 > 0 || in.exposure == 0) && (t.N0 > 0 || in.exposure == 1)
}

func (m *meter) events(d draw, in interval) evidence.Tick {
	units := m.gate.Traffic * in.seconds * in.traffic
	rate := min(0.9, m.gate.Rate*in.rate*in.shared)
	if m.gate.Kind == Count { // as if a thousandth of some units had events
		units, rate = 1000*m.gate.Rate*in.seconds*in.traffic, min(0.9, in.rate*in.shared/1000)
	}
	rho := min(in.rho, 0.95/rate)
	if m.gate.LowerIsWorse {
		rho = 1 / in.rho
	}
	good1, good0 := units*in.exposure*(1-rate*rho), units*(1-in.exposure)*(1-rate)
	t := evidence.Tick{At: in.at, Buckets: &m.buckets}
	if m.scrape != nil {
		bad1, bad0 := units*in.exposure*rate*rho, units*(1-in.exposure)*rate
		g := m.scraped(d, in, counters{bad1, good1, bad0, good0})
		t.X1, t.N1, t.X0, t.N0 = g[0], g[0]+g[1], g[2], g[2]+g[3]
		m.buckets = evidence.Buckets{}
		d.deal(t.X1, &m.buckets.On)
		d.deal(t.X0, &m.buckets.Off)
		return t
	}
	if m.crowd != nil {
		t.X1, t.X0 = m.crowd.events(d, units*rate, in.exposure, rho, &m.buckets.On, &m.buckets.Off)
	} else {
		t.X1 = d.dealt(units*in.exposure*rate*rho, &m.buckets.On)
		t.X0 = d.dealt(units*(1-in.exposure)*rate, &m.buckets.Off)
	}
	t.N1, t.N0 = t.X1+d.poisson(good1), t.X0+d.poisson(good0)
	return t
}

// scraped draws what happens in each process, and what is seen of it.
func (m *meter) scraped(d draw, in interval, mean counters) (seen counters) {
	for pod := range pods {
		var happened counters
		for k := range mean {
			happened[k] = d.poisson(mean[k] / pods)
		}
		for k, n := range m.scrape.grow(d, pod, in.fates[pod], happened) {
			seen[k] += n
		}
	}
	return seen
}

// edges is how many edges of its histogram a latency gate watches.
const edges = 4

// between is the share of requests that is faster than the p50, between it and the
// p90, and so on: the last is slower than the p99.
var between = [edges + 1]float64{0.5, 0.4, 0.05, 0.04, 0.01}

// latency draws one tick of requests, of which each edge sees those that are slower
// than it. Harm makes requests slower than the p90 as much more frequent as it says.
func (m *meter) latency(d draw, in interval) (slower []evidence.PartTick, ok bool) {
	units := m.gate.Traffic * in.seconds * in.traffic
	on, off := slowness(in.rho*in.shared), slowness(in.shared)
	var x1, x0 float64
	for bin := edges; bin >= 0; bin-- {
		x1 += d.poisson(units * in.exposure * on[bin])
		x0 += d.poisson(units * (1 - in.exposure) * off[bin])
		if bin > 0 {
			m.slower[bin-1].X1, m.slower[bin-1].X0 = x1, x0
		}
	}
	for i := range m.slower {
		m.slower[i].Part, m.slower[i].At, m.slower[i].N1, m.slower[i].N0 = edgeNames[i], in.at, x1, x0
	}
	return m.slower[:], x1 > 0 && x0 > 0
}

// slowness is the share of requests by bin where those slower than the p90 are rho
// times as frequent, at most half of all.
func slowness(rho float64) [edges + 1]float64 {
	shares := between
	rho = min(rho, 5)
	var more float64
	for bin := 2; bin <= edges; bin++ {
		more += shares[bin] * (rho - 1)
		shares[bin] *= rho
	}
	shares[1] -= more
	if shares[1] < 0 {
		shares[0] += shares[1]
		shares[1] = 0
	}
	return shares
}
