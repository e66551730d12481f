package gates

import (
	"fmt"
	"math"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// Harms are the rate ratios of harm that a forecast is made for.
var Harms = []float64{1.1, 1.25, 1.5, 2, 5}

// A Power is what a plan could see, were it walked on certain rates: an estimate for
// people who write plans, which decides nothing.
type Power struct {
	Flag    string         `json:"flag"`
	Gates   []GatePower    `json:"gates"`
	Steps   []StepPower    `json:"steps"`
	Goals   []GoalPower    `json:"goals,omitempty"`
	Holdout []HoldoutPower `json:"holdout,omitempty"`

	// Warnings are where the plan cannot see what it promises.
	Warnings rampart.Mistakes `json:"-"`
}

// A GatePower is what becomes of harm that is there from the first exposure on.
type GatePower struct {
	Gate  string           `json:"gate"`
	Kind  rampart.GateKind `json:"kind"`
	Phase rampart.Phase    `json:"phase,omitempty"` // of a gate that only one stage has
	Rate  Rate             `json:"rate"`
	Level float64          `json:"level,omitempty"` // its share of the error budget, 0 to 1; 0 of a fixed bound
	Harms []HarmPower      `json:"harms,omitempty"`
}

// A StepPower is what can be seen in one step.
type StepPower struct {
	Phase   rampart.Phase    `json:"phase"` // finish, of the last watch
	Percent rampart.Percent  `json:"percent"`
	Hold    rampart.Duration `json:"hold"`
	Gates   []SeenPower      `json:"gates"`
	Ratio   []RatioPower     `json:"sampleRatio,omitempty"`
}

// A SeenPower is what one gate can see in a step.
type SeenPower struct {
	Gate    string      `json:"gate"`
	Unknown bool        `json:"unknown,omitempty"` // nobody says what it usually measures
	Sees    float64     `json:"sees,omitempty"`    // the least rate ratio that the hold could show; 0: none
	Bad     float64     `json:"bad,omitempty"`     // of an objective: the least share of bad events of all arms that it could show
	Detect  float64     `json:"detect,omitempty"`  // the rate ratio that a pass must have been able to see
	Passes  bool        `json:"passes"`            // the hold is long enough for a pass
	Harms   []HarmPower `json:"harms,omitempty"`   // that begin with the step

	// Needs is how long a hold a pass needs; absent where none is long enough.
	Needs rampart.Duration `json:"needs,omitempty"`
}

// A HarmPower is what becomes of harm of one size.
type HarmPower struct {
	Ratio float64 `json:"ratio"`

	// After is how long it takes on average until the launch is turned back. It is
	// absent where that is after the hold or, of harm from the start, after the launch.
	After   rampart.Duration `json:"after,omitempty"`
	Phase   rampart.Phase    `json:"phase,omitempty"` // where that is, of harm from the start
	Percent rampart.Percent  `json:"percent,omitempty"`
	Units   float64          `json:"units,omitempty"` // of the gate, such as requests, that were on until then
	Users   float64          `json:"users,omitempty"` // of the plan's units, where it is known how many come
	Harmed  float64          `json:"harmed,omitempty"`
}

// PowerOf tells what a plan could see on certain rates.
func PowerOf(plan rampart.Plan, rates Rates) Power {
	plan = plan.WithDefaults()
	f := forecast{plan: plan, rates: rates, power: Power{Flag: plan.Flag}}
	for _, s := range stepsOf(plan) {
		f.step(s)
	}
	for _, w := range f.watchers {
		f.power.Gates = append(f.power.Gates, w.fromTheStart())
	}
	f.goals()
	f.holdout()
	return f.power
}

// A forecast is a Power in the making.
type forecast struct {
	plan     rampart.Plan
	rates    Rates
	power    Power
	watchers []*watcher // in the order in which they are first asked
}

// A planStep is a step with its place.
type planStep struct {
	stage int // of the plan; len(stages) for the last watch
	step  int
	phase rampart.Phase
	rampart.Step
}

const finish = rampart.Phase("finish")

// stepsOf returns the steps of a plan, and the last watch.
func stepsOf(p rampart.Plan) []planStep {
	var all []planStep
	for i, s := range p.Stages {
		for j, step := range s.Steps {
			all = append(all, planStep{i, j, s.Phase, step})
		}
	}
	if p.Finish.Bake > 0 {
		all = append(all, planStep{len(p.Stages), 0, finish, rampart.Step{Percent: p.Finish.Percent, Hold: p.Finish.Bake}})
	}
	return all
}

// step tells what can be seen in a step, and warns of what cannot.
func (f *forecast) step(s planStep) {
	told := StepPower{Phase: s.phase, Percent: s.Percent, Hold: s.Hold, Gates: []SeenPower{}}
	for _, placed := range gatesIn(f.plan, s.stage) {
		w := f.watcher(placed, s)
		if w.level == 0 || !w.asked(s) {
			continue
		}
		if w.rate.Missing != "" {
			told.Gates = append(told.Gates, SeenPower{Gate: w.Name, Unknown: true})
			continue
		}
		seen := w.see(s)
		told.Gates = append(told.Gates, seen)
		f.warnUndecided(s, w, seen)
	}
	told.Ratio = f.sampleRatio(s)
	f.power.Steps = append(f.power.Steps, told)
}

// warnUndecided warns of a hold that would end with a gate that cannot say anything.
func (f *forecast) warnUndecided(s planStep, w *watcher, seen SeenPower) {
	if seen.Passes {
		return
	}
	path := "finish.bake"
	if s.stage < len(f.plan.Stages) {
		path = fmt.Sprintf("stages[%d].steps[%d].hold", s.stage, s.step)
	}
	what := fmt.Sprintf("%s at %s: %s could show %sx ", s.phase, s.Percent, seen.Gate, number(seen.Detect))
	hint := "expose more, or judge something that happens more often"
	if seen.Needs > 0 {
		what += fmt.Sprintf("only after %s, and the hold is %s", about(seen.Needs), s.Hold)
		hint = "hold longer, or expose more"
	} else {
		what += "in no hold"
	}
	switch {
	case seen.Sees == 0:
	case w.Mean != nil:
		hint += fmt.Sprintf("; or be content with detect: %s%%", number(math.Ceil(100*(seen.Sees-1))))
	default:
		hint += fmt.Sprintf("; or be content with detect: %s", number(math.Ceil(seen.Sees*10)/10))
	}
	f.warn(path, hint, "%s: it would end undecided", what)
}

func (f *forecast) warn(path, hint, format string, args ...any) {
	f.power.Warnings = append(f.power.Warnings, rampart.Mistake{Path: path, Msg: fmt.Sprintf(format, args...), Hint: hint, Warning: true})
}

// about rounds a duration to what a person reads.
func about(d rampart.Duration) rampart.Duration {
	unit := time.Second
	switch {
	case d.D() >= 24*time.Hour:
		unit = time.Hour
	case d.D() >= time.Hour:
		unit = time.Minute
	}
	return rampart.Duration(d.D().Round(unit))
}

// A placedGate is a gate with its path in the plan.
type placedGate struct {
	path string
	rampart.Gate
}

// gatesIn returns the gates of a stage, or of the last watch, as [rampart.Plan.GatesOf]
// does, with their places.
func gatesIn(p rampart.Plan, stage int) []placedGate {
	var s rampart.Stage
	if stage < len(p.Stages) {
		s = p.Stages[stage]
	}
	places := map[string]string{}
	for i, g := range p.Gates {
		places[g.Name] = fmt.Sprintf("gates[%d]", i)
	}
	for i, g := range s.Gates {
		places[g.Name] = fmt.Sprintf("stages[%d].gates[%d]", stage, i)
	}
	var all []placedGate
	for _, g := range p.GatesOf(s) {
		all = append(all, placedGate{places[g.Name], g})
	}
	return all
}

// watcher returns the one of a gate, which is the same in all steps that have it.
func (f *forecast) watcher(g placedGate, s planStep) *watcher {
	for _, w := range f.watchers {
		if w.path == g.path {
			return w
		}
	}
	w := &watcher{placedGate: g, every: f.plan.Every.D(), rate: f.rates.of(g.path), users: f.rates.Users, level: f.level(g.Gate), phases: max(1, ScheduleOf(f.plan).Phases)}
	if g.path != "" && g.path[0] == 's' {
		w.phase = s.phase
	}
	f.watchers = append(f.watchers, w)
	f.warnRate(w)
	return w
}

// level is the share of the error budget that a gate has in one attempt, as a launch
// gives it out.
func (f *forecast) level(g rampart.Gate) float64 {
	if !g.Budgeted() {
		return 0
	}
	alpha := f.plan.Alpha.Share() / float64(1+f.plan.Retries())
	if takesBack(g) {
		return alpha * g.Weight
	}
	return alpha
}

func (f *forecast) warnRate(w *watcher) {
	o := w.Objective
	switch {
	case w.level == 0:
	case w.rate.Missing != "":
		f.warn(w.path, "say what it usually is with --rate "+w.Name+"=…, and how much there is of it with --traffic",
			"%s: %s", w.Name, w.rate.Missing)
	case o != nil && w.rate.Base >= 1-o.Good.Share():
		f.warn(w.path+".objective.good", "mend the service first, or draw another line",
			"%s of all is bad already, and the line is at %s: the launch would be turned back", percent(w.rate.Base), percent(1-o.Good.Share()))
	}
}

// lastingTicks is how long so many ticks are, and one more, because harm begins within a
// tick and samples come late.
func lastingTicks(ticks float64, every time.Duration) rampart.Duration {
	return rampart.Duration(time.Duration(math.Ceil(ticks+1)) * every)
}

// Losses are the shares of the units of the on arm whose loss a forecast is made for.
var Losses = []rampart.Percent{1000, 300}

// A RatioPower is how soon it is seen that the on arm loses some of its units.
type RatioPower struct {
	Loss  rampart.Percent  `json:"loss"`
	Units float64          `json:"units"`           // new ones, of both arms, that it takes
	After rampart.Duration `json:"after,omitempty"` // absent where nobody knows how many come
}

func (f *forecast) sampleRatio(s planStep) []RatioPower {
	if s.Percent <= 0 || s.Percent >= rampart.Full || f.plan.Unit == rampart.Request {
		return nil
	}
	var all []RatioPower
	for _, loss := range Losses {
		r := RatioPower{Loss: loss, Units: evidence.RatioUnits(s.Percent.Share(), 1-loss.Share(), evidence.SampleRatioLevel)}
		if f.rates.Users > 0 {
			r.After = secondsOf(r.Units / f.rates.Users)
		}
		all = append(all, r)
	}
	return all
}

// secondsOf is a duration of so many seconds, up to the longest that a plan may name.
func secondsOf(s float64) rampart.Duration {
	most := rampart.MaxDuration.D().Seconds()
	return rampart.Duration(time.Duration(math.Ceil(min(s, most))) * time.Second)
}
