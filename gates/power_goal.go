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

	Units  float64          `json:"units,omitempty"`  // that it takes, both arms together
	Needs  rampart.Duration `json:"needs,omitempty"`  // until they have come, in whole weeks; absent where nobody knows
	Effect float64          `json:"effect,omitempty"` // that could be shown at the end of the hold, as a share
	AtCap  float64          `json:"atCap,omitempty"`
}

// goals tells how long the maximum power ramp must last for each goal.
func (f *forecast) goals() {
	at, ok := f.ramp()
	if !ok {
		return
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
}

// ramp returns the last step of the maximum power ramp.
func (f *forecast) ramp() (ramp, bool) {
	for _, s := range f.plan.Stages {
		last := s.Steps[len(s.Steps)-1]
		if s.Phase != rampart.MaxPowerRamp || last.Percent <= 0 || last.Percent >= rampart.Full {
			continue
		}
		r := ramp{last.Percent, last.Hold, last.Hold}
		if s.Extend != nil {
			r.limit = max(r.hold, s.Extend.UpTo)
		}
		return r, true
	}
	return ramp{}, false
}

func (f *forecast) reach(told *GoalPower, at ramp) {
	q, rate, alpha := at.percent.Share(), told.Rate, f.goalAlpha()
	variance := rate.variance()
	if variance <= 0 || rate.Base <= 0 {
		return
	}
	told.Units = math.Ceil(evidence.RampUnits(alpha, goalPower, variance, q, rate.Base*told.Improve.Share()))
	if rate.Units <= 0 {
		return
	}
	told.Needs = wholeWeeks(told.Units / rate.Units)
	effect := func(hold rampart.Duration) float64 {
		return evidence.RampEffect(alpha, goalPower, variance, q, rate.Units*hold.D().Seconds()) / rate.Base
	}
	told.Effect, told.AtCap = effect(at.hold), effect(at.limit)
}

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
	case g.Needs > g.Cap:
		f.warn(path+".improve", "extend further, be content with less, or measure something closer to the change",
			"%s by %s shows after %s at %s, and max-power-ramp ends after %s: by then it could show %s",
			g.Goal, g.Improve, g.Needs, g.Percent, g.Cap, percent(g.AtCap))
	case g.Needs > g.Hold:
		f.warn(path+".improve", "hold longer from the start, or count on an extension",
			"%s by %s shows after %s at %s, and the hold is %s: it would be extended", g.Goal, g.Improve, g.Needs, g.Percent, g.Hold)
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
		for i, g := range f.plan.Goals {
			rate := f.rates.of(fmt.Sprintf("goals[%d]", i))
			if units := rate.Units * last.Hold.D().Seconds(); rate.Missing == "" && units > 0 && rate.Base > 0 {
				at := func(q float64) float64 {
					return evidence.RampEffect(f.goalAlpha(), goalPower, rate.variance(), q, units) / rate.Base
				}
				told.Effects = append(told.Effects, EffectPower{g.Name, at(last.Percent.Share()), at(0.5)})
			}
		}
		f.power.Holdout = append(f.power.Holdout, told)
	}
}
