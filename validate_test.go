package rampart_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// A mistaken case changes a plan that has neither errors nor warnings, so that
// exactly one thing is wrong with it.
type mistaken struct {
	name   string
	change func(*rampart.Plan)
	path   string
	msg    string // a part of it
}

func TestEveryError(t *testing.T) {
	for _, cases := range [][]mistaken{identityErrors, stageErrors, ruleErrors, gateErrors, calendarErrors, policyErrors} {
		for _, tt := range cases {
			t.Run(tt.name, func(t *testing.T) { requireOne(t, tt, false) })
		}
	}
}

func TestEveryWarning(t *testing.T) {
	for _, tt := range warnings {
		t.Run(tt.name, func(t *testing.T) { requireOne(t, tt, true) })
	}
}

func TestPlansWithoutMistakes(t *testing.T) {
	require.Empty(t, everything().Validate().Errors())
	require.Empty(t, flawless().Validate())
}

func requireOne(t *testing.T, tt mistaken, warning bool) {
	t.Helper()
	p := flawless()
	tt.change(&p)
	found := p.Validate()
	require.Len(t, found, 1, "%v", found)
	require.Equal(t, tt.path, found[0].Path)
	require.Contains(t, found[0].Msg, tt.msg)
	require.NotEmpty(t, found[0].Hint, "what to do instead")
	require.Equal(t, warning, found[0].Warning)
}

// flawless is a plan of all five phases without a warning.
func flawless() rampart.Plan {
	p := minimal()
	p.RetireBy = "2027-03-31"
	p.Gates = append(rampart.StandardGates(), threshold("up"))
	p.Stages = rampart.StandardStages()
	p.Stages[4].Objectives = []string{"Repeat purchases"}
	return p
}

func set[T any](at func(*rampart.Plan) *T, v T) func(*rampart.Plan) {
	return func(p *rampart.Plan) { *at(p) = v }
}

func gate(change func(*rampart.Gate)) func(*rampart.Plan) {
	return func(p *rampart.Plan) { change(&p.Gates[0]) }
}

// kind puts a gate of one kind beside the others.
func kind(g rampart.Gate) func(*rampart.Plan) {
	g.Name = "extra"
	return func(p *rampart.Plan) { p.Gates = append(p.Gates, g) }
}

func stage(i int, change func(*rampart.Stage)) func(*rampart.Plan) {
	return func(p *rampart.Plan) { change(&p.Stages[i]) }
}

func steps(i int, list ...rampart.Step) func(*rampart.Plan) {
	return stage(i, func(s *rampart.Stage) { s.Steps = list })
}

func raw(values ...string) []json.RawMessage {
	var out []json.RawMessage
	for _, v := range values {
		out = append(out, json.RawMessage(v))
	}
	return out
}

func TestAStepThatExposesNobodyIsWarnedOf(t *testing.T) {
	p := flawless()
	p.Stages = p.Stages[1:] // nobody is included
	p.Stages[0].Steps = []rampart.Step{{Percent: 0, Hold: day}, {Percent: 1000, Hold: day}}
	require.Contains(t, p.Validate(), rampart.Mistake{
		Path: "stages[0].steps[0]", Msg: "exposes nobody", Hint: "expose a percentage, or include a segment", Warning: true,
	})
}

func TestPhasesOutOfOrder(t *testing.T) {
	p := flawless()
	p.Stages[1].Phase, p.Stages[2].Phase = p.Stages[2].Phase, p.Stages[1].Phase
	require.Equal(t, "stages[2].phase", p.Validate().Errors()[0].Path)
	require.Equal(t, "debug comes before max-power-ramp", p.Validate().Errors()[0].Msg)
}

func TestWhoIsEligibleMayWiden(t *testing.T) {
	attribute := func(name string, in, notIn []string) rampart.Rule {
		return rampart.Rule{Attribute: name, In: in, NotIn: notIn}
	}
	eu, us := []string{"eu"}, []string{"us"}
	both := []string{"eu", "us"}
	tests := []struct {
		name          string
		before, after []rampart.Rule
		widens        bool
	}{
		{"to everybody", region("eu"), nil, true},
		{"from everybody", nil, region("eu"), false},
		{"not at all", region("eu"), region("eu"), true},
		{"to more values", region("eu"), region("us", "eu"), true},
		{"to other values", region("eu"), region("us"), false},
		{"to two rules that together take in the values", region("eu", "us"), append(region("eu"), region("us")...), true},
		{"to another attribute", region("eu"), []rampart.Rule{attribute("zone", eu, nil)}, false},
		{"to another rule beside it", region("eu"), append(region("eu"), rampart.Rule{Segment: "beta"}), true},
		{"to all but other values", region("eu"), []rampart.Rule{attribute("region", nil, us)}, true},
		{"to all but these values", region("eu"), []rampart.Rule{attribute("region", nil, eu)}, false},
		{"to all but fewer values", []rampart.Rule{attribute("region", nil, both)}, []rampart.Rule{attribute("region", nil, us)}, true},
		{"to all but more values", []rampart.Rule{attribute("region", nil, us)}, []rampart.Rule{attribute("region", nil, both)}, false},
		{"to all but more values, which another rule takes in", []rampart.Rule{attribute("region", nil, us)},
			append(region("eu"), attribute("region", nil, both)), true},
		{"from all but some to some", []rampart.Rule{attribute("region", nil, us)}, region("eu"), false},
		{"to another segment", []rampart.Rule{{Segment: "beta"}}, []rampart.Rule{{Segment: "internal"}}, false},
		{"to more keys", []rampart.Rule{{Keys: eu}}, []rampart.Rule{{Keys: both}}, true},
		{"to fewer keys", []rampart.Rule{{Keys: both}}, []rampart.Rule{{Keys: eu}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := flawless()
			p.Stages[1].Where, p.Stages[2].Where = tt.before, tt.after
			require.Equal(t, tt.widens, len(p.Validate()) == 0, "%v", p.Validate())
		})
	}
}

func TestSelectorsThatAreFine(t *testing.T) {
	for _, s := range []string{
		"a_total", ":recorded:rule", " a_total ", "a{}", `a{x="y"}`, `a { x = "y" , z!="" , }`, `a{x=~"5..|4.."}`, `a{x='single'}`,
		`a{x="with \"quotes\" and }"}`, `a{x="(["}`, `a{x=~"a\\.b"}`,
	} {
		p := flawless()
		p.Gates[0].Ratio.Events = s
		require.Empty(t, p.Validate(), s)
	}
}

func TestQueriesThatAreFine(t *testing.T) {
	for _, q := range []string{`sum(rate(x{a="("}[5m])) # ) a comment (` + "\n / 2", "x{a=`\\`}", `x{a='"'}`} {
		p := flawless()
		p.Gates[3].Threshold.Query = q
		require.Empty(t, p.Validate(), q)
	}
}

func TestCalendarsThatAreFine(t *testing.T) {
	for _, promote := range []string{"", "mon-thu 09:00-16:00", "mon,wed 10:00-12:00", "sun 00:00-24:00", "mon-tue,thu-fri 08:30-17:45"} {
		p := flawless()
		p.Calendar = &rampart.Calendar{Zone: "Europe/Berlin", Promote: promote}
		require.Empty(t, p.Validate(), promote)
	}
}
