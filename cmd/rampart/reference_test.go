package main

import (
	"encoding"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/starter"
)

// answers are what commands print with -o json.
var answers = map[string]reflect.Type{
	"rampart setup":             reflect.TypeFor[starter.Ready](),
	"rampart sweep":             reflect.TypeFor[allowed](),
	"rampart version":           reflect.TypeFor[build](),
	"rampart plan check":        reflect.TypeFor[checked](),
	"rampart plan power":        reflect.TypeFor[powered](),
	"rampart telemetry check":   reflect.TypeFor[gates.Telemetry](),
	"rampart plan show":         reflect.TypeFor[rampart.Plan](),
	"rampart simulate":          reflect.TypeFor[simulated](),
	"rampart start":             reflect.TypeFor[begun](),
	"rampart list":              reflect.TypeFor[[]starter.Row](),
	"rampart status":            reflect.TypeFor[status](),
	"rampart watch":             reflect.TypeFor[rampart.Progress](),
	"rampart why":               reflect.TypeFor[starter.Account](),
	"rampart evidence":          reflect.TypeFor[starter.Evidence](),
	"rampart approve":           reflect.TypeFor[starter.Consent](),
	"rampart reject":            reflect.TypeFor[asked](),
	"rampart pause":             reflect.TypeFor[asked](),
	"rampart resume":            reflect.TypeFor[asked](),
	"rampart advance":           reflect.TypeFor[asked](),
	"rampart acknowledge":       reflect.TypeFor[asked](),
	"rampart amend":             reflect.TypeFor[rampart.Amended](),
	"rampart turn-back":         reflect.TypeFor[asked](),
	"rampart kill":              reflect.TypeFor[killed](),
	"rampart restore":           reflect.TypeFor[rampart.Flag](),
	"rampart flag create":       reflect.TypeFor[rampart.Flag](),
	"rampart flag set":          reflect.TypeFor[rampart.Flag](),
	"rampart flag disable":      reflect.TypeFor[rampart.Flag](),
	"rampart flag get":          reflect.TypeFor[flagstore.Entry](),
	"rampart flag list":         reflect.TypeFor[[]flagstore.Entry](),
	"rampart flag history":      reflect.TypeFor[[]rampart.Event](),
	"rampart flag decide":       reflect.TypeFor[decided](),
	"rampart flag readers":      reflect.TypeFor[listedReaders](),
	"rampart segment apply":     reflect.TypeFor[rampart.Segment](),
	"rampart segment get":       reflect.TypeFor[rampart.Segment](),
	"rampart segment list":      reflect.TypeFor[[]rampart.Segment](),
	"rampart console token new": reflect.TypeFor[madeToken](),
}

// TestReference holds docs/reference/cli.md to the commands: what stands there
// between the marks is written anew with -update.
func TestReference(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "reference", "cli.md")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var commands, shapes strings.Builder
	r := shaper{seen: map[reflect.Type]bool{}}
	describe(t, &commands, (&app{}).command(), &r)
	for len(r.queue) > 0 {
		next := r.queue[0]
		r.queue = r.queue[1:]
		fmt.Fprintf(&shapes, "### %s\n\n```\n%s\n```\n\n", r.name(next), r.object(next))
	}
	got := between(t, string(text), "commands", commands.String())
	got = between(t, got, "shapes", shapes.String())
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	require.Equal(t, got, string(text), "write it anew with: go test ./cmd/rampart -run Reference -update")
}

// between replaces what stands between two marks.
func between(t *testing.T, text, mark, content string) string {
	t.Helper()
	begin, end := "<!-- "+mark+" -->\n", "<!-- end of "+mark+" -->"
	head, rest, ok := strings.Cut(text, begin)
	require.True(t, ok, "there is a mark %s", begin)
	_, tail, ok := strings.Cut(rest, end)
	require.True(t, ok, "there is a mark %s", end)
	return head + begin + content + end + tail
}

