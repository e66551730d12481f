package rampart_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// amendable is the standard plan with the approvals that the examples have.
func amendable() rampart.Plan {
	p := rampart.Plan{Flag: "checkout-v2", Owner: "team-payments", Purpose: "One-page checkout", Stages: rampart.StandardStages()}
	p.Stages[2].Approvals = &rampart.Approvals{Groups: []string{"product", "engineering"}}
	return p.WithDefaults()
}

func TestWhatMayBeAmended(t *testing.T) {
	week := rampart.Duration(7 * 24 * time.Hour)
	max := 3.0
	threshold := rampart.Gate{Name: "db", Threshold: &rampart.Threshold{Query: "db", Max: &max}}
	for name, tt := range map[string]struct {
		entered int
		change  func(p *rampart.Plan)
		wrong   string // where
		changes []string
		voided  []rampart.Phase
	}{
		"nothing":                           {change: func(*rampart.Plan) {}, wrong: "stages"},
		"the flag":                          {change: func(p *rampart.Plan) { p.Flag = "other" }, wrong: "flag"},
		"the environment":                   {change: func(p *rampart.Plan) { p.Environment = "staging" }, wrong: "environment"},
		"the unit":                          {change: func(p *rampart.Plan) { p.Unit = rampart.Request }, wrong: "unit"},
		"the values":                        {change: func(p *rampart.Plan) { p.Values[1] = json.RawMessage(`"blue"`) }, wrong: "values"},
		"the error budget":                  {change: func(p *rampart.Plan) { p.Alpha = 1000 }, wrong: "alpha"},
		"more attempts, which share it":     {change: func(p *rampart.Plan) { p.Stages[4].OnBreach = &rampart.Policy{Action: rampart.ActStepBack} }, wrong: "stages"},
		"the holdout":                       {change: func(p *rampart.Plan) { p.Stages[4].Steps[0].Percent = 9900 }, wrong: "stages"},
		"the holdout, by leaving a stage":   {change: func(p *rampart.Plan) { p.Stages = p.Stages[:4] }, wrong: "stages"},
		"how a launch ends":                 {change: func(p *rampart.Plan) { p.Finish = &rampart.Finish{Percent: 9900} }, wrong: "finish.percent"},
		"a stage that is passed":            {entered: 1, change: func(p *rampart.Plan) { p.Stages[0].Steps[0].Hold = week }, wrong: "stages[0]"},
		"a stage that is passed, away":      {entered: 1, change: func(p *rampart.Plan) { p.Stages = p.Stages[1:] }, wrong: "stages[0]"},
		"the percent of the present stage":  {entered: 1, change: func(p *rampart.Plan) { p.Stages[1].Steps[2].Percent = 2000 }, wrong: "stages[1]"},
		"whom the present stage includes":   {entered: 1, change: func(p *rampart.Plan) { p.Stages[1].Include = []rampart.Rule{{Segment: "beta"}} }, wrong: "stages[1]"},
		"the hold of the present stage":     {entered: 1, change: func(p *rampart.Plan) { p.Stages[1].Steps[2].Hold = week }, changes: []string{"debug: steps"}, voided: []rampart.Phase{rampart.Debug}},
		"the gates of the present stage":    {entered: 1, change: func(p *rampart.Plan) { p.Stages[1].Gates = []rampart.Gate{threshold} }, changes: []string{"debug: gates"}, voided: []rampart.Phase{rampart.Debug}},
		"the steps of a stage to come":      {entered: 1, change: func(p *rampart.Plan) { p.Stages[3].Steps[0].Percent = 9000 }, changes: []string{"scalability: steps"}, voided: []rampart.Phase{rampart.Scalability}},
		"a stage to come, away":             {entered: 1, change: func(p *rampart.Plan) { p.Stages = slices.Delete(p.Stages, 3, 4) }, changes: []string{"scalability is left out", "learning: approvals"}, voided: []rampart.Phase{rampart.Learning}},
		"the calendar":                      {entered: 3, change: func(p *rampart.Plan) { p.Calendar = &rampart.Calendar{Zone: "UTC"} }, changes: []string{"calendar"}},
		"objectives, for which nobody asks": {entered: 1, change: func(p *rampart.Plan) { p.Stages[4].Objectives = []string{"more carts"} }, changes: []string{"learning: objectives"}},
		"the bake":                          {entered: 4, change: func(p *rampart.Plan) { p.Finish = &rampart.Finish{Percent: rampart.Full, Bake: week} }, changes: []string{"finish.bake"}, voided: []rampart.Phase{rampart.Learning}},
		"the gates of the plan, which watch the end": {entered: 3, change: func(p *rampart.Plan) {
			p.Gates = append(slices.Clone(p.Gates), threshold)
		}, changes: []string{"scalability: gates", "learning: gates", "gates"}, voided: []rampart.Phase{rampart.Scalability, rampart.Learning}},
	} {
		t.Run(name, func(t *testing.T) {
			next := amendable()
			next.Stages = slices.Clone(next.Stages)
			for i := range next.Stages {
				next.Stages[i].Steps = slices.Clone(next.Stages[i].Steps)
			}
			tt.change(&next)
			got, err := amendable().Amend(next.WithDefaults(), tt.entered)
			if tt.wrong != "" {
				var wrong rampart.Mistakes
				require.ErrorAs(t, err, &wrong)
				require.Equal(t, tt.wrong, wrong[0].Path, "%v", wrong)
				require.NotEmpty(t, wrong[0].Hint)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.changes, got.Changes)
			require.Equal(t, tt.voided, got.Voided)
		})
	}
}

