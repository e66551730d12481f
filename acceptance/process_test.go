package acceptance_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/internal/child"
)

const (
	// patience is for what a loaded machine does slowly.
	patience = time.Minute
	tick     = 20 * time.Millisecond
)

// eventually waits until something is so. What it was last is told where it never is.
func eventually(t testing.TB, what string, is func() (ok bool, last any)) {
	t.Helper()
	within(t, patience, what, is)
}

// within is eventually with another patience.
func within(t testing.TB, patience time.Duration, what string, is func() (ok bool, last any)) {
	t.Helper()
	deadline, again := time.NewTimer(patience), time.NewTicker(tick)
	defer deadline.Stop()
	defer again.Stop()
	for {
		ok, last := is()
		if ok {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %s\nlast: %+v", patience, what, last)
		case <-again.C:
		}
	}
}

// A process is a child that belongs to one test.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	output output
	gone   chan struct{}
	err    error // once gone is closed
}

// run starts a program. What it said is told if the test fails.
func (s *stack) run(program string, args ...string) *process {
	s.t.Helper()
	p := &process{t: s.t, gone: make(chan struct{})}
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = append(plainEnviron(), s.environ()...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = child.DieWithParent()
	require.NoError(s.t, p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.gone)
	}()
	s.t.Cleanup(func() {
		p.kill()
		if s.t.Failed() {
			s.t.Logf("%s %s said:\n%s", filepath.Base(program), strings.Join(args, " "), p.output.tail())
		}
	})
	return p
}

// plainEnviron is the environment of this process without what it may tell rampart.
func plainEnviron() []string {
	var plain []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "RAMPART_") {
			plain = append(plain, v)
		}
	}
	return plain
}

// kill ends the process at once, as a crash of its machine would.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.gone
}

// freeze stops the process in mid-breath; what others have sent to it stays unread.
func (p *process) freeze() { require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGSTOP)) }

// thaw lets it go on.
func (p *process) thaw() { require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGCONT)) }

// ends waits until the process has ended by itself, and returns its exit code.
func (p *process) ends() int {
	p.t.Helper()
	select {
	case <-p.gone:
	case <-time.After(patience):
		p.t.Fatalf("%s has not ended within %s", p.cmd.Path, patience)
	}
	return p.cmd.ProcessState.ExitCode()
}

// rampart runs the command line to its end.
func (s *stack) rampart(args ...string) (code int, says string) {
	s.t.Helper()
	p := s.run(rampartProgram, args...)
	code = p.ends()
	return code, p.output.String()
}

// A worker is a worker process.
type worker struct {
	*process
	address string // of its health and metrics
}

// work starts a worker and waits until it is ready.
func (s *stack) work(args ...string) *worker {
	s.t.Helper()
	return s.workAs(rampartProgram, args...)
}

// workAs starts a worker of some build.
func (s *stack) workAs(program string, args ...string) *worker {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "address")
	w := &worker{process: s.run(program, append([]string{
		"worker", "--listen", "127.0.0.1:0", "--address-file", file, "--sweep-every", "1s", "--scrape-interval", "1s", "--log-format", "console",
	}, args...)...)}
	eventually(s.t, "the worker listens", func() (bool, any) {
		b, err := os.ReadFile(file)
		if w.address = strings.TrimSpace(string(b)); err == nil {
			return true, nil
		}
		return w.ended(err)
	})
	w.awaitReady()
	return w
}

// awaitReady waits until the worker says that it can work.
func (w *worker) awaitReady() {
	w.t.Helper()
	eventually(w.t, "the worker is ready", func() (bool, any) {
		status, body, err := get("http://" + w.address + "/readyz")
		if status == http.StatusOK {
			return true, nil
		}
		return w.ended(errors.Join(err, errors.New(body)))
	})
}

// ended fails the test where the worker is gone; otherwise it is to be waited for.
func (w *worker) ended(last error) (bool, any) {
	select {
	case <-w.gone:
		w.t.Fatalf("the worker has ended: %v\n%s", w.err, w.output.tail())
	default:
	}
	return false, last
}

func get(url string) (status int, body string, err error) {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return resp.StatusCode, string(b), err
}

// output collects what a process says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String returns all that was said.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (o *output) tail() string {
	const most = 6 << 10
	all := o.String()
	return all[max(0, len(all)-most):]
}