// describe writes a command and those below it.
func describe(t *testing.T, b *strings.Builder, c *cobra.Command, r *shaper) {
	t.Helper()
	if c.HasParent() && c.Runnable() && (!c.HasAvailableSubCommands() || c.LocalFlags().HasAvailableFlags()) {
		fmt.Fprintf(b, "### %s\n\n", c.CommandPath())
		if c.Long != "" {
			fmt.Fprintf(b, "%s\n\n", strings.ReplaceAll(c.Long, "\n  ", "\n    "))
		} else {
			fmt.Fprintf(b, "%s.\n\n", c.Short)
		}
		fmt.Fprintf(b, "```\n%s\n```\n\n", c.UseLine())
		flags(b, c)
		if c.Flags().Lookup("output") != nil {
			shape := answers[c.CommandPath()]
			require.NotNil(t, shape, "%s can answer as JSON: say with what, in answers", c.CommandPath())
			fmt.Fprintf(b, "`-o json`: %s\n\n", r.of(shape))
		}
		if c.HasExample() {
			fmt.Fprintf(b, "```console\n%s\n```\n\n", strings.ReplaceAll(strings.TrimPrefix(c.Example, "  "), "\n  ", "\n"))
		}
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" && sub.Name() != "completion" {
			describe(t, b, sub, r)
		}
	}
}

func flags(b *strings.Builder, c *cobra.Command) {
	var rows []string
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Name == "output" || f.Hidden {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		standard := ""
		if v := f.DefValue; v != "" && v != "[]" && v != "0" && f.Value.Type() != "bool" {
			standard = "`" + f.DefValue + "`"
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |", name, standard, f.Usage))
	})
	if c.CommandPath() == "rampart worker" {
		fmt.Fprint(b, "Its flags are those of [the worker's configuration](configuration.md#the-worker).\n\n")
	} else if len(rows) > 0 {
		fmt.Fprintf(b, "| flag | default | meaning |\n|---|---|---|\n%s\n\n", strings.Join(rows, "\n"))
	}
}

// shaper writes the shapes of JSON documents, each type once.
type shaper struct {
	seen  map[reflect.Type]bool
	queue []reflect.Type
}

// of names the shape of a type, in the order of what is met first.
func (r *shaper) of(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[rampart.Plan]():
		return "[a plan](plan.md), with its defaults where they are known"
	case t == reflect.TypeFor[json.RawMessage]():
		return "any JSON"
	case t == reflect.TypeFor[rampart.Percent]():
		return "percent"
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return map[bool]string{true: "duration", false: "text"}[t == reflect.TypeFor[rampart.Duration]()]
	}
	switch t.Kind() {
	case reflect.Pointer:
		return r.of(t.Elem())
	case reflect.Slice:
		return "list of " + r.of(t.Elem())
	case reflect.Struct:
		if !r.seen[t] {
			r.seen[t] = true
			r.queue = append(r.queue, t)
		}
		return fmt.Sprintf("[%s](#%s)", r.name(t), r.name(t))
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float64:
		return "number"
	}
	return "whole number"
}

func (*shaper) name(t reflect.Type) string { return strings.ToLower(t.Name()) }

// object writes the fields of a struct, those of embedded ones among them.
func (r *shaper) object(t reflect.Type) string {
	var lines []string
	for f := range fieldsOf(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		kind := r.of(f.Type)
		if i := strings.Index(kind, "["); i >= 0 { // no links within a block of code
			kind = kind[:i] + strings.TrimSuffix(strings.NewReplacer("[", "", "](plan.md)", "").Replace(strings.Split(kind[i:], "](#")[0]), ")")
		}
		if strings.HasPrefix(options, "omit") {
			kind += ", or absent"
		}
		lines = append(lines, fmt.Sprintf("%-18s %s", name, kind))
	}
	return strings.Join(lines, "\n")
}

// fieldsOf yields the fields that JSON sees.
func fieldsOf(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Anonymous && f.Tag.Get("json") == "" {
				for inner := range fieldsOf(f.Type) {
					if !yield(inner) {
						return
					}
				}
				continue
			}
			if !yield(f) {
				return
			}
		}
	}
}
