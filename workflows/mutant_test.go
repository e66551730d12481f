package workflows_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A mutant is the product with one defect. Its file in testdata/mutants says why the
// defect matters, and what to put in the place of which text. In Go the new text asks
// mutant("NAME") whether it is meant, so that one build has all mutants in it; in a
// script of Lua the new text stands for itself, and is put in when the program starts.
//
// The product's own code knows nothing of this: the build lays the changed files over it.
type mutant struct {
	name, why string
	edits     []edit
}

type edit struct{ file, find, replace string }

// root is that of the files that mutants change.
const root = ".."

// Whoever changes the code that a mutant changes mends the mutant with it.
func TestMutantsFitTheCode(t *testing.T) {
	for _, m := range readMutants(t) {
		for _, e := range m.edits {
			source, err := os.ReadFile(filepath.Join(root, e.file))
			require.NoError(t, err)
			require.NotEqual(t, e.find, e.replace, m.name)
			require.Equal(t, 1, strings.Count(string(source), e.find), "mutant %s: its text is not to be found exactly once in %s", m.name, e.file)
		}
	}
}

func readMutants(t *testing.T) []mutant {
	files, err := filepath.Glob("testdata/mutants/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var all []mutant
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		parts := strings.Split(string(text), "\n=== ")
		m := mutant{name: strings.TrimSuffix(filepath.Base(f), ".txt"), why: strings.TrimSpace(parts[0])}
		for _, part := range parts[1:] {
			kind, body, _ := strings.Cut(part, "\n")
			switch kind {
			case "find":
				m.edits[len(m.edits)-1].find = strings.Trim(body, "\n")
			case "replace":
				m.edits[len(m.edits)-1].replace = strings.Trim(body, "\n")
			default:
				m.edits = append(m.edits, edit{file: kind})
			}
		}
		all = append(all, m)
	}
	return all
}
