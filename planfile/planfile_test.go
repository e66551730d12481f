package planfile_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/planfile"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

const examples = "../examples/plans/"

func TestTheDesignsExampleHasNoMistakes(t *testing.T) {
	plan, file, err := planfile.Read(examples + "checkout-v2.yaml")
	require.NoError(t, err)
	require.Empty(t, file.Warnings)
	require.Equal(t, rampart.Percent(200), plan.Goals[0].Improve)
	require.Equal(t, &rampart.Policy{Action: rampart.ActHold}, plan.Stages[3].Gates[0].OnBreach)
	require.Equal(t, &rampart.Approvals{Count: 1}, plan.Stages[3].Approvals)
	require.NotContains(t, plan.Gates[2].Threshold.Query, "\n")
}

func TestTheOtherExamplesHaveNoMistakes(t *testing.T) {
	for name, warnings := range map[string]int{"minimal": 2, "express": 0, "seconds": 7} {
		t.Run(name, func(t *testing.T) {
			_, file, err := planfile.Read(examples + name + ".yaml")
			require.NoError(t, err)
			require.Len(t, file.Warnings, warnings)
		})
	}
}

func TestEveryMistakeAtOnce(t *testing.T) {
	_, _, err := planfile.Read("testdata/broken.yaml")
	var e *planfile.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
	var out bytes.Buffer
	require.NoError(t, planfile.Format(&out, e.Mistakes))
	requireGolden(t, "testdata/broken.txt", out.Bytes())
	for _, m := range e.Mistakes {
		require.NotEmpty(t, m.Hint, m)
	}
}

func TestAWarningHasItsPlace(t *testing.T) {
	plan := required + `stages:
  - phase: max-power-ramp
    steps:
      - percent: 50
        hold: 3d
`
	_, file, err := planfile.Parse("plan.yaml", []byte(plan))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, planfile.Format(&out, file.Warnings))
	require.Contains(t, out.String(), `plan.yaml:8:9: stages[0].steps[0].hold: 3d is short of a week
    hint: traffic differs by weekday; use 7d, or accept the warning
`)
}

// required is what every plan must say.
const required = "flag: checkout-v2\nowner: team-payments\npurpose: One-page checkout\n"

func TestWhatIsNoPlan(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"nothing", "", "p:1:1: the plan is empty"},
		{"only a comment", "# later\n", "p:1:1: the plan is empty"},
		{"a document of nothing", "---\n", "p:1:1: the plan is empty"},
		{"two documents", required + "---\n" + required, "p:4:1: the file holds more than one document"},
		{"a word", "checkout", "p:1:1: is a text; a map is wanted"},
		{"a list", "- flag: a\n", "p:1:1: is a list; a map is wanted"},
		{"an open bracket", "flag: [a", "p:1:7: sequence end token ']' not found"},
		{"an open quote", "flag: a\nowner: 'b", "p:2:8: could not find end character of single-quoted text"},
		{"a tab", required + "\tevery: 1m", "p:4:"},
		{"an anchor", required + "stages: &s\n- phase: debug\n", "p:4:9: an anchor is not read in plans"},
		{"an alias", required + "notify: *n\n", "p:4:9: an alias is not read in plans"},
		{"a bomb", "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n", "p:1:4: an anchor is not read in plans"},
		{"a merge key", required + "stages:\n- <<: {phase: debug}\n", "p:5:3: a merge key is not read in plans"},
		{"a tag", required + "values: [!!str 1, 2]\n", "p:4:10: a tag is not read in plans"},
		{"a directive", "%YAML 1.1\n---\n" + required, "p:1:1: a directive is not read in plans"},
		{"not UTF-8", "flag: \xff", "p:1:1: the file is not UTF-8"},
		{"a control character", "flag: a\nowner: \x1b[31m", "p:2:1: has a control character"},
		{"too much", strings.Repeat("#", planfile.MaxBytes+1), "p:1:1: the file is longer than 256 KiB"},
		{"too many keys", strings.Repeat("a: 1\n", 6000), "has more than 5000 keys"},
		{"lists too deep", "a: " + strings.Repeat("[", 10000), "nested deeper than 32 levels"},
		{"maps too deep", strings.Repeat("{a: ", 10000), "nested deeper than 32 levels"},
		{"dashes too deep", strings.Repeat("- ", 10000), "nested deeper than 32 levels"},
		{"a key that is a list", "? [a]\n: b\n", "p:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, _, err := planfile.Parse("p", []byte(tt.text))
			var e *planfile.Error
			require.ErrorAs(t, err, &e)
			require.Contains(t, e.Mistakes[0].String(), tt.want)
			require.NotEmpty(t, e.Mistakes[0].Hint)
			require.Empty(t, plan.Flag, "what has no syntax is not judged any further")
		})
	}
}

