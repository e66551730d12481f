//go:build mutants

package workflows_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// patience is how many launches the model may need to find a mutant. Most take less
// than a hundred; consent that outlives a hold takes two thousand.
const patience = "20000"

// TestMutants holds the model to its promise: each mutant is found, and without one
// nothing is. It is run by make mutants.
func TestMutants(t *testing.T) {
	all := readMutants(t)
	program := buildMutants(t, all)
	t.Run("no mutant", func(t *testing.T) {
		out, err := walkModel(program, "", "500")
		require.NoError(t, err, "%s", out)
	})
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			out, err := walkModel(program, m.name, patience)
			require.Error(t, err, "the model does not see that %s", m.why)
			found := regexp.MustCompile(`found after (\d+) launches: .*`).Find(out)
			require.NotEmpty(t, found, "it failed otherwise:\n%s", out)
			t.Logf("%s", found)
		})
	}
}

func walkModel(program, mutant, launches string) ([]byte, error) {
	cmd := exec.Command(program, "-test.run=^TestModel$", "-test.timeout=10m", "-rapid.shrinktime=0s", "-model", launches)
	cmd.Env = append(os.Environ(), "RAMPART_MUTANT="+mutant)
	return cmd.CombinedOutput()
}

// buildMutants builds the model over the product with all mutants in it, each asleep.
func buildMutants(t *testing.T, all []mutant) string {
	changed, scripts := map[string]string{}, map[string][]string{} // by file, by package
	for _, m := range all {
		for _, e := range m.edits {
			dir := filepath.Dir(e.file)
			source, ok := changed[e.file]
			if !ok {
				b, err := os.ReadFile(filepath.Join(root, e.file))
				require.NoError(t, err)
				source = string(b)
			}
			require.Equal(t, 1, strings.Count(source, e.find), "mutant %s: its text is not to be found exactly once in %s:\n%s", m.name, e.file, e.find)
			if filepath.Ext(e.file) == ".lua" {
				scripts[dir] = append(scripts[dir], awaken(m.name, e))
				continue
			}
			require.Contains(t, e.replace, fmt.Sprintf("mutant(%q)", m.name), "mutant %s would be awake in every run", m.name)
			changed[e.file], scripts[dir] = strings.Replace(source, e.find, e.replace, 1), append(scripts[dir], "")
		}
	}
	overlay := map[string]string{}
	lay := func(file, text string) {
		overlay[absolute(t, filepath.Join(root, file))] = write(t, strings.ReplaceAll(file, "/", "_"), text)
	}
	for file, text := range changed {
		lay(file, text)
	}
	for dir, bodies := range scripts {
		pkg := filepath.Base(dir)
		if dir == "." {
			pkg = "rampart"
		}
		lay(filepath.Join(dir, "mutants.go"), selector(t, pkg, bodies))
	}
	b, err := json.Marshal(map[string]any{"Replace": overlay})
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "mutants.test")
	build := exec.Command("go", "test", "-c", "-overlay", write(t, "overlay.json", string(b)), "-o", program, ".")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// selector is the file that each changed package gets: it tells whether a mutant is
// meant, and changes the scripts of those that are in Lua.
func selector(t *testing.T, pkg string, scripts []string) string {
	scripts = slices.DeleteFunc(scripts, func(s string) bool { return s == "" })
	slices.Sort(scripts)
	var b bytes.Buffer
	fmt.Fprintf(&b, "package %s\n\nimport \"os\"\n", pkg)
	if len(scripts) > 0 {
		b.WriteString("import \"strings\"\nimport \"github.com/redis/go-redis/v9\"\n")
	}
	b.WriteString("var awake = os.Getenv(\"RAMPART_MUTANT\")\n\nfunc mutant(name string) bool { return name == awake }\n")
	if len(scripts) > 0 {
		fmt.Fprintf(&b, "func init() {\n%s}\n", strings.Join(scripts, ""))
	}
	text, err := format.Source(b.Bytes())
	require.NoError(t, err, "%s", b.String())
	return string(text)
}

// awaken is the code that changes a script of Lua. The script put.lua is compiled from
// putSource to putScript; all but two begin with the prelude.
func awaken(name string, e edit) string {
	script := strings.TrimSuffix(filepath.Base(e.file), ".lua")
	prelude := "prelude + "
	if script == "evidence" || script == "confirm" {
		prelude = ""
	}
	return fmt.Sprintf("if mutant(%q) {\n%sSource = strings.Replace(%sSource, %q, %q, 1)\n%sScript = redis.NewScript(%s%sSource)\n}\n",
		name, script, script, e.find, e.replace, script, prelude, script)
}

func write(t *testing.T, name, text string) string {
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func absolute(t *testing.T, file string) string {
	path, err := filepath.Abs(file)
	require.NoError(t, err)
	return path
}
