package acceptance_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/rampart-dev/rampart"
)

// olderProgram is what an upgrade begins with: the program that RAMPART_OLD names, such
// as that of the last release, or else this one with the walk of the version before. The
// walk is what it brings with the launches that it begins.
func olderProgram(t *testing.T) (program, walk string) {
	t.Helper()
	if old := os.Getenv("RAMPART_OLD"); old != "" {
		return old, ""
	}
	const source, newest, older = "../workflows/state.go", "const walkVersion = 3\n", "const walkVersion = 2\n"
	text, err := os.ReadFile(source)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), newest), "the walk has another version by now; say here which is the one before")
	original, err := filepath.Abs(source)
	require.NoError(t, err)
	dir := t.TempDir()
	was, overlay := filepath.Join(dir, "state.go"), filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(was, []byte(strings.Replace(string(text), newest, older, 1)), 0o600))
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: was}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, replace, 0o600))
	program = filepath.Join(dir, "rampart")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", program, "./cmd/rampart")
	build.Dir = ".."
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return program, "walk-2"
}

// Workers are replaced one after the other, as a deployment does it: the new one works
// beside the old one, which is then stopped in order. The launch is walked by both, to
// its end in the way in which the old one began it.
func TestLaunchIsWalkedWhileItsWorkersAreReplaced(t *testing.T) {
	t.Parallel()
	program, walk := olderProgram(t)
	s := newStack(t)
	older := []*worker{s.workAs(program), s.workAs(program)}
	s.read("checkout-v2")
	l := s.start(s.aPlan("checkout-v2"))
	l.awaitsThat("ten percent have been looked at", func(p rampart.Progress) bool { return p.Exposure == ten && p.Looks >= 1 })

	for i, old := range older {
		s.work()
		if i == 0 {
			l.asks(rampart.MaxPowerRamp) // with both at work
		}
		old.stop()
	}

	l.approve(rampart.MaxPowerRamp)
	l.ends(rampart.Launched)
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "expose 50 %", "expose 100 %", "finish 100 %")
	if walk != "" {
		require.Contains(t, l.changes(), walk)
	}
}

// changes are the versions of code that the launch has met, as Temporal lists them.
func (l *launch) changes() (versions []string) {
	l.t.Helper()
	d, err := l.people.Temporal.DescribeWorkflowExecution(l.t.Context(), rampart.LaunchID(l.env, l.plan.Flag), l.run)
	require.NoError(l.t, err)
	listed := d.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()["TemporalChangeVersion"]
	require.NoError(l.t, converter.GetDefaultDataConverter().FromPayload(listed, &versions))
	return versions
}

// With worker versioning, the build that is current walks the launch, and those that
// were walked by an older one move over to it at their next step.
func TestLaunchMovesToTheBuildThatBecomesCurrent(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	const deployment = "rampart-upgrade"
	older := s.work("--deployment", deployment, "--build-id", "v1")
	s.makeCurrent(deployment, "v1")
	s.read("checkout-v2")
	l := s.start(s.aPlan("checkout-v2"))
	l.awaitsThat("ten percent have been looked at", func(p rampart.Progress) bool { return p.Exposure == ten && p.Looks >= 1 })
	require.Equal(t, "v1", l.build())

	s.work("--deployment", deployment, "--build-id", "v2")
	l.asks(rampart.MaxPowerRamp)
	require.Equal(t, "v1", l.build(), "a build that is not current walks nothing")
	s.makeCurrent(deployment, "v2")
	l.approve(rampart.MaxPowerRamp)
	l.awaitsThat("half are exposed", func(p rampart.Progress) bool { return p.Exposure >= fifty })
	older.kill()

	l.ends(rampart.Launched)
	require.Equal(t, "v2", l.build())
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "expose 50 %", "expose 100 %", "finish 100 %")
}

// makeCurrent has Temporal give new work to a build, as
// "temporal worker deployment set-current-version" does, once its workers have come.
func (s *stack) makeCurrent(deployment, build string) {
	s.t.Helper()
	handle := s.people.Temporal.WorkerDeploymentClient().GetHandle(deployment)
	eventually(s.t, build+" is current", func() (bool, any) {
		_, err := handle.SetCurrentVersion(s.t.Context(), client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build})
		return err == nil, err
	})
}

// build returns which build the launch was walked by last.
func (l *launch) build() string {
	l.t.Helper()
	d, err := l.people.Temporal.DescribeWorkflowExecution(l.t.Context(), rampart.LaunchID(l.env, l.plan.Flag), l.run)
	require.NoError(l.t, err)
	return d.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId()
}

// stop ends the worker in order, and waits until it is gone.
func (w *worker) stop() {
	w.t.Helper()
	require.NoError(w.t, w.cmd.Process.Signal(syscall.SIGTERM))
	require.Zero(w.t, w.ends())
}
