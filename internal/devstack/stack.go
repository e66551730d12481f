package devstack

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

// Options say what to run. The zero value runs everything but a worker, on free
// ports, with data that is gone afterwards.
type Options struct {
	Dir    string        // keeps the data for the next time; empty: a directory that is removed
	Port   int           // the first of [Ports] successive ports; 0: free ones
	Scrape time.Duration // between two scrapes; 0: DefaultScrape

	Temporal []string // dynamic configuration of the server besides the usual, KEY=JSON

	Environment string        // empty: starter.DefaultEnvironment
	Worker      []string      // program and arguments of the worker; empty: none
	Say         func(string)  // hears what is being done; nil: nobody
	Patience    time.Duration // for a part to answer; 0: DefaultPatience
}

const (
	// DefaultScrape is often enough to watch a launch by, and seldom enough to leave
	// a laptop its battery.
	DefaultScrape = 5 * time.Second
	// DefaultPatience is how long a part may take to answer on a machine under load.
	DefaultPatience = time.Minute
	// Ports is how many successive ports a stack takes.
	Ports = 5
	// restartAfter is what a supervisor would wait.
	restartAfter = 500 * time.Millisecond
)

// A Stack is the running parts. Its fields must not be changed.
type Stack struct {
	Dir        string // of data and logs
	Temporal   string // host:port
	UI         string // URL
	Redis      string // URL
	Prometheus string // URL
	Worker     string // host:port of its health and metrics; empty: there is none

	options Options
	starter *starter.Starter
	targets targets
	ended   chan error // the first part that ended by itself

	mu     sync.Mutex
	parts  []*process // in the order of their start
	closed bool
}

// Run starts the parts, calls body once all of them answer, and stops them when it
// returns. The context of body ends with ctx, or when a part has ended; then the
// error says which, unless body has one of its own.
func Run(ctx context.Context, o Options, body func(context.Context, *Stack) error) (err error) {
	s, err := newStack(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(err != nil)) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case why := <-s.ended:
			cancel(why)
		case <-ctx.Done():
		}
	}()
	if err := s.start(ctx); err != nil {
		return causeOr(ctx, err)
	}
	return causeOr(ctx, body(ctx, s))
}

// Starter returns the way in to the environment of the stack. It is closed with it.
func (s *Stack) Starter() *starter.Starter { return s.starter }

// Env returns the environment variables by which rampart finds the stack.
func (s *Stack) Env() []string {
	return []string{
		"RAMPART_ENV=" + s.options.Environment,
		"RAMPART_TEMPORAL_ADDRESS=" + s.Temporal,
		"RAMPART_REDIS=" + s.Redis,
		"RAMPART_PROMETHEUS_URL=" + s.Prometheus,
		"RAMPART_UI=" + s.UI,
	}
}

// Scrape adds what Prometheus asks for metrics: host:port, by the name of its job.
func (s *Stack) Scrape(job, address string) error { return s.targets.add(job, address) }

// Launch starts one more process, which then is a part of the stack: it is stopped
// before those that were there, and ends the stack if it ends. Launch returns once
// ready does without an error.
func (s *Stack) Launch(ctx context.Context, p Process, ready func(context.Context) error) error {
	s.mu.Lock()
	c, err := p.start(s.path("logs", p.Name+".log"))
	if err != nil {
		s.mu.Unlock()
		return err
	}
	at := len(s.parts)
	s.parts = append(s.parts, c)
	s.mu.Unlock()
	if err := c.await(ctx, s.options.Patience, ready); err != nil {
		return err
	}
	go s.mind(p, c, at)
	return nil
}

// Pid returns the process id of a part, or 0 where there is none of that name.
func (s *Stack) Pid(part string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.parts {
		if c.name == part {
			return c.cmd.Process.Pid
		}
	}
	return 0
}

func newStack(o Options) (*Stack, error) {
	if o.Environment == "" {
		o.Environment = starter.DefaultEnvironment
	}
	if o.Scrape == 0 {
		o.Scrape = DefaultScrape
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	s := &Stack{options: o, Dir: o.Dir, ended: make(chan error, 1)}
	var err error
	if s.Dir == "" {
		s.Dir, err = os.MkdirTemp("", "rampart-dev-")
	} else {
		s.Dir, err = filepath.Abs(o.Dir)
	}
	if err != nil {
		return nil, unwritable(err)
	}
	s.targets = targets{dir: s.path("targets")}
	for _, dir := range []string{"logs", "redis", "prometheus", "targets"} {
		if err := os.MkdirAll(s.path(dir), 0o700); err != nil {
			return nil, unwritable(err)
		}
	}
	if err := s.targets.forget(); err != nil { // those of the last time are at other addresses
		return nil, unwritable(err)
	}
	return s, nil
}

func unwritable(err error) error {
	return rampart.Errorf(rampart.Invalid, "the data cannot be kept there").
		WithHint("name a directory that may be made and written").Because(err)
}

func (s *Stack) path(elements ...string) string {
	return filepath.Join(append([]string{s.Dir}, elements...)...)
}

// close stops every part, the last one first, and removes data that nobody asked to
// keep. After a failure of a part the logs stay.
func (s *Stack) close(failed bool) error {
	if s.starter != nil {
		_ = s.starter.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for i := len(s.parts) - 1; i >= 0; i-- {
		s.parts[i].stop()
	}
	switch {
	case s.options.Dir != "":
		return nil
	case failed && len(s.parts) > 0:
		s.options.Say("keeping the logs in " + s.path("logs"))
		return nil
	}
	return os.RemoveAll(s.Dir)
}

// mind reports a part that ends by itself, or starts it again.
func (s *Stack) mind(p Process, c *process, at int) {
	for {
		<-c.gone
		if c.stopping.Load() {
			return
		}
		if !p.Restart {
			s.end(c.failure("has ended"))
			return
		}
		time.Sleep(restartAfter)
		if c = s.again(p, at); c == nil {
			return
		}
	}
}

// again starts a part that has ended, unless the stack is being closed.
func (s *Stack) again(p Process, at int) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	c, err := p.start(s.path("logs", p.Name+".log"))
	if err != nil {
		s.end(rampart.Errorf(rampart.Unreachable, "%s cannot be started again: %s", p.Name, err))
		return nil
	}
	s.parts[at] = c
	return c
}

// end ends the stack. Its first reason is the one that counts.
func (s *Stack) end(why error) {
	select {
	case s.ended <- why:
	default:
	}
}

// causeOr returns why the stack is ending, where that is a part that ended: whatever
// else failed, failed because of it. That somebody stopped it is no failure.
func causeOr(ctx context.Context, err error) error {
	var ended *rampart.Error
	if cause := context.Cause(ctx); errors.As(cause, &ended) {
		return cause
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