func TestYAMLIsThatOf2009(t *testing.T) {
	plan, _, err := planfile.Parse("p", []byte("\ufeff"+required+`
values: [off, {on: yes, no: 012, "n": 1_000, x: 0x1F, y: ~, z: 1e3, w: "7", v: 12345678901234567890}]
notify: [y, on]
stages:
- phase: debug
  where: [{attribute: country, in: [no, de, "42"]}]
- phase: learning
`))
	require.NoError(t, err)
	require.JSONEq(t, `"off"`, string(plan.Values[0]))
	require.Equal(t, `{"n":"1_000","no":12,"on":"yes","v":12345678901234567890,"w":"7","x":31,"y":null,"z":1e3}`, string(plan.Values[1]))
	require.Equal(t, []string{"y", "on"}, plan.Notify)
	require.Equal(t, []string{"no", "de", "42"}, plan.Stages[0].Where[0].In)
}

func TestJSONIsYAML(t *testing.T) {
	want, _, err := planfile.Read(examples + "checkout-v2.yaml")
	require.NoError(t, err)
	b, err := json.Marshal(want)
	require.NoError(t, err)
	got, _, err := planfile.Parse("plan.json", b)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestValuesOfKeys(t *testing.T) {
	tests := []struct {
		name, text, want string // the only error; none where it is empty
	}{
		{"a percentage with its sign", "alpha: 2%", ""},
		{"a percentage in quotes", `alpha: "2"`, ""},
		{"a hold of nothing", "shadow: 0", ""},
		{"a parachute that nobody needs", "parachute: {share: 0}", ""},
		{"no approvals", "stages: [{phase: max-power-ramp, approvals: 0}]", ""},
		{"an action alone", "stages: [{phase: debug, onBreach: hold}]", ""},
		{"a policy in full", "stages: [{phase: debug, onBreach: {action: step-back, attempts: 2}}]", ""},
		{"an empty list", "notify: []", "p:4:1: notify: is an empty list, which says nothing"},
		{"no value", "stages:", "p:4:1: stages: has no value"},
		{"null", "every: ~", "p:4:1: every: has no value"},
		{"null in a list", "notify: [~]", "p:4:10: notify[0]: has no value"},
		{"a number for a text", "hypothesis: 7", "p:4:1: hypothesis: is a number; a text is wanted"},
		{"a boolean for a text", "hypothesis: true", "p:4:1: hypothesis: is a boolean; a text is wanted"},
		{"a list for a text", "hypothesis: [a]", "p:4:1: hypothesis: is a list; a text is wanted"},
		{"a map for a list", "notify: {a: b}", "p:4:1: notify: is a map; a list is wanted"},
		{"a text for a map", "finish: soon", "p:4:1: finish: is a text; a map is wanted"},
		{"a number for a duration", "every: 30", "p:4:1: every: 30 has no unit"},
		{"a fraction of a duration", "every: 1.5h", `p:4:1: every: "1.5h" is not a duration`},
		{"an interval of nothing", "every: 0s", "p:4:1: every: 0 is not possible here"},
		{"an error budget of nothing", "alpha: 0", "p:4:1: alpha: 0 is not possible here"},
		{"a percentage too fine", "alpha: 5.001", "p:4:1: alpha: 5.001 % is finer than 0.01 %"},
		{"a percentage without end", "alpha: .inf", "p:4:1: alpha: is not a finite number; a percentage is wanted"},
		{"half a person", "stages: [{phase: debug, approvals: 1.5}]", "p:4:25: stages[0].approvals: is a number; a whole number is wanted"},
		{"very many people", "stages: [{phase: debug, approvals: 99999999999}]", "stages[0].approvals: 99999999999 is too large"},
		{"yes for true", "stages: [{phase: debug, recommend: yes}]", "stages[0].recommend: is a text; a boolean is wanted"},
		{"a value without end", "values: [1, .inf]", "p:4:13: values[1]: is not a finite number, which JSON does not have"},
		{"a value with a key twice", "values: [1, {a: 1, a: 2}]", "p:4:20: values[1].a: is repeated"},
		{"a repeated key", "flag: other", "p:4:1: flag: is repeated"},
		{"an unknown key", "stagse: [{phase: debug}]", "p:4:1: stagse: is not a key of a plan here"},
		{"an unknown key that colours terminals", `"\e[31m": 1`, `p:4:1: "\x1b[31m": is not a key of a plan here`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := planfile.Parse("p", []byte(required+tt.text+"\n"))
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			var e *planfile.Error
			require.ErrorAs(t, err, &e)
			require.Contains(t, err.Error(), tt.want)
			require.NotContains(t, err.Error(), "\n", "one mistake, one error")
			require.NotEmpty(t, e.Mistakes[0].Hint)
		})
	}
}