func TestConsentCannotBeAmendedAway(t *testing.T) {
	both := []string{"product", "engineering"}
	for name, tt := range map[string]struct {
		entered int
		change  func(p *rampart.Plan)
		phase   rampart.Phase
		count   int
		groups  []string
	}{
		"asked of fewer people": {change: func(p *rampart.Plan) {
			p.Stages[2].Approvals = &rampart.Approvals{Count: 1}
			p.Hypothesis = "more carts"
		},
			phase: rampart.MaxPowerRamp, groups: both},
		"asked of more people": {change: func(p *rampart.Plan) { p.Stages[2].Approvals = &rampart.Approvals{Count: 3} },
			phase: rampart.MaxPowerRamp, groups: both, count: 3},
		"asked of another group": {change: func(p *rampart.Plan) { p.Stages[2].Approvals = &rampart.Approvals{Groups: []string{"legal"}} },
			phase: rampart.MaxPowerRamp, groups: []string{"legal", "product", "engineering"}},
		"in a stage that is left out": {change: func(p *rampart.Plan) { p.Stages = slices.Delete(p.Stages, 2, 3) },
			phase: rampart.Scalability, groups: both},
		"by exposing as much a stage earlier": {change: func(p *rampart.Plan) { p.Stages[1].Steps[2].Percent = 4000 },
			phase: rampart.Debug, groups: both},
		"by including whom the plan never had": {change: func(p *rampart.Plan) { p.Stages[1].Include = []rampart.Rule{{Segment: "everybody"}} },
			phase: rampart.Debug, groups: both},
		"in the present stage": {entered: 2, change: func(p *rampart.Plan) { p.Stages[2].Approvals = &rampart.Approvals{Count: 3} },
			phase: rampart.MaxPowerRamp, groups: both, count: 3},
	} {
		t.Run(name, func(t *testing.T) {
			next := amendable()
			next.Stages = slices.Clone(next.Stages)
			for i := range next.Stages {
				next.Stages[i].Steps = slices.Clone(next.Stages[i].Steps)
			}
			tt.change(&next)
			if tt.entered == 0 {
				tt.entered = -1
			}
			got, err := amendable().Amend(next, tt.entered)
			require.NoError(t, err)
			stage := got.Plan.Stages[got.Plan.StageOf(tt.phase)]
			require.Equal(t, tt.groups, stage.Approvals.Groups)
			require.Equal(t, tt.count, stage.Approvals.Count)
		})
	}
}

// Whoever has seen how the goals do may not choose them.
func TestGoalsStayAsTheyAreOnceTheRampHasBegun(t *testing.T) {
	next := amendable()
	next.Goals = []rampart.Goal{{Name: "checkouts", Improve: 200, Ratio: &rampart.Ratio{Events: "done_total", Of: "units_total"}}}
	ramp := next.StageOf(rampart.MaxPowerRamp)
	got, err := amendable().Amend(next, ramp-1)
	require.NoError(t, err)
	require.Contains(t, got.Changes, "goals")
	_, err = amendable().Amend(next, ramp)
	require.ErrorContains(t, err, "max-power-ramp has begun")

	next = amendable()
	next.NonInferior = true
	got, err = amendable().Amend(next, ramp-1)
	require.NoError(t, err)
	require.Contains(t, got.Changes, "nonInferiority")
	_, err = amendable().Amend(next, ramp)
	require.ErrorContains(t, err, "nonInferiority: cannot be amended: max-power-ramp has begun")
}

// A launch is walked by people who amend its plan again and again to have it exposed
// with less consent. Whatever they come to, everybody was asked whom any of the plans
// that were in force would have asked before it exposed as much.
func TestPlansAmendedAtRandomExposeNobodyWithLessConsent(t *testing.T) {
	random := rand.New(rand.NewPCG(20, 3))
	amended, entered := 0, 0
	for range 3000 {
		plan := randomPlan(random)
		var given []rampart.Approvals // consent, stage by stage, in full
		type demand struct {
			before rampart.Percent // what it stands in the way of: more than this
			need   rampart.Approvals
			phase  rampart.Phase
		}
		var demands []demand // of all the plans that were in force, for what they had not entered then
		demandOf := func(p rampart.Plan, from int) {
			var reached rampart.Percent
			for i, s := range p.Stages {
				if i >= from && s.Approvals.Needed() > 0 {
					demands = append(demands, demand{before: reached, need: *s.Approvals, phase: s.Phase})
				}
				for _, st := range s.Steps {
					reached = max(reached, st.Percent)
				}
			}
		}
		demandOf(plan, 0)
		for at := 0; at < len(plan.Stages); at++ {
			for range random.IntN(3) {
				got, err := plan.Amend(tampered(random, plan), at-1)
				if err != nil {
					continue
				}
				amended++
				plan = got.Plan
				demandOf(plan, at)
			}
			if at >= len(plan.Stages) {
				break
			}
			if s := plan.Stages[at]; s.Approvals.Needed() > 0 {
				given = append(given, *s.Approvals) // nobody enters with less than it asks for
			}
			entered++
			var reaches rampart.Percent
			for _, st := range plan.Stages[at].Steps {
				reaches = max(reaches, st.Percent)
			}
			for _, d := range demands {
				if d.before >= reaches {
					continue
				}
				require.True(t, slices.ContainsFunc(given, func(g rampart.Approvals) bool { return satisfies(g, d.need) }),
					"%s at %s was exposed without %+v, which %s would have asked for above %s; given: %+v", plan.Stages[at].Phase, reaches, d.need, d.phase, d.before, given)
			}
		}
	}
	require.Greater(t, amended, 3000, "few amendments were accepted, so little was tried")
	require.Greater(t, entered, 5000)
}

