package planfile

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rampart-dev/rampart"
)

// A Place is a line and a column of a file, both counted from 1.
type Place struct {
	Line, Column int
}

// A Mistake is a mistake in a plan, with its place in the file.
type Mistake struct {
	rampart.Mistake
	File string
	Place
}

// String writes the mistake as compilers do: file:line:col: path: what.
func (m Mistake) String() string {
	s := fmt.Sprintf("%s:%d:%d: ", m.File, m.Line, m.Column)
	if m.Path != "" {
		s += m.Path + ": "
	}
	return s + m.Msg
}

// An Error is all that is wrong with a file. Its kind is [rampart.Invalid].
type Error struct {
	Mistakes []Mistake // in the order of the file; warnings come last
}

// Error lists the errors, one a line.
func (e *Error) Error() string {
	var lines []string
	for _, m := range e.Mistakes {
		if !m.Warning {
			lines = append(lines, m.String())
		}
	}
	return strings.Join(lines, "\n")
}

// Unwrap tells the kind of the error.
func (e *Error) Unwrap() error { return rampart.Errorf(rampart.Invalid, "the file has mistakes") }

// Format writes mistakes for a person: each on a line, its hint below it.
func Format(w io.Writer, mistakes []Mistake) error {
	out := bufio.NewWriter(w)
	for _, m := range mistakes {
		fmt.Fprintln(out, m)
		if m.Hint != "" {
			fmt.Fprintf(out, "    hint: %s\n", m.Hint)
		}
	}
	return out.Flush()
}

// Place returns where a path stands, or where its nearest ancestor does: what is
// missing has no place of its own.
func (f File) Place(path string) Place {
	for {
		if p, ok := f.places[path]; ok {
			return p
		}
		if path == "" {
			return Place{1, 1}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

// Locate gives mistakes their places in the file, and sorts them by these.
func (f File) Locate(mistakes rampart.Mistakes) []Mistake {
	placed := make([]Mistake, len(mistakes))
	for i, m := range mistakes {
		placed[i] = Mistake{Mistake: m, File: f.Name, Place: f.Place(m.Path)}
	}
	sortByPlace(placed)
	return placed
}

func sortByPlace(mistakes []Mistake) {
	slices.SortStableFunc(mistakes, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// within reports whether path is ancestor or below it.
func within(path, ancestor string) bool {
	rest, ok := strings.CutPrefix(path, ancestor)
	return ok && (rest == "" || ancestor == "" || rest[0] == '.' || rest[0] == '[')
}

func only(mistakes []Mistake, warning bool) []Mistake {
	var out []Mistake
	for _, m := range mistakes {
		if m.Warning == warning {
			out = append(out, m)
		}
	}
	return out
}
