package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rampart-dev/rampart"
)

// grace is how long a part may take to end in order. Temporal needs a few seconds.
const grace = 15 * time.Second

// A Process is a program to be run as a part of the stack.
type Process struct {
	Name    string // of the part, and of its log
	Program string
	Args    []string
	Env     []string // besides that of this process
	Restart bool     // when it ends, as a supervisor would, instead of ending the stack
}

// A process is one run of a part.
type process struct {
	name     string
	cmd      *exec.Cmd
	log      string
	gone     chan struct{} // closed when it has ended
	stopping atomic.Bool
}

// start runs the program in a process group of its own: Ctrl-C then reaches this
// process only, which stops the parts in order, and nothing that a part started
// outlives it.
func (p Process) start(log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", p.Name, err)
	}
	defer func() { _ = out.Close() }() // the child has its own
	cmd := exec.Command(p.Program, p.Args...)
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	c := &process{name: p.Name, cmd: cmd, log: log, gone: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // ProcessState has how it ended
		close(c.gone)
	}()
	return c, nil
}

// await waits until the process is ready. It must be this process that is: a port
// may have been taken by a stranger, and then this one has ended.
func (c *process) await(ctx context.Context, patience time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %s", patience))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		select {
		case <-c.gone:
			return c.failure("ended at its start")
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.Canceled) {
				return context.Canceled
			}
			return rampart.Errorf(rampart.Unreachable, "%s does not become ready: %s", c.name, errors.Join(context.Cause(ctx), err)).
				WithHint("its log is %s", c.log)
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-c.gone:
		case <-ctx.Done():
		}
	}
}

// stop ends the process in order, and what is left of its group at once.
func (c *process) stop() {
	c.stopping.Store(true)
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	_ = c.cmd.Process.Signal(syscall.SIGCONT) // a frozen process does not see SIGTERM
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.gone:
	case <-timer.C:
	}
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.gone
}

// failure says how the process ended, with what it said last.
func (c *process) failure(what string) error {
	text := fmt.Sprintf("%s %s (%s)", c.name, what, c.cmd.ProcessState)
	if last := tail(c.log, 8); len(last) > 0 {
		text += "; its last words:\n    " + strings.Join(last, "\n    ")
	}
	return rampart.Errorf(rampart.Unreachable, "%s", text).WithHint("its whole log is %s", c.log)
}

// tail returns the last lines of a file, as far as they are within its last bytes.
func tail(path string, lines int) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	const most = 4 << 10
	if info, err := f.Stat(); err == nil && info.Size() > most {
		_, _ = f.Seek(-most, io.SeekEnd)
	}
	b, err := io.ReadAll(io.LimitReader(f, most))
	text := strings.TrimSpace(strings.ToValidUTF8(string(b), "?"))
	if err != nil || text == "" {
		return nil
	}
	all := strings.Split(text, "\n")
	return all[max(0, len(all)-lines):]
}