func satisfies(given, need rampart.Approvals) bool {
	for _, g := range need.Groups {
		if !slices.Contains(given.Groups, g) {
			return false
		}
	}
	return given.Needed() >= need.Needed()
}

func randomPlan(random *rand.Rand) rampart.Plan {
	p := rampart.Plan{Flag: "checkout-v2", Owner: "team", Purpose: "to try"}
	var percent rampart.Percent
	for _, phase := range rampart.Phases {
		if random.IntN(4) == 0 {
			continue
		}
		s := rampart.Stage{Phase: phase, Approvals: randomApprovals(random)}
		for range 1 + random.IntN(3) {
			percent = min(9500, percent+rampart.Percent(random.IntN(3000)))
			s.Steps = append(s.Steps, rampart.Step{Percent: percent, Hold: rampart.Duration(time.Hour)})
		}
		p.Stages = append(p.Stages, s)
	}
	if len(p.Stages) == 0 {
		return randomPlan(random)
	}
	return p.WithDefaults()
}

func randomApprovals(random *rand.Rand) *rampart.Approvals {
	switch random.IntN(4) {
	case 0:
		return &rampart.Approvals{Count: random.IntN(4)}
	case 1:
		groups := []string{"product", "engineering", "legal"}
		return &rampart.Approvals{Groups: groups[random.IntN(2) : 2+random.IntN(2)]}
	}
	return &rampart.Approvals{}
}

// tampered is a plan of somebody who wants to get on.
func tampered(random *rand.Rand, was rampart.Plan) rampart.Plan {
	next := was
	next.Stages = slices.Clone(was.Stages)
	for i := range next.Stages {
		next.Stages[i].Steps = slices.Clone(next.Stages[i].Steps)
	}
	for range 1 + random.IntN(3) {
		i := random.IntN(len(next.Stages))
		s := &next.Stages[i]
		switch random.IntN(6) {
		case 0:
			s.Approvals = randomApprovals(random)
		case 1:
			s.Approvals = &rampart.Approvals{}
		case 2: // more, earlier
			s.Steps[len(s.Steps)-1].Percent = min(9500, s.Steps[len(s.Steps)-1].Percent+rampart.Percent(random.IntN(4000)))
		case 3: // as much as the plan ever exposes
			for _, o := range was.Stages {
				for _, st := range o.Steps {
					s.Steps[len(s.Steps)-1].Percent = max(s.Steps[len(s.Steps)-1].Percent, st.Percent)
				}
			}
		case 4:
			if len(next.Stages) > 1 {
				next.Stages = slices.Delete(next.Stages, i, i+1)
			}
		case 5: // a stage between
			for _, phase := range rampart.Phases {
				at := slices.IndexFunc(next.Stages, func(o rampart.Stage) bool { return o.Phase.Index() >= phase.Index() })
				if at >= 0 && next.Stages[at].Phase != phase && random.IntN(2) == 0 {
					next.Stages = slices.Insert(next.Stages, at, rampart.Stage{Phase: phase, OnBreach: &rampart.Policy{Action: rampart.ActTurnBack},
						Approvals: randomApprovals(random), Steps: []rampart.Step{{Percent: rampart.Percent(random.IntN(9500)), Hold: rampart.Duration(time.Hour)}}})
					break
				}
			}
		}
	}
	return next
}

func ExamplePlan_Amend() {
	was := rampart.Plan{Flag: "checkout-v2", Owner: "team-payments", Purpose: "One-page checkout"}.WithDefaults()
	next := was
	next.Stages = slices.Clone(was.Stages)
	next.Stages[2].Approvals = &rampart.Approvals{} // nobody is to be asked any more
	next.Stages[2].Steps = []rampart.Step{{Percent: 5000, Hold: rampart.Duration(14 * 24 * time.Hour)}}
	got, err := was.Amend(next, 1)
	fmt.Println(got.Changes, err)
	fmt.Println(got.Plan.Stages[2].Phase, "asks", got.Plan.Stages[2].Approvals.Count)
	// Output:
	// [max-power-ramp: steps] <nil>
	// max-power-ramp asks 1
}
