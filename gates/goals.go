package gates

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// goals are what is counted of the goals in the maximum power ramp, and the looks at
// them.
type goals struct {
	Since   int64 `json:"s,omitempty"` // the tick from which was counted
	Moved   int64 `json:"m,omitempty"` // since when the exposure was what it is
	Looked  int64 `json:"l,omitempty"` // the tick of the last look
	Decided bool  `json:"d,omitempty"` // that look was for a decision

	Sums map[string]*evidence.Sums `json:"x,omitempty"` // by selector: goals share their units
	Each map[string]*goal          `json:"e,omitempty"` // by goal
}

// A goal is what is known of one goal.
type goal struct {
	Test evidence.GoalTest   `json:"t"`
	Last evidence.GoalResult `json:"r,omitzero"` // of the last look
	Why  string              `json:"w,omitempty"`
}

const (
	// looksEvery is how often goals are looked at: daily looks cost next to nothing,
	// and a day is the least that is not a time of day.
	looksEvery = 24 * time.Hour
	// mostLooks is how many looks there may be up to the cap.
	mostLooks = 48
)

// metricOf returns the selectors of a goal's events, or values, and of their units.
func metricOf(g rampart.Goal) (events, of string, err error) {
	switch {
	case g.Ratio != nil:
		events, of = g.Ratio.Events, g.Ratio.Of
	case g.Mean != nil:
		events, of = g.Mean.Value, g.Mean.Of
	default:
		return "", "", rampart.Errorf(rampart.Invalid, "goal %s is neither a ratio nor a mean", g.Name)
	}
	for _, s := range []string{events, of} {
		if _, err := parseSelector(s); err != nil {
			return "", "", err
		}
	}
	return events, of, nil
}

// lessIsBetter reports whether the goal is a fall. More is better unless the plan says
// that higher is worse.
func lessIsBetter(g rampart.Goal) bool {
	if g.Ratio != nil {
		return g.Ratio.Worse == rampart.WorseHigher
	}
	return g.Mean != nil && g.Mean.Worse == rampart.WorseHigher
}

// count adds to what is known of the goals. An event that has not happened in an arm may
// have no series there, which is no event; units must be there in both arms.
func (t *tally) count(look Look, c counts) {
	if len(look.Goals) == 0 || look.Phase != rampart.MaxPowerRamp {
		return
	}
	if t.Goals == nil {
		t.Goals = &goals{Since: c.from.UnixMilli(), Moved: t.Moved}
	}
	g := t.Goals
	seen := map[string]Counted{}
	for _, spec := range look.Goals {
		events, of, err := metricOf(spec)
		x, n := c.of(events), c.of(of)
		if _, _, none := bothArms(n); err == nil {
			err = none
		}
		if err == nil && x.Err == nil && len(x.Arms) == 0 {
			err = &NoData{"no events of either arm"}
		}
		if err = errors.Join(err, x.Err); err == nil {
			seen[events] = x
			if t.unitsOf(look, of) == nil {
				seen[of] = n
			}
		}
		_, g.of(spec).Why = answerOf(err)
	}
	for selector, counted := range seen {
		g.add(look, selector, counted.Arms)
	}
}

// add counts one metric. What cannot be a sum is left out: sources refuse it already.
func (g *goals) add(look Look, selector string, arms map[string]ArmCount) {
	if g.Sums == nil {
		g.Sums = map[string]*evidence.Sums{}
	}
	k := hashed(selector)
	if g.Sums[k] == nil {
		g.Sums[k] = new(evidence.Sums)
	}
	_ = g.Sums[k].Add(look.tick(), arms["on"].Sum, arms["off"].Sum, bucketsIn(arms))
}

// of returns what is known of a goal.
func (g *goals) of(spec rampart.Goal) *goal {
	if g.Each == nil {
		g.Each = map[string]*goal{}
	}
	k := goalKey(spec)
	if g.Each[k] == nil {
		g.Each[k] = new(goal)
	}
	return g.Each[k]
}

// restart begins anew at another exposure: counts of two allocations must not be summed.
// What looks have spent stays spent, and what they have come to stays so, too.
func (g *goals) restart(look Look, moved int64) error {
	all := map[*goal]evidence.Estimate{}
	for _, one := range g.Each {
		all[one] = evidence.Estimate{} // words rest on the looks
	}
	if err := g.judge(look, all); err != nil {
		return err
	}
	g.Moved, g.Looked, g.Sums = moved, look.tick(), nil
	for _, one := range g.Each {
		one.Test.Restart()
		one.Last = evidence.GoalResult{}
	}
	return nil
}

// decides reports whether a decision is asked for that has yet to be looked for.
func (s *State) decides(look Look) bool {
	return look.Decide && len(look.Goals) > 0 && (s.Tally == nil || s.Tally.Goals == nil || !s.Tally.Goals.Decided)
}

