package planfile_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/planfile"
)

func TestSchemaIsPublished(t *testing.T) {
	requireGolden(t, "../docs/reference/plan.schema.json", planfile.Schema())
}

func TestSchemaAcceptsEveryExample(t *testing.T) {
	schema := compile(t)
	plans, err := filepath.Glob(examples + "*.yaml")
	require.NoError(t, err)
	require.Len(t, plans, 4)
	for _, path := range plans {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, schema.Validate(instance(t, data)), path)
	}
	require.NoError(t, schema.Validate(instance(t, []byte(planfile.Template("a", "b", "c")))))
}

func TestSchemaAcceptsWhatTheProgramWrites(t *testing.T) {
	for _, name := range []string{"checkout-v2", "minimal", "express", "seconds"} {
		plan, _, err := planfile.Read(examples + name + ".yaml")
		require.NoError(t, err)
		b, err := json.Marshal(plan.WithDefaults())
		require.NoError(t, err)
		require.NoError(t, compile(t).Validate(instance(t, b)), name)
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema := compile(t)
	for name, text := range map[string]string{
		"an unknown key": "colour: red", "a gate of no kind": "gates: [{name: a}]", "a phase that does not exist": "stages: [{phase: canary}]",
		"a gate of two kinds": "gates: [{name: a, count: {events: b}, latency: {histogram: c}}]", "a hold in words": "every: soon",
		"a percentage too fine": "alpha: 0.001%", "a threshold without bounds": "gates: [{name: a, threshold: {query: b}}]",
		"an unknown action": "stages: [{phase: debug, onBreach: explode}]", "an empty list": "notify: []", "a third value": "values: [1, 2, 3]",
	} {
		require.Error(t, schema.Validate(instance(t, []byte(required+text+"\n"))), name)
	}
}

// The keys of the schema and the keys that are read are the same, all the way down.
func TestSchemaHasTheKeysOfThePlan(t *testing.T) {
	var root map[string]any
	require.NoError(t, json.Unmarshal(planfile.Schema(), &root))
	seen := map[reflect.Type]bool{}
	var compare func(path string, typ reflect.Type, schema map[string]any)
	compare = func(path string, typ reflect.Type, schema map[string]any) {
		schema = resolve(t, root, schema)
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ == reflect.TypeFor[json.RawMessage]() {
			return
		}
		if typ.Kind() == reflect.Slice {
			if items, ok := schema["items"].(map[string]any); ok {
				compare(path+"[]", typ.Elem(), items)
			} else {
				require.Equal(t, reflect.TypeFor[json.RawMessage](), typ.Elem(), path)
			}
			return
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		properties, _ := schema["properties"].(map[string]any)
		require.ElementsMatch(t, keys(typ), slices.Collect(maps.Keys(properties)), path)
		require.Equal(t, false, schema["additionalProperties"], path)
		for i, key := range keys(typ) {
			compare(path+"."+key, typ.Field(i).Type, properties[key].(map[string]any))
		}
	}
	compare("plan", reflect.TypeFor[rampart.Plan](), root)
	require.Len(t, seen, 27, "every type of a plan was compared")
}

func keys(typ reflect.Type) []string {
	var keys []string
	for i := range typ.NumField() {
		key, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		keys = append(keys, key)
	}
	return keys
}

// resolve follows a reference, and takes the object where there is a shorthand too.
func resolve(t *testing.T, root, schema map[string]any) map[string]any {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		def, ok := root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		require.True(t, ok, ref)
		return resolve(t, root, def)
	}
	if variants, ok := schema["anyOf"].([]any); ok && schema["type"] == nil {
		for _, s := range variants {
			if s := s.(map[string]any); s["type"] == "object" {
				return s
			}
		}
	}
	return schema
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(planfile.Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("plan.schema.json", doc))
	schema, err := c.Compile("plan.schema.json")
	require.NoError(t, err)
	return schema
}

func instance(t *testing.T, plan []byte) any {
	t.Helper()
	b, err := yaml.YAMLToJSON(plan)
	require.NoError(t, err)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	require.NoError(t, err)
	return v
}

func TestReferenceMentionsEveryKey(t *testing.T) {
	page, err := os.ReadFile("../docs/reference/plan.md")
	require.NoError(t, err)
	var root struct {
		Properties map[string]any
		Defs       map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(planfile.Schema(), &root))
	all := slices.Collect(maps.Keys(root.Properties))
	for _, def := range root.Defs {
		all = slices.AppendSeq(all, maps.Keys(def.Properties))
	}
	for _, key := range all {
		require.Regexp(t, `\b`+key+`\b`, string(page), "docs/reference/plan.md says nothing of %s", key)
	}
}
