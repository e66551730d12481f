package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/devstack"
	"github.com/rampart-dev/rampart/starter"
	"github.com/rampart-dev/rampart/worker"
)

// workerCommand makes this program a worker, so that what is measured runs in a
// process of its own and shares neither scheduler nor memory with the measuring.
const workerCommand = "worker"

func work(ctx context.Context, args []string) error {
	var c worker.Config
	fs := pflag.NewFlagSet(workerCommand, pflag.ContinueOnError)
	c.Parts.Bind(fs)
	c.Bind(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	return worker.Run(ctx, c)
}

// site is where launches are walked: the stack, a worker, and a metrics provider in
// which metrics can be broken.
type site struct {
	starter *starter.Starter
	broken  sync.Map // names of flags whose metric is out of bounds
	http    *http.Server
}

// site returns the site, and starts it the first time.
func (b *bench) site(ctx context.Context) (*site, error) {
	if b.worker != nil {
		return b.worker, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	s := &site{starter: b.stack.Starter()}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.http.Serve(l) }()
	b.worker = s
	return s, b.startWorker(ctx, "http://"+l.Addr().String())
}

func (b *bench) startWorker(ctx context.Context, metrics string) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	ports, err := devstack.FreePorts(1)
	if err != nil {
		return err
	}
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	return b.stack.Launch(ctx, devstack.Process{
		Name: "worker", Program: program, Env: b.stack.Env(),
		Args: []string{workerCommand, "--prometheus", metrics, "--listen", address, "--notify", channel + "=log:"},
	}, func(ctx context.Context) error { return ready(ctx, "http://"+address+"/readyz") })
}

// channel is where notices go: to the log of the worker.
const channel = "bench"

func ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}

func (s *site) close() {
	if s != nil {
		_ = s.http.Close()
	}
}

// ServeHTTP answers instant queries as Prometheus does: 1 where the query names a
// flag that is broken, else 0.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/query") {
		http.NotFound(w, r)
		return
	}
	value := 0
	if _, broken := s.broken.Load(r.FormValue("query")); broken {
		value = 1
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[%d,"%d"]}]}}`, time.Now().Unix(), value)
}

// query is the metric of a flag; bounded is the gate that looks at it.
func query(flag string) string { return fmt.Sprintf("errors{flag=%q}", flag) }

func bounded(flag string) rampart.Gate {
	most := 0.5
	return rampart.Gate{Name: "errors", Threshold: &rampart.Threshold{Query: query(flag), Max: &most}}
}

// launch starts a launch, and returns once it holds the pen.
func (s *site) launch(ctx context.Context, p rampart.Plan) (starter.Started, error) {
	p.Owner, p.Purpose, p.RetireBy = "bench", "To be measured", "2099-12-31"
	p.Environment, p.Every = s.starter.Environment(), rampart.Duration(time.Second)
	p.Gates = []rampart.Gate{bounded(p.Flag)}
	return s.starter.Start(ctx, starter.Launching{Plan: p, By: "bench"})
}

// until waits until the launch of a flag is as wanted.
func (s *site) until(ctx context.Context, flag string, is func(rampart.Progress) bool) (rampart.Progress, error) {
	for {
		p, err := s.starter.Progress(ctx, flag)
		switch {
		case err != nil:
			return p, err
		case is(p):
			return p, nil
		case p.State.Ended():
			return p, fmt.Errorf("the launch of %s has ended: %s: %s", flag, p.State, p.Note)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return p, err
		}
	}
}