func TestUnknownKeysAreGuessed(t *testing.T) {
	for key, hint := range map[string]string{
		"owners": "did you mean owner?", "Flag": "did you mean flag?", "retire_by": "did you mean retireBy?", "satges": "did you mean stages?",
		"rhythm": "keys here are flag, owner, purpose",
	} {
		_, _, err := planfile.Parse("p", []byte(required+key+": x\n"))
		var e *planfile.Error
		require.ErrorAs(t, err, &e)
		require.Contains(t, e.Mistakes[0].Hint, hint)
	}
}

func TestABadScalarDoesNotHideTheNextMistake(t *testing.T) {
	_, _, err := planfile.Parse("p", []byte("flag: A\nowner: 1\npurpose: x\nevery: soon\nalpha: 5.001\n"))
	require.Equal(t, `p:1:1: flag: "A" is not a name for a flag
p:2:1: owner: is a number; a text is wanted
p:4:1: every: "soon" is not a duration
p:5:1: alpha: 5.001 % is finer than 0.01 %`, err.Error())
}

func TestPlansThatAreNotThere(t *testing.T) {
	_, _, err := planfile.Read("testdata/absent.yaml")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
	require.Contains(t, rampart.HintOf(err), "rampart plan new")

	_, _, err = planfile.Read(t.TempDir())
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
}

func TestTemplateIsAPlan(t *testing.T) {
	for name, text := range map[string]string{
		"plain": "One-page checkout", "quotes": `"One" page 'checkout'`, "a comment": "One page # two", "a colon": "Checkout: one page",
		"a country": "no", "a number": "42", "other letters": "Kasse für alle & <jeden>", "a list": "- a", "two lines": "a\nb", "a key": "a:",
	} {
		t.Run(name, func(t *testing.T) {
			plan, _, err := planfile.Parse("plan.yaml", []byte(planfile.Template("checkout-v2", "team-payments", text)))
			require.NoError(t, err)
			require.Equal(t, text, plan.Purpose)

			standard := rampart.Plan{Flag: "checkout-v2", Owner: "team-payments", Purpose: text}.WithDefaults()
			standard.Profile = ""
			require.Equal(t, standard, plan.WithDefaults(), "it writes out what applies anyway")
		})
	}
}

func FuzzParse(f *testing.F) {
	plans, err := filepath.Glob(examples + "*.yaml")
	require.NoError(f, err)
	for _, path := range append(plans, "testdata/broken.yaml") {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data)
	}
	for _, text := range []string{
		"", "a", "- a", "{", "? a\n: b", "a: |\n b\n", "a: >-\n b\n\n c", required + "values: [a, [b, {c: d}]]", "\x00", "\r\n", "---\n...\n---\n",
		required + "stages: [[[{}]]]", required + "gates: [{}, 1, ~]", required + "stages: [{steps: [{percent: 1e400, hold: 99999999d}]}]", "a: 'x\n\ny'",
		"flag: !!binary x", "a:\n\t- b", "\"a\\u0000b\": c", "- - - a", "a: b: c", "<<: a", "a: *a", "&a a: b", ": a", "a:\n  - b\n - c",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		plan, file, err := planfile.Parse("p", data)
		mistakes := file.Warnings
		if err != nil {
			var e *planfile.Error
			require.ErrorAs(t, err, &e)
			require.NotEmpty(t, err.Error())
			mistakes = e.Mistakes
		}
		lines := bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")) + 1
		for _, m := range mistakes {
			require.True(t, m.Line >= 1 && m.Line <= lines+1 && m.Column >= 1, "%s has no place in %d lines", m, lines)
		}
		if err != nil {
			return
		}
		b, err := json.Marshal(plan)
		require.NoError(t, err)
		var arrived rampart.Plan
		require.NoError(t, json.Unmarshal(b, &arrived))
		require.Equal(t, plan, arrived)
		require.Empty(t, plan.WithDefaults().Validate().Errors())
	})
}

func requireGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "write it with: go test ./planfile -update")
}
