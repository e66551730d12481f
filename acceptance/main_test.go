package acceptance_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/temporaltest"
)

// Programs of this checkout, built once.
var rampartProgram, shopProgram string

// atOnce is how many tests run at once where -parallel says nothing else. They wait
// far more than they compute.
const atOnce = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "test.parallel" })
	if !told {
		_ = flag.Set("test.parallel", atOnce)
	}
	flagstore.SilenceDriver()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "acceptance")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	rampartProgram, shopProgram = filepath.Join(dir, "rampart"), filepath.Join(dir, "shop")
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./cmd/rampart", "./examples/shop/cmd/shop")
	build.Dir = ".."
	if said, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, said)
		return 1
	}
	return temporaltest.Run(m, "--namespace", "other")
}
