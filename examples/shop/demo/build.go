package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
)

// programs are what the demo runs besides itself.
type programs struct{ rampart, shop, plan string }

// planPath is where the plan is in the checkout.
const planPath = "examples/shop/plans/checkout-v2.yaml"

// build builds the programs of this checkout, so that the demo shows the code that
// is there. Where nothing has changed that takes about a second.
func build(ctx context.Context, screen *screen) (programs, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	module := strings.TrimSpace(string(out))
	if err != nil || filepath.Base(module) != "go.mod" {
		return programs{}, rampart.Errorf(rampart.Invalid, "the demo is built from a checkout of rampart").
			WithHint("run it there: make demo")
	}
	root := filepath.Dir(module)
	dir := filepath.Join(root, ".cache", "demo")
	p := programs{
		rampart: filepath.Join(dir, "rampart"), shop: filepath.Join(dir, "shop"),
		plan: filepath.Join(root, filepath.FromSlash(planPath)),
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return programs{}, fmt.Errorf("build: %w", err)
	}
	if _, err := os.Stat(p.rampart); err != nil {
		screen.say("building rampart and the shop (the first time about a minute) ...")
	}
	began := time.Now()
	command := exec.CommandContext(ctx, "go", "build", "-o", dir+string(filepath.Separator), "./cmd/rampart", "./examples/shop/cmd/shop")
	command.Dir = root
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Run(); err != nil {
		return programs{}, fmt.Errorf("build: %w\n%s", err, said.String())
	}
	screen.say("rampart and the shop are built (%s)", time.Since(began).Round(100*time.Millisecond))
	return p, nil
}
