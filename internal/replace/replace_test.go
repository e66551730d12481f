package replace_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/internal/replace"
)

// A process that is killed while it writes cannot remove what it has begun.
func TestWhatAKilledProcessLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	leave := func(name string, age time.Duration) {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte("half"), 0o600))
		require.NoError(t, os.Chtimes(file, time.Time{}, time.Now().Add(-age)))
	}
	leave("flags.json.tmp-123", time.Hour)
	leave("flags.json.tmp-456", 0) // another process writes it now
	leave("flags.json.tmp-old", time.Hour)
	leave("flags.json.1", time.Hour) // somebody keeps copies
	leave("other.json.tmp-789", time.Hour)
	require.NoError(t, replace.File(filepath.Join(dir, "flags.json"), []byte("whole")))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{"flags.json", "flags.json.1", "flags.json.tmp-456", "flags.json.tmp-old", "other.json.tmp-789"}, names)
	content, err := os.ReadFile(filepath.Join(dir, "flags.json"))
	require.NoError(t, err)
	require.Equal(t, "whole", string(content))
}
