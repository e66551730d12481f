package gates

import (
	"fmt"
	"math"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// goalPower is the chance that a goal that is met just so is found to be.
const goalPower = 0.8

// A GoalPower is what the maximum power ramp can tell of a goal.
type GoalPower struct {
	Goal    string          `json:"goal"`
	Rate    Rate            `json:"rate"`
	Improve rampart.Percent `json:"improve"` // what is wanted
	Percent rampart.Percent `json:"percent"` // of the maximum power ramp

	Hold rampart.Duration `json:"hold"`
	Cap  rampart.Duration `json:"cap"` // with all its extensions

	Units  float64          `json:"units,omitempty"`  // that a ramp needs which is just long enough, both arms together
	Needs  rampart.Duration `json:"needs,omitempty"`  // how long that is, in whole weeks; absent where nobody knows how many come
	Shows  rampart.Duration `json:"shows,omitempty"`  // when this ramp can show it; absent where that is after its cap
	Effect float64          `json:"effect,omitempty"` // that could be shown at the end of the hold, as a share
	AtCap  float64          `json:"atCap,omitempty"`
}

// goals tells how long the maximum power ramp must last for each goal.
func (f *forecast) goals() {
	at, ok := f.ramp()
	if !ok || len(f.plan.Goals) == 0 {
		return
	}
	var err error
	if at.test, err = evidence.PlanRamp(f.goalAlpha(), goalPower, looks(at.limit)); err != nil {
		return // an error budget that is none is told by validation
	}
	for i, g := range f.plan.Goals {
		rate := f.rates.of(fmt.Sprintf("goals[%d]", i))
		told := GoalPower{Goal: g.Name, Rate: rate, Improve: g.Improve, Percent: at.percent, Hold: at.hold, Cap: at.limit}
		if rate.Missing == "" {
			f.reach(&told, at)
		}
		f.power.Goals = append(f.power.Goals, told)
		f.warnGoal(fmt.Sprintf("goals[%d]", i), told)
	}
}

// A ramp is how much is exposed for how long while goals are measured.
type ramp struct {
	percent     rampart.Percent
	hold, limit rampart.Duration
	test        evidence.Ramp
}

// ramp returns the last step of the maximum power ramp.
func (f *forecast) ramp() (ramp, bool) {
	for _, s := range f.plan.Stages {
		last := s.Steps[len(s.Steps)-1]
		if s.Phase != rampart.MaxPowerRamp || last.Percent <= 0 || last.Percent >= rampart.Full {
			continue
		}
		r := ramp{percent: last.Percent, hold: last.Hold, limit: last.Hold}
		if s.Extend != nil {
			r.limit = max(r.hold, s.Extend.UpTo)
		}
		return r, true
	}
	return ramp{}, false
}

func (f *forecast) reach(told *GoalPower, at ramp) {
	q, rate := at.percent.Share(), told.Rate
	variance := rate.variance()
	if variance <= 0 || rate.Base <= 0 {
		return
	}
	need := rate.Base * told.Improve.Share()
	told.Units = math.Ceil(at.test.Units(variance, q, need))
	if rate.Units <= 0 {
		return
	}
	told.Needs = wholeWeeks(told.Units / rate.Units)
	effect := func(hold rampart.Duration) float64 {
		return at.test.Effect(variance, q, rate.Units*hold.D().Seconds(), looks(hold)) / rate.Base
	}
	told.Effect, told.AtCap = effect(at.hold), effect(at.limit)
	for hold := at.hold; hold <= at.limit; hold += rampart.Duration(week) {
		if effect(hold) <= told.Improve.Share() {
			told.Shows = hold
			return
		}
	}
}

// looks is how often a goal is looked at within a hold: daily.
func looks(hold rampart.Duration) int { return max(1, int(hold.D().Hours()/24)) }

// goalAlpha is the level of the better side of each goal: the worst that it can have
// among all goals.
func (f *forecast) goalAlpha() float64 {
	return f.plan.Alpha.Share() / float64(1+f.plan.Retries()) / 2 / float64(max(1, len(f.plan.Goals)))
}

// variance is that of one unit.
func (r Rate) variance() float64 {
	if r.Spread > 0 {
		return r.Spread * r.Spread
	}
	return r.Base * (1 - r.Base)
}

const week = 7 * 24 * time.Hour

// wholeWeeks rounds up to weeks, at least one: days of the week differ.
func wholeWeeks(seconds float64) rampart.Duration {
	weeks := min(math.Ceil(seconds/week.Seconds()), rampart.MaxDuration.D().Hours()/week.Hours())
	return rampart.Duration(time.Duration(max(1, weeks)) * week)
}

func (f *forecast) warnGoal(path string, g GoalPower) {
	switch {
	case g.Rate.Missing != "":
		f.warn(path, "say what it usually is with --rate "+quotedName(g.Goal)+"=…, and how many users there are with --users",
			"%s: %s", g.Goal, g.Rate.Missing)
	case g.Needs == 0:
	case g.Shows == 0:
		f.warn(path+".improve", "extend further, be content with less, or measure something closer to the change",
			"%s by %s needs %s at %s, and max-power-ramp ends after %s: by then it could show %s",
			g.Goal, g.Improve, g.Needs, g.Percent, g.Cap, percent(g.AtCap))
	case g.Shows > g.Hold:
		f.warn(path+".improve", fmt.Sprintf("count on the extension; a hold of %s without one shows it sooner", g.Needs),
			"%s by %s shows after %s at %s, and the hold is %s: it would be extended", g.Goal, g.Improve, g.Shows, g.Percent, g.Hold)
	}
}

// quotedName is a name as a shell takes it.
func quotedName(name string) string {
	for _, r := range name {
		if r == ' ' {
			return "'" + name + "'"
		}
	}
	return name
}

// A HoldoutPower is what few units that are kept off to the end can show.
type HoldoutPower struct {
	Phase   rampart.Phase    `json:"phase"`
	Percent rampart.Percent  `json:"percent"`
	Hold    rampart.Duration `json:"hold"`
	Cost    float64          `json:"cost"` // times the units of half and half
	Effects []EffectPower    `json:"effects,omitempty"`
}

// An EffectPower is the least effect on a goal that can be shown, as a share.
type EffectPower struct {
	Goal   string  `json:"goal"`
	Effect float64 `json:"effect"`
	AtHalf float64 `json:"atHalf"` // were half of the units on
}

// holdout tells what the stages after the maximum power ramp can see of goals, and what
// they cannot.
func (f *forecast) holdout() {
	for _, s := range f.plan.Stages {
		last := s.Steps[len(s.Steps)-1]
		if s.Phase != rampart.Learning || last.Percent <= 0 || last.Percent >= rampart.Full {
			continue
		}
		told := HoldoutPower{Phase: s.Phase, Percent: last.Percent, Hold: last.Hold, Cost: evidence.HoldoutCost(last.Percent.Share())}
		told.Effects = f.effects(last)
		f.power.Holdout = append(f.power.Holdout, told)
	}
}

// effects are what a step can show of each goal.
func (f *forecast) effects(s rampart.Step) []EffectPower {
	test, err := evidence.PlanRamp(f.goalAlpha(), goalPower, looks(s.Hold))
	if err != nil {
		return nil // told by validation
	}
	var all []EffectPower
	for i, g := range f.plan.Goals {
		rate := f.rates.of(fmt.Sprintf("goals[%d]", i))
		if units := rate.Units * s.Hold.D().Seconds(); rate.Missing == "" && units > 0 && rate.Base > 0 {
			at := func(q float64) float64 { return test.Effect(rate.variance(), q, units, looks(s.Hold)) / rate.Base }
			all = append(all, EffectPower{g.Name, at(s.Percent.Share()), at(0.5)})
		}
	}
	return all
}
