package check_test

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/stretchr/testify/require"
)

// A stage is one FROM of a Dockerfile and what follows it.
type stage struct {
	from  string
	lines []string // an instruction each
}

// has reports whether the stage has an instruction that begins so.
func (s stage) has(prefix string) bool {
	for _, l := range s.lines {
		if strings.HasPrefix(l, prefix) {
			return true
		}
	}
	return false
}

func TestImagesAreOfStaticProgramsAndOfNobody(t *testing.T) {
	stages := dockerfile(t)
	for name, s := range stages {
		if s.from != "scratch" {
			require.Regexp(t, tag, s.from, name)
		}
		require.Falsef(t, s.has("ADD "), "%s adds what it may have fetched", name)
		if name == "build" {
			continue
		}
		require.Truef(t, s.has("USER 65532:65532") || s.has("USER 1000:1000"), "%s runs as root", name)
		require.Falsef(t, s.has("RUN "), "%s has a shell", name)
	}
	for _, name := range []string{"rampart", "shop"} {
		require.Equal(t, "scratch", stages[name].from)
		require.True(t, stages[name].has(`ENTRYPOINT ["/`), "%s begins without a shell", name)
	}
	require.True(t, stages["rampart"].has(`HEALTHCHECK `))
	text := read(t, "../Dockerfile")
	require.Equal(t, strings.LastIndex(text, "\nFROM "), strings.LastIndex(text, "\nFROM scratch AS rampart"), "the product is what is built where no stage is named")
}

func TestImageIsBuiltByTheGoOfTheProduct(t *testing.T) {
	wanted := regexp.MustCompile(`(?m)^go ([0-9]+\.[0-9]+)`).FindStringSubmatch(read(t, "../../go.mod"))
	require.Len(t, wanted, 2)
	require.Regexp(t, `^golang:`+regexp.QuoteMeta(wanted[1])+`\.`, dockerfile(t)["build"].from)
}

// What .dockerignore lets through must be enough to build from, and the result must
// need nothing that an empty image does not have.
func TestContextOfTheImageIsEnoughToBuildStaticPrograms(t *testing.T) {
	src, out := buildContext(t), t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", out+string(filepath.Separator), "./cmd/rampart", "./examples/shop/cmd/shop", "./examples/shop/cmd/load")
	build.Dir = src
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))
	for _, name := range []string{"rampart", "shop", "load"} {
		program, err := elf.Open(filepath.Join(out, name))
		require.NoError(t, err)
		libraries, err := program.ImportedLibraries()
		require.NoError(t, err)
		require.Empty(t, libraries, name)
		for _, p := range program.Progs {
			require.NotEqual(t, elf.PT_INTERP, p.Type, "%s needs a loader", name)
		}
		require.NoError(t, program.Close())
	}
	linked, err := os.ReadFile(filepath.Join(out, "rampart"))
	require.NoError(t, err)
	require.True(t, bytes.Contains(linked, []byte("time/tzdata.")), "calendars name zones, and the image has no file of them")
	if runtime.GOOS == "linux" {
		version := exec.Command(filepath.Join(out, "rampart"), "version")
		version.Env = []string{}
		said, err := version.CombinedOutput()
		require.NoError(t, err, string(said))
	}
}

// buildContext copies what docker would send to be built.
func buildContext(t *testing.T) string {
	t.Helper()
	f, err := os.Open("../Dockerfile.dockerignore")
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	patterns, err := ignorefile.ReadAll(f)
	require.NoError(t, err)
	ignored, err := patternmatcher.New(patterns)
	require.NoError(t, err)
	root, to := filepath.Join("..", ".."), t.TempDir()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == ".git" || name == ".cache" {
				return filepath.SkipDir
			}
			return nil
		}
		if skip, err := ignored.MatchesOrParentMatches(name); err != nil || skip {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(name)), 0o700); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o600)
	}))
	require.NoDirExists(t, filepath.Join(to, "deploy"), "secrets are in there")
	return to
}

var from = regexp.MustCompile(`^FROM (\S+) AS (\S+)$`)

// dockerfile returns the stages of the Dockerfile by name.
func dockerfile(t *testing.T) map[string]stage {
	t.Helper()
	text := regexp.MustCompile(`\\\n\s*`).ReplaceAllString(read(t, "../Dockerfile"), "")
	stages := map[string]stage{}
	current := ""
	for _, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "FROM ") {
			m := from.FindStringSubmatch(line)
			require.NotNilf(t, m, "a stage without a name: %s", line)
			current = m[2]
			stages[current] = stage{from: m[1]}
			continue
		}
		s := stages[current]
		s.lines = append(s.lines, line)
		stages[current] = s
	}
	return stages
}
