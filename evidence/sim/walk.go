package sim

import (
	"fmt"
	"iter"
	"slices"
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
	Delay      time.Duration // since harm began, or since the launch began where there is none
	// Units are those of the gate that harm is done to that were on since then, and Bad
	// its events among them. Where all gates are, or none, they are the first gate's.
	Units, Bad float64
	// Robust is how many gates had counts at the end that vary more than 1.2 times as much
	// as those of Poisson, so that they are not taken for such.
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
	for _, g := range l.gates {
		if g.Phi() > suspicious {
			l.out.Robust++
		}
	}
	return l.out, nil
}

// suspicious is the overdispersion that package evidence tells apart from none.
const suspicious = 1.2

// launch is one launch while it is walked.
type launch struct {
	Plan
	harm     Harm
	d        draw
	weather  weather
	meters   []*meter
	evidence *evidence.Launch
	gates    []*evidence.Gate // by meter
	felt     int              // the gate that is harmed, or the first
	at       time.Duration
	out      Outcome
}

// prepare starts the evidence, and learns what the shadow period teaches.
func (l *launch) prepare(w World) error {
	schedule := l.schedule()
	var specs []evidence.GateSpec
	for _, g := range l.Gates {
		l.meters = append(l.meters, newMeter(l.d, w, l.Plan, g))
		specs = append(specs, g.spec(schedule))
	}
	var err error
	if l.evidence, err = evidence.NewLaunch(evidence.Budget{Alpha: l.Alpha}, specs...); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	l.gates = l.evidence.Gates()
	l.felt = max(0, slices.IndexFunc(l.Gates, func(g Gate) bool { return g.Name == l.harm.Gate }))
	for i, m := range l.meters {
		if err := l.learn(l.gates[i], m); err != nil {
			return fmt.Errorf("simulate: %w", err)
		}
	}
	return nil
}

// edgeNames name the edges of a latency gate.
var edgeNames = []string{"p50", "p90", "p95", "p99"}

// spec is the gate as package gates would enroll it.
func (g Gate) spec(schedule evidence.Schedule) evidence.GateSpec {
	s := evidence.GateSpec{Name: g.Name, Weight: g.Weight}
	s.Ratio = evidence.Config{Schedule: schedule, Margin: g.Margin, LowerIsWorse: g.LowerIsWorse}
	switch g.Kind {
	case Latency:
		s.Ratio.Grid, s.Parts = evidence.LatencyGrid(), edgeNames
	case Objective:
		s.Ratio = evidence.Config{}
		s.Line = &evidence.LineConfig{Bad: g.Bad, Schedule: schedule}
	case Count:
		s.Ratio.Rate = true
	}
	return s
}

// learn counts the shadow period: arms are assigned half and half, and everybody is
// served off. What varies then is overdispersion.
func (l *launch) learn(g *evidence.Gate, m *meter) error {
	if l.Shadow == 0 || m.gate.Kind == Latency || m.gate.Kind == Objective {
		return nil
	}
	t, _ := m.ratio(l.d, interval{seconds: l.Shadow.Seconds(), exposure: 0.5, traffic: 1, rate: 1, rho: 1, shared: 1})
	if m.scrape != nil {
		m.scrape = new(scrape)
	}
	return g.Learn(*t.Buckets)
}

// Ticks draws what one gate counts in one harmless launch, tick by tick.
func Ticks(p Plan, w World, gate int, seed, run uint64) iter.Seq[evidence.Tick] {
	return func(yield func(evidence.Tick) bool) {
		d := newDraw(seed, run)
		weather, m := w.weather(d, p), newMeter(d, w, p, p.Gates[gate])
		var at time.Duration
		for _, s := range p.Steps {
			for end := at + s.Hold; at < end; at += s.Every {
				in := weather.interval(d, s, at)
				if t, ok := m.ratio(d, in); ok && s.asks(m.gate) && !yield(t) {
					return
				}
			}
		}
	}
}

// interval is the tick of a step that begins at a time.
func (w *weather) interval(d draw, s Step, at time.Duration) interval {
	in := interval{
		at: (at + s.Every).Milliseconds(), seconds: s.Every.Seconds(), exposure: s.Exposure,
		rho: 1, shared: 1, fates: fates(d, s.Every),
	}
	in.traffic, in.rate = w.at(at, at+s.Every)
	return in
}

// hold counts tick after tick of one step, and looks at the evidence after each.
func (l *launch) hold(i int, s Step) error {
	end := l.at + s.Hold
	if !slices.ContainsFunc(l.Gates, s.asks) {
		l.at = end
	}
	for ; l.at < end && !l.out.TurnedBack; l.at += s.Every {
		in := l.weather.interval(l.d, s, l.at)
		moment := evidence.Moment{Phase: s.Phase, Step: i, Restart: s.Restart, Detect: s.Detect}
		for k, m := range l.meters {
			if !s.asks(m.gate) {
				continue
			}
			if err := l.count(k, m, in, moment); err != nil {
				return err
			}
		}
		// Whose evidence it is costs more to tell than that there is not enough.
		if l.evidence.LogE() < l.evidence.Limit()-1e-9 {
			continue
		}
		if look := l.evidence.Look(in.at); look.Reached {
			l.turnBack(i, l.at+s.Every, look.Gate)
		}
	}
	return nil
}

// count draws the tick of one gate and folds it.
func (l *launch) count(k int, m *meter, in interval, moment evidence.Moment) error {
	harmed := l.harm.Ratio > 1 && l.at >= l.harm.At
	if harmed && (l.harm.Shared || l.harm.Gate == "" || l.harm.Gate == m.gate.Name) {
		in.rho = l.harm.Ratio
		if l.harm.Shared {
			in.rho, in.shared = 1, l.harm.Ratio
		}
	}
	gate, err := l.gates[k], error(nil)
	if m.gate.Kind == Latency {
		if slower, ok := m.latency(l.d, in); ok {
			_, err = gate.FoldParts(slower, moment)
		}
	} else if t, ok := m.ratio(l.d, in); ok {
		if k == l.felt && (harmed || l.harm.Ratio <= 1) {
			l.out.Units, l.out.Bad = l.out.Units+t.N1, l.out.Bad+t.X1
		}
		if m.gate.Kind == Objective {
			_, err = gate.FoldLine(t, moment)
		} else {
			_, err = gate.Fold(t, moment)
		}
	}
	if err != nil {
		return fmt.Errorf("simulate %s: %w", m.gate.Name, err)
	}
	return nil
}

func (l *launch) turnBack(step int, at time.Duration, gate string) {
	l.out.TurnedBack, l.out.Step, l.out.At, l.out.Gate = true, step, at, gate
	l.out.Delay = at - max(0, l.harm.At)
}
