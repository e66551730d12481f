package devstack_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/devstack"
)

const patience = time.Minute

func TestStackRunsTheRealPartsAndLeavesNothingBehind(t *testing.T) {
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "answer 42\n")
	}))
	defer exporter.Close()
	var pids []int
	var dir, grandchild string
	err := devstack.Run(t.Context(), devstack.Options{Scrape: time.Second}, func(ctx context.Context, s *devstack.Stack) error {
		dir, grandchild = s.Dir, filepath.Join(t.TempDir(), "pid")
		require.NoError(t, s.Scrape("exporter", strings.TrimPrefix(exporter.URL, "http://")))
		require.NoError(t, s.Launch(ctx, devstack.Process{
			Name: "nanny", Program: "sh", Args: []string{"-c", `sleep 1000 & echo $! > "$0.new"; mv "$0.new" "$0"; wait`, grandchild},
		}, there(grandchild)))
		pids = append(pids, pidIn(t, grandchild))
		for _, part := range []string{"temporal", "redis", "prometheus", "nanny"} {
			require.NotZero(t, s.Pid(part), part)
			pids = append(pids, s.Pid(part))
		}

		ready, err := s.Starter().Setup(ctx)
		require.NoError(t, err)
		require.Empty(t, ready.Added, "the stack has set itself up")
		require.Contains(t, get(t, s.UI), "<html")
		require.Eventually(t, func() bool {
			return strings.Contains(get(t, s.Prometheus+"/api/v1/query?query="+url.QueryEscape(`answer{job="exporter"}`)), `"42"`)
		}, patience, 50*time.Millisecond)
		require.Contains(t, strings.Join(s.Env(), " "), "RAMPART_REDIS="+s.Redis)
		return nil
	})
	require.NoError(t, err)
	for _, pid := range pids {
		require.Eventually(t, func() bool { return gone(pid) }, patience, 10*time.Millisecond, "process %d is left", pid)
	}
	require.NoDirExists(t, dir)
}

func TestPartThatDiesEndsTheStackAndIsNamed(t *testing.T) {
	var said []string
	var prometheus int
	err := devstack.Run(t.Context(), devstack.Options{Say: func(s string) { said = append(said, s) }}, func(ctx context.Context, s *devstack.Stack) error {
		t.Cleanup(func() { _ = os.RemoveAll(s.Dir) })
		prometheus = s.Pid("prometheus")
		require.NoError(t, syscall.Kill(s.Pid("redis"), syscall.SIGKILL))
		<-ctx.Done()
		return ctx.Err()
	})
	require.ErrorContains(t, err, "redis has ended (signal: killed)")
	require.Equal(t, rampart.Unreachable, rampart.KindOf(err))
	require.Contains(t, rampart.HintOf(err), "redis.log")
	require.True(t, gone(prometheus))
	require.Contains(t, said[len(said)-1], "keeping the logs in")
}

func TestStoppedStackIsNoFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, devstack.Run(ctx, devstack.Options{}, func(ctx context.Context, _ *devstack.Stack) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}))
}

func TestErrorOfTheBodyIsThatOfTheStack(t *testing.T) {
	mine := errors.New("mine")
	var said string
	err := devstack.Run(t.Context(), devstack.Options{Say: func(s string) { said = s }}, func(_ context.Context, s *devstack.Stack) error {
		t.Cleanup(func() { _ = os.RemoveAll(s.Dir) })
		return mine
	})
	require.ErrorIs(t, err, mine)
	require.Contains(t, said, "logs")
}

func TestDataInADirectoryOutlivesTheStack(t *testing.T) {
	o := devstack.Options{Dir: filepath.Join(t.TempDir(), "data")}
	segment := rampart.Segment{Name: "internal", Keys: []string{"ann"}}
	var namespace string
	require.NoError(t, devstack.Run(t.Context(), o, func(ctx context.Context, s *devstack.Stack) error {
		var err error
		namespace, err = s.Starter().NamespaceID(ctx)
		require.NoError(t, err)
		_, err = s.Starter().Store.PutSegment(ctx, segment, "ann", "a test")
		return err
	}))
	require.NoError(t, devstack.Run(t.Context(), o, func(ctx context.Context, s *devstack.Stack) error {
		again, err := s.Starter().NamespaceID(ctx)
		require.NoError(t, err)
		require.Equal(t, namespace, again)
		got, err := s.Starter().Store.Segment(ctx, "internal")
		require.NoError(t, err)
		require.Equal(t, segment.Keys, got.Keys)
		return nil
	}))
}

