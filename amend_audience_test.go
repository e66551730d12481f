package rampart_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// Who is exposed is more than a share: stages include people by rules, and say where. Of
// each of them everybody was asked whom a plan in force would have asked before.
func TestAudiencesAmendedAtRandomExposeNobodyWithLessConsent(t *testing.T) {
	random := rand.New(rand.NewPCG(21, 4))
	amended, exposed := 0, 0
	for range 2000 {
		plan := randomAudiences(random, randomPlan(random))
		var given []rampart.Approvals
		var demands []demand
		demands = append(demands, demandsOf(plan, 0)...)
		consented := func(is func(person) bool, when string) {
			for _, who := range people {
				if !is(who) {
					continue
				}
				exposed++
				for _, d := range demands {
					if d.reached(who) {
						continue
					}
					if !slices.ContainsFunc(given, func(g rampart.Approvals) bool { return satisfies(g, d.need) }) {
						require.Failf(t, "exposed with less consent", "%+v %s, without %+v, which %s would have asked for; given: %+v", who, when, d.need, d.phase, given)
					}
				}
			}
		}
		for at := 0; at < len(plan.Stages); at++ {
			for range random.IntN(3) {
				next := tampered(random, plan)
				if next = otherAudience(random, next); !widening(next) {
					continue // the plan would be refused as a whole
				}
				if got, err := plan.Amend(next, at-1); err == nil {
					amended++
					plan = got.Plan
					demands = append(demands, demandsOf(plan, at)...)
				}
			}
			if at >= len(plan.Stages) {
				break
			}
			if s := plan.Stages[at]; s.Approvals.Needed() > 0 {
				given = append(given, *s.Approvals)
			}
			consented(reach(plan, at), "is exposed in "+string(plan.Stages[at].Phase))
		}
		consented(func(person) bool { return true }, "is exposed when the launch has finished")
	}
	require.Greater(t, amended, 1000, "few amendments were accepted, so little was tried")
	require.Greater(t, exposed, 100_000)
}

// A demand stands in the way of everybody who is not exposed before its stage.
type demand struct {
	reached func(person) bool
	need    rampart.Approvals
	phase   rampart.Phase
}

// demandsOf are those of the stages that are yet to be entered.
func demandsOf(p rampart.Plan, from int) (all []demand) {
	for i, s := range p.Stages {
		if i >= from && s.Approvals.Needed() > 0 {
			all = append(all, demand{reached: reach(p, i-1), need: *s.Approvals, phase: s.Phase})
		}
	}
	return all
}

// A person is one of all who differ in what plans look at.
type person struct {
	bucket rampart.Percent
	plan   string // the attribute; empty: it is not known
	staff  bool
}

var people = func() (all []person) {
	for bucket := rampart.Percent(0); bucket < rampart.Full; bucket += 500 {
		for _, plan := range []string{"", "free", "pro", "team"} {
			all = append(all, person{bucket, plan, false}, person{bucket, plan, true})
		}
	}
	return all
}()

func (w person) meets(r rampart.Rule) bool {
	if r.Segment != "" {
		return w.staff && r.Segment == "staff"
	}
	return w.plan != "" && (slices.Contains(r.In, w.plan) || len(r.NotIn) > 0 && !slices.Contains(r.NotIn, w.plan))
}

// reach returns who is exposed by the end of a stage: as the documents say, which the
// launch writes from the plan.
func reach(p rampart.Plan, stage int) func(person) bool {
	stages := p.Stages[:stage+1]
	return func(w person) bool {
		for _, s := range stages {
			if slices.ContainsFunc(s.Include, w.meets) {
				return true
			}
			eligible := len(s.Where) == 0 || slices.ContainsFunc(s.Where, w.meets)
			for _, step := range s.Steps {
				if eligible && w.bucket < step.Percent {
					return true
				}
			}
		}
		return false
	}
}

// wheres are rules of where, from few to everybody: each takes in whom the one before does.
var wheres = [][]rampart.Rule{
	{{Attribute: "plan", In: []string{"team"}}},
	{{Attribute: "plan", In: []string{"team", "pro"}}},
	{{Attribute: "plan", NotIn: []string{"free"}}, {Segment: "staff"}},
	nil,
}

func randomAudiences(random *rand.Rand, p rampart.Plan) rampart.Plan {
	from := 0
	for i := range p.Stages {
		from += random.IntN(len(wheres) - from)
		p.Stages[i].Where, p.Stages[i].Include = wheres[from], randomInclude(random)
	}
	return p
}

func randomInclude(random *rand.Rand) []rampart.Rule {
	switch random.IntN(4) {
	case 0:
		return []rampart.Rule{{Segment: "staff"}}
	case 1:
		return []rampart.Rule{{Attribute: "plan", In: []string{[]string{"free", "pro", "team"}[random.IntN(3)]}}}
	}
	return nil
}

func otherAudience(random *rand.Rand, p rampart.Plan) rampart.Plan {
	i := random.IntN(len(p.Stages))
	switch random.IntN(3) {
	case 0:
		p.Stages[i].Where = wheres[random.IntN(len(wheres))]
	case 1:
		p.Stages[i].Include = randomInclude(random)
	}
	return p
}

// widening reports whether where never takes less in than the stage before.
func widening(p rampart.Plan) bool {
	level := func(s rampart.Stage) int {
		return slices.IndexFunc(wheres, func(w []rampart.Rule) bool { return reflect.DeepEqual(w, s.Where) })
	}
	return slices.IsSortedFunc(p.Stages, func(a, b rampart.Stage) int { return level(a) - level(b) })
}
