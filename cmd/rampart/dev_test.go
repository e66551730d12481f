package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDevRunsAllPartsUntilItIsInterrupted(t *testing.T) {
	rampart := programOf(t)
	data := filepath.Join(t.TempDir(), "data")
	dev := exec.Command(rampart, "dev", "--data", data, "--scrape", "1s", "--target", "shop=127.0.0.1:1", "--env", "staging")
	var errs buffer // read while dev still writes
	dev.Stderr = &errs
	out, err := dev.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, dev.Start())
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = dev.Process.Kill()
			_ = dev.Wait()
		}
	})
	var env []string
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Ctrl-C") {
		if variable, ok := strings.CutPrefix(lines.Text(), "export "); ok {
			env = append(env, variable)
		}
	}
	require.Contains(t, env, "RAMPART_ENV=staging", errs.String())

	// What it prints is all that another terminal needs. The worker answers.
	create := exec.Command(rampart, "flag", "create", "new-cart", "--type", "release", "--owner", "team", "--purpose", "a test", "--as", "ann")
	create.Env = append(os.Environ(), env...)
	said, err := create.CombinedOutput()
	require.NoError(t, err, "%s\n%s", said, errs.String())
	require.FileExists(t, filepath.Join(data, "targets", "shop.json"))
	require.FileExists(t, filepath.Join(data, "logs", "worker.log"))

	require.NoError(t, dev.Process.Signal(syscall.SIGINT))
	err = dev.Wait()
	ended = true
	require.NoError(t, err, errs.String())
	require.Contains(t, errs.String(), "stopping ...")
}

// programOf returns a copy of the test binary that is rampart: by its name, which it
// keeps when it runs itself as a worker.
func programOf(t *testing.T) string {
	self, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "rampart")
	require.NoError(t, os.WriteFile(path, program, 0o700))
	return path
}

func TestDevRefusesWhatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a target without an address":   {[]string{"--target", "shop"}, "--target shop is not NAME=HOST:PORT"},
		"a target without a name":       {[]string{"--target", "=127.0.0.1:1"}, "is not a name for a target"},
		"scrapes without a pause":       {[]string{"--scrape", "10ms"}, "--scrape 10ms is not from 1s to 1h"},
		"ports beyond those that exist": {[]string{"--port", "65534"}, "--port 65534 cannot be the first of 5 ports"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(context.Background(), append([]string{"dev"}, c.args...), streams{nil, &out, &errs})
			require.Equal(t, exitInvalid, code)
			require.Contains(t, errs.String(), c.want)
			require.Empty(t, out.String())
		})
	}
}
