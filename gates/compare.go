package gates

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// A Schedule is how often a plan foresees that the search for harm begins anew. It
// is fixed before the first tick, because the error budget is spread over it.
type Schedule struct {
	Phases   int `json:"phases,omitempty"`   // with two arms
	Restarts int `json:"restarts,omitempty"` // within phases
}

// ScheduleOf returns the schedule of a plan with its defaults filled in.
func ScheduleOf(p rampart.Plan) Schedule {
	var s evidence.Schedule
	for _, stage := range p.Stages {
		var hold time.Duration
		for _, step := range stage.Steps {
			if step.Percent > 0 && step.Percent < rampart.Full {
				hold += step.Hold.D()
			}
		}
		if hold > 0 {
			s = s.With(hold, restart(stage.Phase))
		}
	}
	return Schedule{Phases: s.Phases, Restarts: s.Restarts}
}

func restart(p rampart.Phase) time.Duration {
	if p.Index() >= rampart.MaxPowerRamp.Index() {
		return evidence.RestartLate
	}
	return evidence.RestartEarly
}

// leastRate is one bad event in a thousand: what a service that never fails is taken
// to fail, so that a pass says that a doubling of at least that would have been seen.
const leastRate = 0.001

// leastSlow is the same for a latency: the edge nearest to the p99 is to have about the
// slowest hundredth beyond it, even where a service is faster than its edges tell.
const leastSlow = 0.01

func leastRateOf(g rampart.Gate) float64 {
	switch {
	case g.Latency != nil:
		return leastSlow
	case g.Ratio != nil && g.Ratio.Worse != rampart.WorseLower:
		return leastRate
	}
	return 0
}

// enroll gives every gate that gathers evidence its place in that of the launch. A
// gate that comes later takes its weight from the reserve, where the weights of all
// gates of the plan are until their stage begins.
func (s *State) enroll(look Look) error {
	var late []evidence.GateSpec
	for _, g := range look.Gates {
		if evident(g) && (s.Evidence == nil || s.Evidence.Gate(key(g)) == nil) {
			late = append(late, s.specOf(look, g))
		}
	}
	if s.Evidence == nil && len(late) > 0 {
		all, err := evidence.NewLaunch(evidence.Budget{Alpha: look.alpha()}, late...)
		if err != nil {
			return rampart.Errorf(rampart.Invalid, "the error budget of %s: %s", look.Flag, err).WithHint("let the weights of all gates sum to 0.9 at most")
		}
		s.Evidence = all
		return nil
	}
	for _, spec := range late {
		if left := s.Evidence.Reserve(); spec.Weight >= left { // an amendment asks for more; what comes after it is to have some, too
			spec.Weight = left / 2
		}
		if err := s.Evidence.Add(spec); err != nil {
			return fmt.Errorf("the error budget of %s: %w", look.Flag, err)
		}
	}
	return nil
}

// evident reports whether the gate is judged by evidence.
func evident(g rampart.Gate) bool { return compares(g) || g.Objective != nil || g.Mean != nil }

// compares reports whether the gate is judged by evidence from both arms.
func compares(g rampart.Gate) bool { return g.Ratio != nil || g.Count != nil || g.Latency != nil }

func (s *State) specOf(look Look, g rampart.Gate) evidence.GateSpec {
	spec := evidence.GateSpec{Name: key(g), Weight: g.Weight, Phi: s.Learnt[key(g)]}
	if !takesBack(g) {
		spec.Weight, spec.Level = 0, look.alpha()
	}
	spec.Ratio.Schedule = evidence.Schedule{Phases: look.Schedule.Phases, Restarts: look.Schedule.Restarts}
	if g.Objective != nil {
		spec.Line = &evidence.LineConfig{Bad: lineOf(*g.Objective), Schedule: spec.Ratio.Schedule}
		return spec
	}
	if g.Mean != nil {
		spec.Mean = meanOf(look, *g.Mean)
		return spec
	}
	if len(g.By) > 0 {
		spec.Cohorts = look.cohorts()
	}
	switch {
	case g.Ratio != nil:
		spec.Ratio.Margin, spec.Ratio.LowerIsWorse = g.Ratio.Margin.Share(), g.Ratio.Worse == rampart.WorseLower
	case g.Count != nil:
		spec.Ratio.Margin, spec.Ratio.LowerIsWorse = g.Count.Margin.Share(), g.Count.Worse == rampart.WorseLower
		spec.Ratio.Rate = true
	case g.Latency != nil:
		spec.Ratio.Grid, spec.Parts = evidence.LatencyGrid(), slowParts[:]
	}
	return spec
}

// cohorts is how many cohorts each gate of a look that has them may tell apart, so
// that the evidence of all of them stays small.
func (l Look) cohorts() int {
	gates := 0
	for _, g := range l.Gates {
		if len(g.By) > 0 {
			gates++
		}
	}
	return min(evidence.MaxCohorts, max(1, allCohorts/gates))
}

// allCohorts is how many there may be in all gates of a stage.
const allCohorts = 16

