package evidence

import (
	"fmt"
	"math"
	"slices"
)

// A Word is what a goal, or a launch, has come to at the end of its maximum power ramp.
type Word string

// The words of a decision.
const (
	Ship         Word = "ship"
	Regress      Word = "regress"
	NoEffect     Word = "no-effect"
	Inconclusive Word = "inconclusive"
)

// DefaultMargin is by how much a guardrail may be worse, relative to the off arm,
// where a plan does not say: 5 %.
const DefaultMargin = 0.05

// KimDeMets is the spending of a decision that is told no other: alpha t^3. It spends
// little on the first looks, when a week is not over, and costs little at the last.
func KimDeMets() Spending { return Spending{Power: 3} }

// OBrienFleming spends yet less at first, and is closest to a test of fixed length.
func OBrienFleming() Spending { return Spending{} }

// A Goal is what is known of one goal when it is judged.
type Goal struct {
	Test *GoalTest
	// Estimate is that of the last look; its LogRatio is positive where the on arm is
	// better: use Estimate.Reversed where less is better.
	Estimate Estimate
	// Improve is the improvement that was to be detectable, relative: 0.02 is 2 %.
	Improve float64
	// LessIsBetter makes relative figures those of a fall.
	LessIsBetter bool
	// Planned is set from the planned information on: only then may a goal be found to
	// have no effect.
	Planned bool
}

// A GoalResult is what a goal came to at its last look.
type GoalResult struct {
	Word Word `json:"w"`
	// Effect is relative, positive where the on arm is better. Low and High are its
	// interval, which holds at all looks together.
	Effect float64 `json:"e"`
	Low    float64 `json:"l"`
	High   float64 `json:"h"`
	// Z is the statistic, Bound what it had to exceed, Fraction of the information.
	Z        float64 `json:"z"`
	Bound    float64 `json:"b"`
	Fraction float64 `json:"f"`
	// Early is set where the word rests on a look before the last.
	Early bool `json:"y,omitempty"`
}

// A Decider judges goals by a group-sequential test with the looks so far: each side
// of each goal spends half of alpha, by Holm's procedure over the goals, so that any
// goal without an effect is called better, or worse, with probability alpha at most.
// Going on up to the declared cap is part of the test and costs nothing more.
//
// It remembers bounds, because simulations ask for the same ones over and over. It is
// not safe for concurrent use.
//
// Sources: Lan and DeMets (see the package), also "Group sequential procedures:
// calendar versus information time"; Ye, Li, Liu, Yao, "A group sequential Holm
// procedure with multiple primary endpoints".
type Decider struct {
	alpha    float64
	spending Spending
	bounds   map[string][]float64
}

// NewDecider returns a decider with error alpha, 0 for 5 %, over both sides and all
// goals.
func NewDecider(alpha float64, s Spending) (*Decider, error) {
	if alpha == 0 {
		alpha = 0.05
	}
	if !(alpha > 0 && alpha < 0.5) {
		return nil, fmt.Errorf("alpha %g is not between 0 and 0.5", alpha)
	}
	return &Decider{alpha: alpha, spending: s, bounds: map[string][]float64{}}, nil
}

// Judge says what each goal has come to, in their order.
func (d *Decider) Judge(goals ...Goal) ([]GoalResult, error) {
	better, betterAt, err := d.holm(goals, 1)
	if err != nil {
		return nil, err
	}
	worse, worseAt, err := d.holm(goals, -1)
	if err != nil {
		return nil, err
	}
	out := make([]GoalResult, len(goals))
	for i, g := range goals {
		out[i] = GoalResult{Word: Inconclusive, Fraction: g.Test.Fraction()}
		if len(g.Test.looks) == 0 {
			out[i].Word = or(g.Test.word, Inconclusive)
			continue
		}
		// The interval is the one whose ends are the bounds of both sides.
		level := max(betterAt[i], worseAt[i])
		bounds, err := d.boundsOf(g.Test, level)
		if err != nil {
			return nil, err
		}
		out[i].fill(g, bounds[len(bounds)-1])
		switch {
		case better[i].is && worse[i].is:
		case better[i].is:
			out[i].Word, out[i].Early = Ship, better[i].early
		case worse[i].is:
			out[i].Word, out[i].Early = Regress, worse[i].early
		case g.Planned && g.Improve > 0 && out[i].Low > -g.Improve && out[i].High < g.Improve:
			out[i].Word = NoEffect
		}
		g.Test.word = out[i].Word
	}
	return out, nil
}

// fill works out the figures of the last look.
func (r *GoalResult) fill(g Goal, bound float64) {
	relative := math.Expm1
	if g.LessIsBetter {
		relative = func(log float64) float64 { return -math.Expm1(-log) }
	}
	low, high := g.Estimate.Interval(bound)
	r.Effect, r.Low, r.High = relative(g.Estimate.LogRatio), relative(low), relative(high)
	r.Z, r.Bound = g.Test.looks[len(g.Test.looks)-1].Z, bound
}

