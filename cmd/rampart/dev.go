package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/devstack"
)

// development is what "rampart dev" is told.
type development struct {
	data     string
	port     int
	scrape   time.Duration
	targets  []string
	noWorker bool
}

func (a *app) devCommand() *cobra.Command {
	var d development
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run all parts on this machine, to try things out",
		Long: `Dev runs Temporal with its UI, Redis, Prometheus and a worker on loopback, sets the
environment up, and prints what another terminal must know of it. It ends on Ctrl-C,
or when one of the parts ends, and leaves nothing running.

Without --data, everything is forgotten at the end. Nothing here asks anybody who
they are, so it is for one person's machine only.`,
		Example: `  rampart dev
  rampart dev --data .rampart --port 7300 --target shop=127.0.0.1:8080`,
		Args: a.takes(),
		RunE: a.does(func(ctx context.Context, _ []string) error { return a.develop(ctx, d) }),
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&d.data, "data", "", "directory that keeps data and logs for the next time")
	f.IntVar(&d.port, "port", 0, fmt.Sprintf("first of %d successive ports; 0 takes free ones", devstack.Ports))
	f.DurationVar(&d.scrape, "scrape", devstack.DefaultScrape, "how often Prometheus scrapes")
	f.StringArrayVar(&d.targets, "target", nil, "service for Prometheus to scrape, NAME=HOST:PORT; may be repeated")
	f.BoolVar(&d.noWorker, "no-worker", false, "run no worker, to run one of your own")
	_ = c.MarkFlagDirname("data")
	return c
}

// develop runs the parts until somebody stops them.
func (a *app) develop(ctx context.Context, d development) error {
	if d.scrape < time.Second || d.scrape > time.Hour {
		return rampart.Errorf(rampart.Invalid, "--scrape %s is not from 1s to 1h", d.scrape).WithHint("%s", a.usage())
	}
	if d.port < 0 || d.port > 65535-devstack.Ports {
		return rampart.Errorf(rampart.Invalid, "--port %d cannot be the first of %d ports", d.port, devstack.Ports).WithHint("%s", a.usage())
	}
	targets, err := targetsOf(d.targets)
	if err != nil {
		return err
	}
	o := devstack.Options{
		Dir: d.data, Port: d.port, Scrape: d.scrape, Environment: a.options.Environment,
		Say: func(what string) { fmt.Fprintln(a.err, what+" ...") },
	}
	if !d.noWorker {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this program, to run a worker: %w", err)
		}
		o.Worker = []string{self, "worker"}
	}
	if !signal.Ignored(syscall.SIGHUP) { // which nohup asks for
		hungUp, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
		ctx = hungUp // a terminal that is closed leaves nothing behind either
	}
	began := a.now()
	return devstack.Run(ctx, o, func(ctx context.Context, s *devstack.Stack) error {
		for _, t := range targets {
			if err := s.Scrape(t.name, t.address); err != nil {
				return err
			}
		}
		a.introduce(s, d, a.now().Sub(began))
		<-ctx.Done()
		fmt.Fprintln(a.err, "stopping ...")
		return nil
	})
}

// introduce says where everything is.
func (a *app) introduce(s *devstack.Stack, d development, took time.Duration) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is ready after %s\n\n", a.options.Environment, took.Round(100*time.Millisecond))
	kept := s.Dir
	if d.data == "" {
		kept += " (until the end; --data keeps it)"
	}
	worker := ""
	if s.Worker != "" {
		worker = "http://" + s.Worker + "/metrics"
	}
	fields(&b, "Temporal UI", s.UI, "Temporal", s.Temporal, "Redis", s.Redis, "Prometheus", s.Prometheus,
		"worker", worker, "data and logs", kept)
	fmt.Fprintf(&b, "\nIn another terminal:\n\n")
	for _, variable := range s.Env() {
		fmt.Fprintf(&b, "export %s\n", variable)
	}
	fmt.Fprintf(&b, "\nCtrl-C stops everything.\n")
	_, _ = io.WriteString(a.out, b.String())
}

type target struct{ name, address string }

func targetsOf(pairs []string) ([]target, error) {
	var all []target
	for _, pair := range pairs {
		name, address, _ := strings.Cut(pair, "=")
		host, port, err := net.SplitHostPort(address)
		if n, notANumber := strconv.ParseUint(port, 10, 16); err != nil || host == "" || notANumber != nil || n == 0 {
			return nil, rampart.Errorf(rampart.Invalid, "--target %s is not NAME=HOST:PORT", pair).WithHint("for example --target shop=127.0.0.1:8080")
		}
		if err := rampart.CheckName("a target", name); err != nil {
			return nil, err
		}
		all = append(all, target{name, address})
	}
	return all, nil
}
