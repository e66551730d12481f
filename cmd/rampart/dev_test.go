package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDevRunsAllPartsUntilItIsInterrupted(t *testing.T) {
	rampart := programOf(t)
	data := filepath.Join(t.TempDir(), "data")
	env, errs, end := startDev(t, rampart, "--data", data, "--scrape", "1s", "--target", "shop=127.0.0.1:1", "--env", "staging")
	require.Contains(t, env, "RAMPART_ENV=staging", errs.String())

	// What it prints is all that another terminal needs. The worker answers.
	create := exec.Command(rampart, "flag", "create", "new-cart", "--type", "release", "--owner", "team", "--purpose", "a test", "--as", "ann")
	create.Env = append(os.Environ(), env...)
	said, err := create.CombinedOutput()
	require.NoError(t, err, "%s\n%s", said, errs.String())
	require.FileExists(t, filepath.Join(data, "targets", "shop.json"))
	require.FileExists(t, filepath.Join(data, "logs", "worker.log"))

	require.NoError(t, end(syscall.SIGINT), errs.String())
	require.Contains(t, errs.String(), "stopping ...")
}

func TestDevLeavesNothingBehindWhenItsTerminalIsClosed(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP) // else, under nohup, dev would rightly ignore it too
	defer signal.Stop(heard)
	_, errs, end := startDev(t, programOf(t), "--no-worker")
	require.NoError(t, end(syscall.SIGHUP), errs.String())
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "rampart-dev-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// startDev returns once dev is ready: the variables that it printed, what it says on
// stderr, and how to end it.
func startDev(t *testing.T, rampart string, args ...string) (env []string, errs *buffer, end func(os.Signal) error) {
	dev := exec.Command(rampart, append([]string{"dev"}, args...)...)
	errs = &buffer{} // read while dev still writes
	dev.Stderr = errs
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
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Ctrl-C") {
		if variable, ok := strings.CutPrefix(lines.Text(), "export "); ok {
			env = append(env, variable)
		}
	}
	return env, errs, func(s os.Signal) error {
		require.NoError(t, dev.Process.Signal(s))
		err := dev.Wait()
		ended = true
		return err
	}
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