// lookAtGoals takes a look at the goals where one is due: a day after the last, and when
// a decision is asked for.
func (s *State) lookAtGoals(look Look) error {
	if s.Tally == nil || s.Tally.Goals == nil || look.Phase != rampart.MaxPowerRamp {
		return nil
	}
	g := s.Tally.Goals
	deciding := look.Decide && !g.Decided
	g.Decided = g.Decided && look.Decide
	span := look.CapAt.Sub(time.UnixMilli(g.Since))
	every := max(or(look.LooksEvery, looksEvery), span/mostLooks)
	early := look.CapAt.IsZero() || look.tick()-max(g.Looked, g.Since) < every.Milliseconds()
	if early && !deciding {
		return nil
	}
	g.Looked, g.Decided = look.tick(), look.Decide
	return s.Tally.look(look, fractionAt(look, g.Since))
}

// fractionAt is the share of the information expected at the cap that is there: events
// are expected to come evenly, so it is the share of the time.
func fractionAt(look Look, since int64) float64 {
	from := time.UnixMilli(since)
	whole, now := look.CapAt.Sub(from), look.At.Sub(from)
	if whole <= 0 || now >= whole {
		return 1
	}
	return max(0, float64(now)/float64(whole))
}

// look takes a look at all goals. Words are only asked for with a decision: until then it
// is enough to know how each look came out.
func (t *tally) look(look Look, fraction float64) error {
	estimates := map[*goal]evidence.Estimate{}
	for _, spec := range look.Goals {
		one := t.Goals.of(spec)
		estimate, err := t.estimate(look, spec)
		if err != nil {
			one.Why = or(one.Why, short(err.Error()))
			continue
		}
		one.Test.Look(fraction, estimate)
		estimates[one] = estimate
	}
	if !look.Decide {
		return nil
	}
	return t.Goals.judge(look, estimates)
}

// judge judges those goals together of which there is an estimate.
func (g *goals) judge(look Look, estimates map[*goal]evidence.Estimate) error {
	decider, err := evidence.NewDecider(look.alpha(), evidence.KimDeMets())
	if err != nil {
		return err
	}
	var judged []evidence.Goal
	var of []*goal
	for _, spec := range look.Goals {
		one := g.of(spec)
		if estimate, ok := estimates[one]; ok && one.Test.Looks() > 0 {
			judged, of = append(judged, evidence.Goal{
				Test: &one.Test, Estimate: estimate, Improve: spec.Improve.Share(),
				LessIsBetter: lessIsBetter(spec), Planned: look.Decide,
			}), append(of, one)
		}
	}
	results, err := decider.Judge(judged...)
	if err != nil {
		return fmt.Errorf("the goals of %s: %w", look.Flag, err)
	}
	for i, r := range results {
		of[i].Last = curt(r)
	}
	return nil
}

// curt keeps the digits that are read.
func curt(r evidence.GoalResult) evidence.GoalResult {
	for _, v := range []*float64{&r.Effect, &r.Low, &r.High, &r.Z, &r.Bound, &r.Fraction} {
		*v = rounded(max(-1e6, min(1e6, *v)))
	}
	return r
}

// estimate compares the arms by what was counted of a goal.
func (t *tally) estimate(look Look, spec rampart.Goal) (evidence.Estimate, error) {
	events, of, err := metricOf(spec)
	if err != nil {
		return evidence.Estimate{}, err
	}
	x, n := t.Goals.Sums[hashed(events)], t.unitsOf(look, of)
	if n == nil {
		n = t.Goals.Sums[hashed(of)]
	}
	if x == nil || n == nil {
		return evidence.Estimate{}, errors.New("nothing is counted yet")
	}
	e, err := evidence.EstimateRatio(x, n)
	if lessIsBetter(spec) {
		e = e.Reversed()
	}
	return e, err
}

// unitsOf returns the units that a goal is per, where they are those of the launch: all
// that have been seen since first exposure, in the arms that they are in now. Those that
// were first seen in this phase are far fewer.
func (t *tally) unitsOf(look Look, selector string) *evidence.Sums {
	sel, err := parseSelector(selector)
	if err != nil || sel.String() != exposedUnits || t.Units == nil {
		return nil
	}
	return t.Units.InForce(look.Exposure.Share())
}

// goalKey identifies a goal by its definition, as gates are.
func goalKey(g rampart.Goal) string {
	definition, err := json.Marshal(g)
	if err != nil {
		definition = fmt.Appendf(nil, "%+v", g)
	}
	return hashed(string(definition))
}

func hashed(s string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s))
	return fmt.Sprintf("%08x", h.Sum32())
}
