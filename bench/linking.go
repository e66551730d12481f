package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rampart-dev/rampart/bench/figure"
)

// linking measures what a service pays for importing the client: packages that are not
// of the standard library, and bytes of its binary.
var linking = benchmark{names: []string{"client_nonstd_packages", "client_binary_delta_mb"}, run: link}

// The two services differ by the client alone.
const (
	plainService = `package main

import "net/http"

func main() { _ = http.ListenAndServe("127.0.0.1:0", nil) }
`
	flagService = `package main

import (
	"context"
	"net/http"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

func main() {
	flags, err := client.Open(context.Background(), client.Options{Redis: "redis://127.0.0.1:6390", Environment: "production"})
	if err != nil {
		panic(err)
	}
	subject := func(*http.Request) rampart.Subject { return rampart.Subject{Key: "ann"} }
	_ = http.ListenAndServe("127.0.0.1:0", client.Middleware(flags, subject)(http.DefaultServeMux))
}
`
)

func link(ctx context.Context, b *bench) ([]figure.Figure, error) {
	packages, err := packagesBehind(ctx, "./client")
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "linking")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	plain, err := sizeOf(ctx, folder, "plain", plainService)
	if err != nil {
		return nil, err
	}
	flags, err := sizeOf(ctx, folder, "flags", flagService)
	if err != nil {
		return nil, err
	}
	const mb = 1 << 20
	b.say(fmt.Sprintf("an HTTP server has %.1f MB, with the client and its middleware %.1f MB, both without symbols", plain/mb, flags/mb))
	return []figure.Figure{
		{Name: "client_nonstd_packages", Value: float64(packages), Told: true},
		{Name: "client_binary_delta_mb", Value: (flags - plain) / mb, Told: true},
	}, nil
}

// packagesBehind counts the packages that are linked with one and are neither of the
// standard library nor its own.
func packagesBehind(ctx context.Context, path string) (int, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", path).Output()
	if err != nil {
		return 0, fmt.Errorf("list the packages of %s: %w", path, err)
	}
	return len(strings.Fields(string(out))) - 1, nil
}

// sizeOf builds a program as a service is built, and returns its bytes.
func sizeOf(ctx context.Context, folder, name, source string) (float64, error) {
	file, binary := filepath.Join(folder, name+".go"), filepath.Join(folder, name)
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		return 0, err
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", binary, file).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build %s: %w: %s", name, err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		return 0, err
	}
	return float64(info.Size()), nil
}
