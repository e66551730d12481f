package child_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/internal/child"
)

func TestProgramIsFoundWhereTheVariableSaysElseInPathElseInTheCache(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root)
	t.Setenv("PATH", filepath.Join(root, "path"))
	t.Setenv("T_SERVER", "")
	p := child.Program{Env: "T_SERVER", InPath: "server", InCache: "server-cached"}
	write := func(elements ...string) string {
		file := filepath.Join(append([]string{root}, elements...)...)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\n"), 0o700))
		return file
	}

	_, err := p.Find()
	require.ErrorContains(t, err, "server-cached not found; run make deps, or set T_SERVER")

	cached := write(".cache", "bin", "server-cached")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "deep", "down"), 0o700))
	t.Chdir(filepath.Join(root, "deep", "down"))
	found, err := p.Find()
	require.NoError(t, err)
	require.Equal(t, cached, found)

	inPath := write("path", "server")
	found, err = p.Find()
	require.NoError(t, err)
	require.Equal(t, inPath, found)

	t.Setenv("T_SERVER", "/opt/server")
	found, err = p.Find()
	require.NoError(t, err)
	require.Equal(t, "/opt/server", found)
}

func TestChildIsEndedThoughItIsFrozen(t *testing.T) {
	c, err := child.Program{InPath: "sleep"}.Start("1000")
	require.NoError(t, err)
	require.NoError(t, c.Signal(syscall.SIGSTOP))
	c.End(syscall.SIGTERM)
	require.Error(t, c.Err())
}

func TestChildTellsWhatItSaidAndHowItEnded(t *testing.T) {
	c, err := child.Program{InPath: "sh"}.Start("-c", "echo out; echo err >&2; exit 3")
	require.NoError(t, err)
	require.EqualError(t, c.Err(), "exit status 3")
	require.Equal(t, "out\nerr\n", c.Output())
}