// A crossing is whether a goal is beyond its bounds, and only at an earlier look.
type crossing struct{ is, early bool }

// holm finds the goals that are beyond their bounds on one side, and the level at
// which each was judged: that of Holm's last step for those that are not.
func (d *Decider) holm(goals []Goal, side float64) ([]crossing, []float64, error) {
	found, levels := make([]crossing, len(goals)), make([]float64, len(goals))
	for left := len(goals); left > 0; {
		level := d.alpha / 2 / float64(left)
		before := left
		for i, g := range goals {
			if found[i].is {
				continue
			}
			levels[i] = level
			c, err := d.crossed(g.Test, level, side)
			if err != nil {
				return nil, nil, err
			}
			if found[i] = c; c.is {
				left--
			}
		}
		if left == before {
			break
		}
	}
	return found, levels, nil
}

// crossed reports whether the test went beyond its bounds at any look. What an earlier
// run of looks had come to stays.
func (d *Decider) crossed(t *GoalTest, level, side float64) (crossing, error) {
	if settled := map[float64]Word{1: Ship, -1: Regress}[side]; t.carried == settled {
		return crossing{true, true}, nil
	}
	far := slices.ContainsFunc(t.looks, func(l goalLook) bool { return side*l.Z >= -quantile(level) })
	if !far { // no bound is below that of a single look
		return crossing{}, nil
	}
	bounds, err := d.boundsOf(t, level)
	if err != nil {
		return crossing{}, err
	}
	var c crossing
	for i, l := range t.looks {
		if side*l.Z >= bounds[i] {
			c = crossing{is: true, early: i < len(t.looks)-1}
		}
	}
	return c, nil
}

// maxRemembered bounds what a decider remembers.
const maxRemembered = 4096

// boundsOf returns the bounds of all looks of a test at a level.
func (d *Decider) boundsOf(t *GoalTest, level float64) ([]float64, error) {
	spent, information := make([]float64, len(t.looks)), make([]float64, len(t.looks))
	for i, l := range t.looks {
		spent[i], information[i] = l.Fraction, l.Information
	}
	key := fmt.Sprint(level, t.spent, spent, information)
	if known, ok := d.bounds[key]; ok {
		return known, nil
	}
	bounds, err := d.spending.BoundsOver(t.spent, spent, information, level)
	if err != nil {
		return nil, err
	}
	if len(d.bounds) >= maxRemembered {
		clear(d.bounds)
	}
	d.bounds[key] = bounds
	return bounds, nil
}

// or returns v, or instead where v is empty.
func or(v, instead Word) Word {
	if v == "" {
		return instead
	}
	return v
}

// A Guardrail is a metric that must not get worse by more than a margin.
type Guardrail struct {
	Name string
	// Upper is the upper limit of the harm ratio, over 1 where it may be worse; +Inf
	// where it is not known. It must hold whenever it is looked at.
	Upper float64
	// Margin is how much worse is accepted, relative to the off arm. Zero means
	// DefaultMargin.
	Margin float64
}

// Holds reports whether the guardrail is not inferior.
func (g Guardrail) Holds() bool { return g.Upper < 1+g.margin() }

func (g Guardrail) margin() float64 {
	if g.Margin == 0 {
		return DefaultMargin
	}
	return g.Margin
}

// Findings are what a decision rests on.
type Findings struct {
	// Harmed is set where evidence of harm reached its limit, at any time, or a bound
	// that does not rest on evidence was broken.
	Harmed bool
	// Mismatch is set while a sample ratio mismatch stands.
	Mismatch bool
	// Goals are in the order of the plan; without any, not to be worse is enough.
	Goals []GoalResult
	// NonInferior is set where not to be worse was declared to be enough, goals or not.
	NonInferior bool
	Guardrails  []Guardrail
}

// Decide says what a launch has come to. Guardrails do not share alpha: all of them
// must hold, so that one that does not is missed with probability alpha at most.
//
// A goal that is worse outweighs one that is better: which of them matters more is for
// people to say.
func Decide(f Findings) Word {
	is := func(w Word) func(GoalResult) bool { return func(g GoalResult) bool { return g.Word == w } }
	switch {
	case f.Harmed:
		return Regress
	case f.Mismatch: // no comparison of the arms can be believed
		return Inconclusive
	case slices.ContainsFunc(f.Goals, is(Regress)):
		return Regress
	case slices.ContainsFunc(f.Guardrails, func(g Guardrail) bool { return !g.Holds() }):
		return Inconclusive
	case f.NonInferior || len(f.Goals) == 0 || slices.ContainsFunc(f.Goals, is(Ship)):
		return Ship
	case !slices.ContainsFunc(f.Goals, func(g GoalResult) bool { return g.Word != NoEffect }):
		return NoEffect
	}
	return Inconclusive
}
