package sim

import (
	"fmt"
	"time"

	"github.com/rampart-dev/rampart/evidence"
)

// A Method decides from counts whether to turn back.
type Method struct {
	Name  string
	Title string // as a person would say it
	// New returns a judge for one run of a case. It reports whether to turn back
	// after each tick.
	New func(Case) Judge
}

// A Judge is one run of a method.
type Judge interface {
	Fold(evidence.Tick) (turnBack bool)
}

// A learner is a judge that wants to know the events of before first exposure, and
// those of each tick, by telemetry bucket.
type learner interface {
	Judge
	learn(evidence.Buckets)
}

// judge is a function that judges.
type judge func(evidence.Tick) bool

// Fold implements [Judge].
func (j judge) Fold(t evidence.Tick) bool { return j(t) }

// A Finding is when a method found harm in one run.
type Finding struct {
	Found bool
	False bool // before there was harm
	Delay int  // ticks from the onset on; of a stream in which nothing was found, all there were
}

// Find runs methods beside each other on one stream of a case.
func Find(c Case, methods []Method, seed, run uint64) []Finding {
	s := c.stream(seed, run)
	judges := make([]Judge, len(methods))
	wanted := false
	for i, m := range methods {
		judges[i] = m.New(c)
		if l, ok := judges[i].(learner); ok {
			l.learn(s.shadow())
			wanted = true
		}
	}
	found := make([]Finding, len(methods))
	for open, tick := len(methods), 1; open > 0 && tick <= c.Ticks; tick++ {
		t := s.next()
		if wanted {
			s.deal(&t)
		}
		for i, j := range judges {
			if !found[i].Found && j.Fold(t) {
				found[i] = Finding{Found: true, False: c.Rho <= 1 || tick <= c.Onset, Delay: tick - c.Onset}
				open--
			}
		}
	}
	for i := range found {
		if !found[i].Found {
			found[i].Delay = c.Ticks - c.Onset
		}
	}
	return found
}

// Rampart is the gate as a launch has it: boosted, with a change-time mixture that is
// restarted every ten minutes, at the level of the case.
func Rampart() Method {
	return Method{Name: "rampart", Title: "Rampart", New: func(c Case) Judge {
		g := gateOf(c, evidence.Config{Schedule: c.schedule()})
		return judge(func(t evidence.Tick) bool {
			t.Buckets = nil
			_, _ = g.Fold(t, early) // the stream has possible counts only
			return g.Reached()
		})
	}}
}

// RampartBuckets is the gate where counters have telemetry buckets, which is the usual
// case. Users are all alike here, but twenty buckets do not always look like it, and
// where they do not the gate is more careful. It has learnt for a day.
func RampartBuckets() Method {
	return Method{Name: "buckets", Title: "Rampart, with telemetry buckets", New: func(c Case) Judge {
		return bucketed{gateOf(c, evidence.Config{Schedule: c.schedule()})}
	}}
}

type bucketed struct{ gate *evidence.Gate }

func (b bucketed) learn(before evidence.Buckets) { _ = b.gate.Learn(before) }

// Fold implements [Judge].
func (b bucketed) Fold(t evidence.Tick) bool {
	_, _ = b.gate.Fold(t, early)
	return b.gate.Reached()
}

// RampartFromStart is the same without a change-time mixture: all of its weight is on
// harm that is there from the start.
func RampartFromStart() Method {
	return Method{Name: "cumulative", Title: "the same, cumulative", New: func(c Case) Judge {
		g := gateOf(c, evidence.Config{Masses: evidence.Masses{First: 1}})
		return judge(func(t evidence.Tick) bool {
			t.Buckets = nil
			_, _ = g.Fold(t, evidence.Moment{})
			return g.Reached()
		})
	}}
}

var early = evidence.Moment{Restart: evidence.RestartEarly}

// schedule is that of one phase as long as the stream.
func (c Case) schedule() evidence.Schedule {
	length := time.Duration(float64(c.Ticks) * c.Seconds * float64(time.Second))
	return evidence.Schedule{}.With(length, evidence.RestartEarly)
}

// gateOf is a gate with a level of its own, which is how it is compared with tests of
// that level.
func gateOf(c Case, cfg evidence.Config) *evidence.Gate {
	l, err := evidence.NewLaunch(evidence.Budget{}, evidence.GateSpec{Name: "gate", Level: c.Alpha, Ratio: cfg})
	if err != nil {
		panic(fmt.Sprintf("sim: %s", err)) // the configuration is ours
	}
	return l.Gate("gate")
}

// FindSlow runs Rampart's latency gate on a stream whose slowest requests become more
// frequent: the mean of four edges.
func FindSlow(c Case, seed, run uint64) Finding {
	s := c.stream(seed, run)
	l, err := evidence.NewLaunch(evidence.Budget{}, evidence.GateSpec{
		Name: "latency", Level: c.Alpha, Parts: edgeNames,
		Ratio: evidence.Config{Grid: evidence.LatencyGrid(), Schedule: c.schedule()},
	})
	if err != nil {
		panic(fmt.Sprintf("sim: %s", err)) // the configuration is ours
	}
	g := l.Gate("latency")
	for tick := 1; tick <= c.Ticks; tick++ {
		_, _ = g.FoldParts(s.slow(), early) // the stream has possible counts only
		if g.Reached() {
			return Finding{Found: true, False: c.Rho <= 1 || tick <= c.Onset, Delay: tick - c.Onset}
		}
	}
	return Finding{Delay: c.Ticks - c.Onset}
}
