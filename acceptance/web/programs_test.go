package web_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// npmDir is where node_modules is.
func npmDir(t testing.TB) string { return cached(t, "npm") }

// cached returns the path of what "make deps" has put into .cache.
func cached(t testing.TB, path ...string) string {
	t.Helper()
	full, err := filepath.Abs(filepath.Join(append([]string{"..", "..", ".cache"}, path...)...))
	require.NoError(t, err)
	full, err = filepath.EvalSymlinks(full)
	require.NoError(t, err, "hint: make deps brings it")
	_, err = os.Stat(full)
	require.NoError(t, err)
	return full
}
