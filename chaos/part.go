package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/rampart-dev/rampart/internal/child"
)

// supervisorDelay is what a supervisor waits before it starts again what has ended.
const supervisorDelay = 500 * time.Millisecond

// A part is a program that is kept running: whatever ends it, it is started again.
type part struct {
	name    string
	kind    string // of parts that are alike
	program string
	args    []string
	log     string
	hear    func(life string, line []byte) // gets what it says on stdout, if set
	died    func(life string)
	story   *story

	mu     sync.Mutex
	busy   bool // somebody is breaking it
	cmd    *exec.Cmd
	lives  int
	ours   bool          // who ended it is this program
	rest   time.Duration // before it is started again
	before func()        // what else happens while it is down
	alone  int           // times that it ended by itself
	said   string        // how it did so the last time
	done   chan struct{}
}

// keep runs the part until the context is over.
func (p *part) keep(ctx context.Context) error {
	gone, err := p.start()
	if err != nil {
		return err
	}
	p.done = make(chan struct{})
	go func() {
		defer close(p.done)
		for {
			select {
			case err := <-gone:
				if gone = p.again(ctx, err); gone == nil {
					return
				}
			case <-ctx.Done():
				p.signal(syscall.SIGKILL)
				<-gone
				return
			}
		}
	}()
	return nil
}

// again starts the part anew after it has ended; nil: the soak is over.
func (p *part) again(ctx context.Context, how error) <-chan error {
	p.mu.Lock()
	rest, before := p.rest, p.before
	if !p.ours {
		p.alone++
		p.said = fmt.Sprint(how)
		p.story.tell(p.name, "has ended by itself: %v", how)
		rest, before = supervisorDelay, nil
	}
	life := p.life()
	p.ours, p.before = false, nil
	p.mu.Unlock()
	if p.died != nil {
		p.died(life)
	}
	if before != nil {
		before()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rest):
		}
		gone, err := p.start()
		if err == nil {
			p.story.tell(p.name, "started as pid %d", p.pid())
			return gone
		}
		p.story.tell(p.name, "cannot be started: %v", err)
		rest = supervisorDelay
	}
}

func (p *part) start() (<-chan error, error) {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lives++
	cmd := exec.Command(p.program, p.args...)
	cmd.Env = plainEnviron()
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, child.DieWithParent()
	if p.hear != nil {
		cmd.Stdout = &lines{take: func(line []byte) { p.hear(p.life(), line) }}
	}
	if err := cmd.Start(); err != nil {
		_ = out.Close()
		return nil, err
	}
	p.cmd = cmd
	gone := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = out.Close()
		gone <- err
	}()
	return gone, nil
}

// life names one run of the part.
func (p *part) life() string { return fmt.Sprintf("%s/%d", p.name, p.lives) }

func (p *part) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// kill ends the part at once. It stays down for a rest, in which before happens.
func (p *part) kill(rest time.Duration, before func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ours, p.rest, p.before = true, rest, before
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
}

func (p *part) signal(what syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if what == syscall.SIGKILL {
		p.ours = true
	}
	_ = p.cmd.Process.Signal(what)
}

// claim reserves the part for whoever breaks it; false: somebody else does.
func (p *part) claim() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy {
		return false
	}
	p.busy = true
	return true
}

func (p *part) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = false
}

// lines cuts what is written into lines.
type lines struct {
	rest []byte
	take func(line []byte)
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		l.take(line)
		l.rest = rest
	}
}
