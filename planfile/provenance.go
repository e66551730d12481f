package planfile

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/rampart-dev/rampart"
)

// gitTimeout bounds each question to git. A status of a large tree takes seconds.
const gitTimeout = 10 * time.Second

// Provenance tells where the plan came from: the hash of the bytes that were read,
// and the git commit of the tree that holds the file. Without git, or outside a
// tree, there is no commit.
func (f File) Provenance(ctx context.Context) rampart.Source {
	src := rampart.Source{SHA256: f.SHA256, File: f.Name}
	dir, base := filepath.Split(f.Name)
	if dir == "" {
		dir = "."
	}
	head, err := git(ctx, dir, "rev-parse", "--verify", "HEAD")
	if err != nil {
		return src
	}
	src.Commit = head
	changes, err := git(ctx, dir, "status", "--porcelain", "--untracked-files=normal")
	tracked, trackedErr := git(ctx, dir, "ls-files", "--", base)
	// What git cannot say is taken for dirty: a clean tree is a claim, and approvers rely on it.
	src.Dirty = err != nil || trackedErr != nil || changes != "" || tracked == ""
	return src
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	// No file monitor: a tree's configuration must not run programs when a plan is read.
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "--literal-pathspecs", "-c", "core.fsmonitor=false"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	return string(bytes.TrimSpace(out)), err
}
