package planfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/rampart-dev/rampart"
)

// MaxBytes bounds the file of a plan.
const MaxBytes = rampart.MaxPlanBytes

// A File is a plan's file as it was read. It tells where things stand in it.
type File struct {
	Name   string // as it was named
	SHA256 string // of its bytes, in hex

	// Warnings are the mistakes that the plan can be walked with all the same.
	Warnings []Mistake

	places map[string]Place
}

// Read reads the plan in the file at path. A file that is there but is not a plan
// gives an [*Error], which lists every mistake.
func Read(path string) (rampart.Plan, File, error) {
	data, err := readBounded(path, planForm, "write one with: rampart plan new FLAG --owner TEAM --purpose WHY")
	if err != nil {
		return rampart.Plan{}, File{Name: path}, err
	}
	return Parse(path, data)
}

// Parse reads a plan. The name is what mistakes are reported under. The plan comes
// as it is written, without defaults; where it has errors, as much of it as could
// be read comes with an [*Error].
func Parse(name string, data []byte) (rampart.Plan, File, error) {
	var plan rampart.Plan
	file, err := read(name, data, planForm, &plan, func() rampart.Mistakes { return plan.Validate() })
	return plan, file, err
}

// A form is a kind of document that is written in YAML.
type form struct {
	name   string // for messages
	limit  int    // of its bytes
	begin  string // hint for whoever writes nothing
	larger string // hint for whoever writes too much
}

var planForm = form{"plan", MaxBytes, "begin with flag, owner and purpose; see: rampart plan new", "put long lists of keys into segments"}

// read fills in v, which points to a document of a form, and finds what is wrong
// with it: first what cannot be read, then what makes no sense.
func read(name string, data []byte, f form, v any, validate func() rampart.Mistakes) (File, error) {
	sum := sha256.Sum256(data)
	file := File{Name: name, SHA256: hex.EncodeToString(sum[:]), places: map[string]Place{}}
	root, found := parse(data, f)
	if root != nil {
		var meant []string
		found, meant = decode(root, f.name, v, file.places)
		for _, m := range found {
			meant = append(meant, m.Path)
		}
		found = append(found, file.Locate(unrelated(validate(), meant))...)
	}
	for i := range found {
		found[i].File = name
	}
	sortByPlace(found)
	file.Warnings = only(found, true)
	if errs := atMost(only(found, false)); len(errs) > 0 {
		return file, &Error{Mistakes: append(errs, file.Warnings...)}
	}
	return file, nil
}

// atMost leaves out what nobody would read.
func atMost(found []Mistake) []Mistake {
	if len(found) <= maxMistakes {
		return found
	}
	last := found[maxMistakes-1]
	last.Mistake = rampart.Mistake{Msg: "there are more mistakes", Hint: "mend those above first"}
	return append(slices.Clip(found[:maxMistakes-1]), last)
}

func readBounded(path string, form form, hint string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, rampart.Errorf(rampart.Invalid, "there is no %s at %s", form.name, path).WithHint("%s", hint).Because(err)
	}
	if err != nil {
		return nil, unreadable(form, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(form.limit)+1))
	if err != nil {
		return nil, unreadable(form, err)
	}
	return data, nil
}

func unreadable(form form, err error) error {
	return rampart.Errorf(rampart.Invalid, "the %s cannot be read", form.name).
		WithHint("name a file that you may read, or - for standard input").Because(err)
}

// unrelated drops what validation says about paths that could not be decoded: a hold
// that is no duration is wrong, but not missing.
func unrelated(said rampart.Mistakes, undecoded []string) rampart.Mistakes {
	return slices.DeleteFunc(said, func(m rampart.Mistake) bool {
		return slices.ContainsFunc(undecoded, func(path string) bool {
			return within(m.Path, path) || within(path, m.Path)
		})
	})
}