// compare folds the counts of one tick into the evidence of a gate. The first error
// says why there are none; the second is a defect.
func (g *gate) compare(look Look, s *State, spec rampart.Gate, saw sight) (none, fault error) {
	if none = failed(saw.counts); none != nil {
		return none, nil
	}
	events, units := saw.counts[0], saw.counts[len(saw.counts)-1]
	if none = g.Arrivals.both(look, saw.to, units.Arms); none != nil {
		g.Counted = look.tick()
		return none, nil
	}
	ticks := partsOf(look, spec, events, units)
	if fault = g.judge(look, s, spec, ticks, ticks[0].Tick); isImpossible(fault) {
		return fault, nil
	}
	return nil, fault
}

// partsOf returns what one tick counted: everything together, and each cohort.
func partsOf(look Look, spec rampart.Gate, events, units Counted) []evidence.PartTick {
	parts := []evidence.PartTick{{Tick: tickOf(look, spec, events.Arms, units.Arms)}}
	for _, cohort := range slices.Sorted(maps.Keys(units.Cohorts)) {
		t := tickOf(look, spec, events.Cohorts[cohort], units.Cohorts[cohort])
		parts = append(parts, evidence.PartTick{Part: cohort, Tick: t})
	}
	return parts
}

func tickOf(look Look, spec rampart.Gate, events, units map[string]ArmCount) evidence.Tick {
	t := evidence.Tick{
		At: look.tick(),
		X1: events["on"].Sum, N1: units["on"].Sum,
		X0: events["off"].Sum, N0: units["off"].Sum,
		Buckets: bucketsIn(events),
	}
	if spec.Count != nil {
		t.N1, t.N0 = look.Exposure.Share(), 1-look.Exposure.Share()
	} else {
		t.Units = bucketsIn(units)
	}
	return t
}

// judge folds the ticks of a gate's parts, of which one is shown and dates the onset
// of harm.
func (g *gate) judge(look Look, s *State, spec rampart.Gate, ticks []evidence.PartTick, shown evidence.Tick) error {
	known := s.Evidence.Gate(key(spec))
	if _, err := known.FoldParts(ticks, s.moment(look, spec)); err != nil {
		return err
	}
	g.OnBad, g.OffBad = shown.X1, shown.X0
	if g.Onset == nil {
		g.Onset = new(onset)
	}
	g.Onset.take(shown, g.Counted, known.CB().Config().LowerIsWorse)
	g.Counted = look.tick()
	return nil
}

func (s *State) moment(look Look, spec rampart.Gate) evidence.Moment {
	return evidence.Moment{
		Phase: look.PhaseIndex, Step: s.Step, Restart: restart(look.Phase), Detect: spec.DetectAt(look.Exposure),
		LeastRate: leastRateOf(spec),
	}
}

func isImpossible(err error) bool {
	var impossible *evidence.BadTick
	return errors.As(err, &impossible)
}

func failed(counts []Counted) error {
	for _, c := range counts {
		if c.Err != nil {
			return c.Err
		}
	}
	return nil
}

// bucketsIn returns the events by telemetry bucket, or nil where the counters do
// not have that label.
func bucketsIn(arms map[string]ArmCount) *evidence.Buckets {
	var b evidence.Buckets
	var any bool
	for _, arm := range []struct {
		name string
		into []float64
	}{{"on", b.On[:]}, {"off", b.Off[:]}} {
		for label, n := range arms[arm.name].Buckets {
			if i, err := strconv.Atoi(label); err == nil && i >= 0 && i < len(arm.into) {
				arm.into[i] += n
				any = true
			}
		}
	}
	if !any {
		return nil
	}
	return &b
}

// compared reads the verdict on a comparing gate off its evidence, which is short of
// its limit.
func (s *State) compared(look Look, spec rampart.Gate, v *rampart.GateVerdict) {
	known := s.Evidence.Gate(key(spec))
	v.Reason = s.gate(spec).told(look, spec, known)
	seen(look, known, v, "a rate ratio of "+number(spec.DetectAt(look.Exposure)))
}

// seen reads the verdict off evidence that is short of its limit: silence is a pass
// only where the harm that the gate is to show would have been seen.
func seen(look Look, known *evidence.Gate, v *rampart.GateVerdict, harm string) {
	switch {
	case !look.HoldOver:
		v.Word = rampart.Holding
	case known.CouldHaveSeen():
		v.Word = rampart.Pass
	default:
		v.Word = rampart.Undecided
		v.Reason += fmt.Sprintf("; %s of the information is there that would show %s", percent(known.Informed()), harm)
	}
}

// broken reports whether the evidence of this gate has reached its limit: that of
// the launch, to which it gave the most, or its own.
func (s *State) broken(spec rampart.Gate) bool {
	if !takesBack(spec) {
		return s.Evidence.Gate(key(spec)).Reached()
	}
	look := s.Evidence.Look(s.Tick)
	return look.Reached && look.Gate == key(spec)
}
