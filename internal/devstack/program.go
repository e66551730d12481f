package devstack

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rampart-dev/rampart"
)

// A program is what a part is run by.
type program struct {
	part     string
	variable string // that names it
	inPath   string
	inCache  string // of .cache/bin
}

var programs = []program{
	{"temporal", "RAMPART_TEMPORAL", "temporal", "temporal-devserver"},
	{"redis", "RAMPART_REDIS_SERVER", "redis-server", "redis-server"},
	{"prometheus", "RAMPART_PROMETHEUS", "prometheus", "prometheus"},
}

// findPrograms returns the paths of all programs by part, or says at once which are
// missing.
func findPrograms() (map[string]string, error) {
	found := map[string]string{}
	var missing, variables []string
	for _, p := range programs {
		path, err := p.find()
		if err != nil {
			return nil, err
		}
		if path == "" {
			missing, variables = append(missing, p.inPath), append(variables, p.variable)
		}
		found[p.part] = path
	}
	if len(missing) > 0 {
		return nil, rampart.Errorf(rampart.NotFound, "not installed: %s", strings.Join(missing, ", ")).
			WithHint("in a checkout of rampart, make deps brings them; or install them; or name the programs in %s", strings.Join(variables, ", "))
	}
	return found, nil
}

// find returns the path of the program, or "" where there is none. A variable that
// names what cannot be run is an error: whoever set it meant it.
func (p program) find() (string, error) {
	if named := os.Getenv(p.variable); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", rampart.Errorf(rampart.Invalid, "%s=%s cannot be run", p.variable, named).WithHint("correct it, or unset it").Because(err)
		}
		return path, nil
	}
	if path, err := exec.LookPath(p.inPath); err == nil {
		return path, nil
	}
	path, _ := findAbove(p.inCache)
	return path, nil
}

// findAbove looks for .cache/bin of the repository that holds the working directory,
// or this executable, which "make build" puts there.
func findAbove(name string) (string, bool) {
	var from []string
	if dir, err := os.Getwd(); err == nil {
		from = append(from, dir)
	}
	if exe, err := os.Executable(); err == nil {
		from = append(from, filepath.Dir(exe))
	}
	for _, dir := range from {
		for {
			path := filepath.Join(dir, ".cache", "bin", name)
			if _, err := os.Stat(path); err == nil {
				return path, true
			}
			if filepath.Dir(dir) == dir {
				break
			}
			dir = filepath.Dir(dir)
		}
	}
	return "", false
}