func TestPartThatEndsAtItsStartSaysItsLastWords(t *testing.T) {
	err := devstack.Run(t.Context(), devstack.Options{}, func(ctx context.Context, s *devstack.Stack) error {
		t.Cleanup(func() { _ = os.RemoveAll(s.Dir) })
		return s.Launch(ctx, devstack.Process{Name: "shop", Program: "sh", Args: []string{"-c", "echo no luck today; exit 3"}},
			func(context.Context) error { return errors.New("not yet") })
	})
	require.ErrorContains(t, err, "shop ended at its start (exit status 3)")
	require.ErrorContains(t, err, "no luck today")
}

func TestPartThatIsSupervisedIsStartedAgain(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	require.NoError(t, devstack.Run(t.Context(), devstack.Options{}, func(ctx context.Context, s *devstack.Stack) error {
		err := s.Launch(ctx, devstack.Process{
			Name: "shop", Program: "sh", Args: []string{"-c", `echo $$ >> "$0"; exec sleep 1000`, runs}, Restart: true,
		}, there(runs))
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(s.Pid("shop"), syscall.SIGKILL))
		require.Eventually(t, func() bool {
			b, err := os.ReadFile(runs)
			return err == nil && strings.Count(string(b), "\n") == 2
		}, patience, 10*time.Millisecond)
		require.NoError(t, ctx.Err())
		return nil
	}))
	b, err := os.ReadFile(runs)
	require.NoError(t, err)
	for _, pid := range strings.Fields(string(b)) {
		n, err := strconv.Atoi(pid)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return gone(n) }, patience, 10*time.Millisecond)
	}
}

func TestPartThatNeverAnswersIsGivenUp(t *testing.T) {
	frozen := writeProgram(t, "exec sleep 1000\n")
	t.Setenv("RAMPART_REDIS_SERVER", frozen)
	err := devstack.Run(t.Context(), devstack.Options{Dir: t.TempDir(), Patience: 3 * time.Second}, unreachableBody(t))
	require.ErrorContains(t, err, "redis does not become ready")
	require.Contains(t, rampart.HintOf(err), "redis.log")
}

func TestWhatIsMissingIsSaidWithAHint(t *testing.T) {
	for name, c := range map[string]struct {
		variable, value string
		port            int
		want, hint      string
	}{
		"a program that cannot be run":        {variable: "RAMPART_REDIS_SERVER", value: "/nowhere/redis-server", want: "RAMPART_REDIS_SERVER=/nowhere/redis-server cannot be run", hint: "unset"},
		"a program that is not installed":     {variable: "PATH", value: "/nowhere", want: "not installed: temporal, redis-server, prometheus", hint: "make deps"},
		"ports of which somebody has the 2nd": {port: taken(t) - 1, want: "is taken", hint: "5 successive ports"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.variable == "PATH" {
				t.Chdir(t.TempDir()) // away from .cache/bin
			}
			if c.variable != "" {
				t.Setenv(c.variable, c.value)
			}
			err := devstack.Run(t.Context(), devstack.Options{Dir: t.TempDir(), Port: c.port}, unreachableBody(t))
			require.ErrorContains(t, err, c.want)
			require.Contains(t, rampart.HintOf(err), c.hint)
		})
	}
}

func TestStackThatNeverStartedLeavesNothingBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	err := devstack.Run(t.Context(), devstack.Options{Port: taken(t) - 1}, unreachableBody(t))
	require.ErrorContains(t, err, "is taken")
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func unreachableBody(t *testing.T) func(context.Context, *devstack.Stack) error {
	return func(context.Context, *devstack.Stack) error {
		t.Error("the stack must not be called ready")
		return nil
	}
}

// taken listens on a port whose predecessor is free.
func taken(t *testing.T) int {
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		port := l.Addr().(*net.TCPAddr).Port
		before, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port-1)))
		if err == nil {
			_ = before.Close()
			return port
		}
	}
}

func writeProgram(t *testing.T, script string) string {
	path := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700))
	return path
}

func there(path string) func(context.Context) error {
	return func(context.Context) error {
		_, err := os.Stat(path)
		return err
	}
}

func pidIn(t *testing.T, path string) int {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	require.NoError(t, err)
	return pid
}

// gone reports whether a process has ended; one that nobody has buried yet has.
func gone(pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func get(t *testing.T, url string) string {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	require.NoError(t, err)
	return string(b)
}
