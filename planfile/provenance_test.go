package planfile_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/planfile"
)

func TestProvenanceIsTheCommitOfTheTree(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "plan.yaml")
	require.NoError(t, os.WriteFile(path, []byte(required), 0o600))
	git(t, dir, "init", "-q")
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "a plan")
	head := git(t, dir, "rev-parse", "HEAD")
	sum := sha256.Sum256([]byte(required))

	_, file, err := planfile.Read(path)
	require.NoError(t, err)
	src := file.Provenance(t.Context())
	require.Equal(t, hex.EncodeToString(sum[:]), src.SHA256)
	require.Equal(t, path, src.File)
	require.Equal(t, head, src.Commit)
	require.False(t, src.Dirty)

	t.Run("a changed tree is dirty", func(t *testing.T) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "other"), nil, 0o600))
		require.True(t, file.Provenance(t.Context()).Dirty)
		require.NoError(t, os.Remove(filepath.Join(dir, "other")))
		require.False(t, file.Provenance(t.Context()).Dirty)
	})
	t.Run("a plan that git ignores is dirty", func(t *testing.T) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".git", "info", "exclude"), []byte("ignored.yaml\n"), 0o600))
		ignored := filepath.Join(dir, "ignored.yaml")
		require.NoError(t, os.WriteFile(ignored, []byte(required), 0o600))
		_, file, err := planfile.Read(ignored)
		require.NoError(t, err)
		require.True(t, file.Provenance(t.Context()).Dirty)
	})
	t.Run("a tree's configuration runs no program", func(t *testing.T) {
		ran := filepath.Join(t.TempDir(), "ran")
		git(t, dir, "config", "core.fsmonitor", "touch "+ran)
		file.Provenance(t.Context())
		require.NoFileExists(t, ran)
	})
}

func TestProvenanceWithoutGit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plan.yaml")
	require.NoError(t, os.WriteFile(path, []byte(required), 0o600))
	_, file, err := planfile.Read(path)
	require.NoError(t, err)
	check := func(t *testing.T) {
		src := file.Provenance(t.Context())
		require.NotEmpty(t, src.SHA256)
		require.Empty(t, src.Commit)
		require.False(t, src.Dirty)
	}
	t.Run("outside a tree", check)
	t.Run("where it is not installed", func(t *testing.T) {
		t.Setenv("PATH", "")
		check(t)
	})
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.TrimSpace(string(out))
}
