package devstack

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rampart-dev/rampart/starter"
)

// start runs the parts. The three servers know nothing of each other, so they start
// at the same time; the worker needs them all.
func (s *Stack) start(ctx context.Context) error {
	program, err := findPrograms()
	if err != nil {
		return err
	}
	ports, err := claim(s.options.Port, Ports)
	if err != nil {
		return err
	}
	temporal, ui, redis, prometheus, worker := ports[0], ports[1], ports[2], ports[3], ports[4]
	s.Temporal, s.UI = loopback(temporal), "http://"+loopback(ui)
	s.Redis, s.Prometheus = "redis://"+loopback(redis), "http://"+loopback(prometheus)

	s.options.Say("starting Temporal, Redis and Prometheus")
	servers, all := errgroup.WithContext(ctx)
	servers.Go(func() error { return s.startTemporal(all, program["temporal"], temporal, ui) })
	servers.Go(func() error { return s.startRedis(all, program["redis"], redis) })
	servers.Go(func() error { return s.startPrometheus(all, program["prometheus"], prometheus) })
	if err := servers.Wait(); err != nil {
		return err
	}
	if err := s.setUp(ctx); err != nil {
		return err
	}
	if len(s.options.Worker) == 0 {
		return nil
	}
	s.options.Say("starting a worker")
	return s.startWorker(ctx, worker)
}

func (s *Stack) startTemporal(ctx context.Context, program string, port, ui int) error {
	args := []string{
		"server", "start-dev", "--ip", "127.0.0.1", "--port", fmt.Sprint(port), "--ui-port", fmt.Sprint(ui),
		"--log-level", "warn", "--dynamic-config-value", "system.forceSearchAttributesCacheRefreshOnRead=true",
	}
	for _, pair := range s.options.Temporal {
		args = append(args, "--dynamic-config-value", pair)
	}
	if s.options.Dir != "" {
		args = append(args, "--db-filename", s.path("temporal.db"))
	}
	return s.Launch(ctx, Process{Name: "temporal", Program: program, Args: args}, both(healthy(s.Temporal), Answers(s.UI)))
}

func (s *Stack) startRedis(ctx context.Context, program string, port int) error {
	keep := "no"
	if s.options.Dir != "" {
		keep = "yes"
	}
	return s.Launch(ctx, Process{Name: "redis", Program: program, Args: []string{
		"--bind", "127.0.0.1", "--port", fmt.Sprint(port), "--dir", s.path("redis"),
		"--save", "", "--appendonly", keep, "--daemonize", "no",
	}}, pongs(loopback(port)))
}

func (s *Stack) startPrometheus(ctx context.Context, program string, port int) error {
	config := s.path("prometheus", "prometheus.json")
	if err := s.targets.configure(config, s.options.Scrape); err != nil {
		return err
	}
	return s.Launch(ctx, Process{Name: "prometheus", Program: program, Args: []string{
		"--config.file=" + config, "--storage.tsdb.path=" + s.path("prometheus", "data"), "--storage.tsdb.retention.time=2d",
		"--web.listen-address=" + loopback(port), "--log.level=warn",
		// A service that was just added is not to wait the usual five seconds.
		"--scrape.discovery-reload-interval=500ms",
	}}, Answers(s.Prometheus+"/-/ready"))
}

// startWorker runs the worker, and has it scraped like any other service.
func (s *Stack) startWorker(ctx context.Context, port int) error {
	s.Worker = loopback(port)
	command := s.options.Worker
	worker := Process{
		Name: "worker", Program: command[0], Args: command[1:],
		Env: append(s.Env(), "RAMPART_LISTEN="+s.Worker, "RAMPART_SCRAPE_INTERVAL="+s.options.Scrape.String(), "RAMPART_LOG_FORMAT=console"),
	}
	if err := s.Launch(ctx, worker, Answers("http://"+s.Worker+"/readyz")); err != nil {
		return err
	}
	return s.Scrape("worker", s.Worker)
}

// setUp makes the environment ready. Temporal answers a moment before its namespace
// does.
func (s *Stack) setUp(ctx context.Context) (err error) {
	s.starter, err = starter.Dial(starter.Options{
		Environment: s.options.Environment, Temporal: s.Temporal, Redis: s.Redis, UI: s.UI,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Patience)
	defer cancel()
	for {
		if _, err = s.starter.Setup(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("set up %s: %w", s.options.Environment, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
