package web_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rampart-dev/rampart/flagstore"
)

// program is what is tested: built from this checkout, unless another is named.
var program = flag.String("program", "", "the rampart program to test, instead of this checkout's")

// shopProgram is this checkout's.
var shopProgram string

const (
	// patience is for what a loaded machine does slowly.
	patience = time.Minute
	tick     = 20 * time.Millisecond
)

func TestMain(m *testing.M) {
	flag.Parse()
	flagstore.SilenceDriver()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "web")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./examples/shop/cmd/shop")
	if shopProgram = filepath.Join(dir, "shop"); *program == "" {
		*program = filepath.Join(dir, "rampart")
		build.Args = append(build.Args, "./cmd/rampart")
	}
	build.Dir = filepath.Join("..", "..")
	if said, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, said)
		return 1
	}
	return m.Run()
}
