package sim

import (
	"fmt"
	"math"
	"time"

	"github.com/rampart-dev/rampart/evidence"
)

// Harm is what is wrong with the flag of a launch. The zero value is a harmless one.
type Harm struct {
	Gate   string        // the gate that sees it; empty: all of them
	Ratio  float64       // how many times as frequent events are: 2 is a doubling; where lower is worse, half
	At     time.Duration // since the launch began
	Shared bool          // a shared resource suffers: both arms alike, as soon as somebody is on
}

// An Outcome is how one launch ended.
type Outcome struct {
	TurnedBack bool
	Gate       string        // that gave the most evidence
	Step       int           // of the plan
	At         time.Duration // since the launch began
	// Since harm began in the step of that time, or since the launch began where it
	// was harmless.
	Delay time.Duration
	Units float64 // of the first gate, on, that were exposed to harm; without harm: that were on
	Bad   float64 // its events among them
	// Robust is how many gates took their counts for overdispersed.
	Robust int
}

// False reports whether a launch was turned back before there was harm.
func (o Outcome) False(h Harm) bool {
	return o.TurnedBack && (h.Ratio <= 1 || o.At <= h.At)
}

// Walk walks one launch through a world under the evidence that Rampart gathers. The
// same seed and run give the same outcome.
func Walk(p Plan, w World, h Harm, seed, run uint64) (Outcome, error) {
	d := newDraw(seed, run)
	l := &launch{Plan: p, harm: h, d: d, weather: w.weather(d, p)}
	if err := l.prepare(w); err != nil {
		return Outcome{}, err
	}
	for i, s := range p.Steps {
		if err := l.hold(i, s); err != nil {
			return Outcome{}, err
		}
		if l.out.TurnedBack {
			break
		}
	}
	for _, g := range l.evidence.Gates() {
		if g.Phi() > suspicious {
			l.out.Robust++
		}
	}
	return l.out, nil
}

// suspicious is the overdispersion from which package evidence does not take counts
// for Poisson counts.
const suspicious = 1.2

// launch is one launch while it is walked.
type launch struct {
	Plan
	harm     Harm
	d        draw
	weather  weather
	meters   []*meter
	evidence *evidence.Launch
	gates    [][]*evidence.Gate // by meter; of latency one an edge
	at       time.Duration
	out      Outcome
}

// prepare learns what the shadow period teaches, and starts the evidence.
func (l *launch) prepare(w World) error {
	schedule := l.schedule()
	var specs []evidence.GateSpec
	for _, g := range weighed(l.Gates) {
		m := newMeter(l.d, w, l.Plan, g)
		l.meters = append(l.meters, m)
		ratio := evidence.Config{Schedule: schedule, Margin: g.Margin, LowerIsWorse: g.LowerIsWorse}
		if g.Kind == Latency {
			// The mean of its edges inside the gate is a sum of edges that have a
			// quarter of its weight each.
			ratio.Grid = evidence.LatencyGrid()
			for i := range edges {
				specs = append(specs, evidence.GateSpec{Name: fmt.Sprintf("%s/%d", g.Name, i), Weight: g.Weight / edges, Ratio: ratio})
			}
			continue
		}
		specs = append(specs, evidence.GateSpec{Name: g.Name, Weight: g.Weight, Ratio: ratio, Phi: l.learn(m)})
	}
	var err error
	if l.evidence, err = evidence.NewLaunch(evidence.Budget{Alpha: l.Alpha}, specs...); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	all := l.evidence.Gates()
	for _, m := range l.meters {
		n := 1
		if m.gate.Kind == Latency {
			n = edges
		}
		l.gates, all = append(l.gates, all[:n]), all[n:]
	}
	return nil
}

// weighed gives the gates without a weight equal shares of what the others and the
// reserve leave.
func weighed(gates []Gate) []Gate {
	left, open := 1-evidence.DefaultReserve, 0
	for _, g := range gates {
		left -= g.Weight
		if g.Weight == 0 {
			open++
		}
	}
	out := append([]Gate(nil), gates...)
	for i := range out {
		if out[i].Weight == 0 {
			out[i].Weight = max(0, left) / float64(open)
		}
	}
	return out
}

// learn counts the shadow period: arms are assigned half and half, and everybody is
// served off. What varies then is overdispersion.
func (l *launch) learn(m *meter) float64 {
	if l.Shadow == 0 {
		return 0
	}
	t, _ := m.ratio(l.d, interval{seconds: l.Shadow.Seconds(), exposure: 0.5, traffic: 1, rate: 1, rho: 1, shared: 1})
	if m.scrape != nil {
		m.scrape = new(scrape)
	}
	var spread evidence.Dispersion
	spread.Add(*t.Buckets)
	return spread.Phi()
}

// hold counts tick after tick of one step, and looks at the evidence after each.
func (l *launch) hold(i int, s Step) error {
	end := l.at + s.Hold
	for ; l.at < end && !l.out.TurnedBack; l.at += s.Every {
		if !s.compares() {
			l.at = end
			break
		}
		until := l.at + s.Every
		in := interval{at: until.Milliseconds(), seconds: s.Every.Seconds(), exposure: s.Exposure, fates: fates(l.d, s.Every)}
		in.traffic, in.rate = l.weather.at(l.at, until)
		moment := evidence.Moment{Phase: s.Phase, Step: i, Restart: s.Restart, Detect: s.Detect}
		for k, m := range l.meters {
			if err := l.count(k, m, in, moment); err != nil {
				return err
			}
		}
		if look := l.evidence.Look(in.at); look.Reached {
			l.turnBack(i, until, look.Gate)
		}
	}
	return nil
}

// count draws the tick of one gate and folds it.
func (l *launch) count(k int, m *meter, in interval, moment evidence.Moment) error {
	in.rho, in.shared = 1, 1
	harmed := l.harm.Ratio > 1 && l.at >= l.harm.At
	if harmed && (l.harm.Gate == "" || l.harm.Gate == m.gate.Name) {
		in.rho = l.harm.Ratio
		if l.harm.Shared {
			in.rho, in.shared = 1, l.harm.Ratio
		}
	}
	if m.gate.Kind == Latency {
		slower, ok := m.latency(l.d, in)
		for e := 0; ok && e < edges; e++ {
			if _, err := l.gates[k][e].Fold(slower[e], moment); err != nil {
				return fmt.Errorf("simulate %s: %w", m.gate.Name, err)
			}
		}
		return nil
	}
	t, ok := m.ratio(l.d, in)
	if !ok {
		return nil
	}
	if k == 0 && (harmed || l.harm.Ratio <= 1) {
		l.out.Units += t.N1
		l.out.Bad += t.X1
	}
	if _, err := l.gates[k][0].Fold(t, moment); err != nil {
		return fmt.Errorf("simulate %s: %w", m.gate.Name, err)
	}
	return nil
}

func (l *launch) turnBack(step int, at time.Duration, gate string) {
	l.out.TurnedBack, l.out.Step, l.out.At, l.out.Gate = true, step, at, gate
	for i, m := range l.meters {
		for _, g := range l.gates[i] {
			if g.Name() == gate {
				l.out.Gate = m.gate.Name
			}
		}
	}
	l.out.Delay = at - time.Duration(math.Max(0, float64(l.harm.At)))
}
