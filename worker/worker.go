package worker

import (
	"context"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	sdk "go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/starter"
	"github.com/rampart-dev/rampart/worker/annotations"
	"github.com/rampart-dev/rampart/worker/notices"
)

// Run works until the context ends, and then returns nil once the attempts under
// way have ended. Every other ending is an error: of kind Invalid or Refused where
// the configuration is wrong or the store is another's, Unreachable where Temporal
// or the store did not answer in time, Unexpected where the work itself broke.
func Run(ctx context.Context, c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	p, err := open(c.withDefaults())
	if err != nil {
		return err
	}
	defer p.close()
	return p.run(ctx)
}

// process is one worker process.
type process struct {
	config     Config
	log        *zap.Logger
	registry   *prometheus.Registry
	carrier    *activities.Carrier
	starter    *starter.Starter
	prometheus *gates.Prometheus
	channels   *notices.Channels
	annotator  *annotations.Follower // nil: none
	ready      *readiness
	fatal      chan error // the first error that the work cannot go on after
}

// open makes everything that connects to nobody.
func open(c Config) (*process, error) {
	log, err := newLog(c)
	if err != nil {
		return nil, err
	}
	p := &process{config: c, registry: prometheus.NewRegistry(), carrier: new(activities.Carrier), fatal: make(chan error, 1)}
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	c.Parts.Metrics = newSDKMetrics(p.registry)
	c.Parts.Logger = sdkLog{log.Named("temporal").Sugar()}
	c.Parts.Intercept = carrying(p.carrier)
	if p.prometheus, err = gates.NewPrometheus(c.Prometheus); err != nil {
		return nil, err
	}
	if p.starter, err = starter.Dial(c.Parts); err != nil {
		return nil, err
	}
	p.log = log.With(zap.String("environment", p.starter.Environment()))
	p.ready = &readiness{p: p, stage: starting}
	if p.channels, err = p.openChannels(); err == nil {
		err = p.checkPages()
	}
	if err == nil && c.Grafana.URL != "" {
		p.annotator, err = annotations.New(annotations.Options{
			Store: p.starter.Store, Grafana: c.Grafana, Registerer: p.registry, Log: p.log.Named("annotations"),
		})
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *process) openChannels() (*notices.Channels, error) {
	pairs := p.config.Notify
	if file := p.config.NotifyFile; file != "" {
		more, err := notices.Read(file)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs[:len(pairs):len(pairs)], more...)
	}
	return notices.New(pairs, notices.Options{
		Log:  p.log,
		Link: func(workflowID string) string { return p.starter.URL(workflowID, "") },
	})
}

func (p *process) close() {
	_ = p.starter.Close()
	_ = p.log.Sync()
}

func (p *process) run(ctx context.Context) error {
	srv, err := p.listen()
	if err != nil {
		return err
	}
	defer srv.close()
	namespace, err := p.admit(ctx)
	if err != nil {
		if ctx.Err() != nil { // told to stop before there was anything to do
			return nil
		}
		return err
	}
	workers := p.workers(namespace)
	defer stopAll(workers)
	for _, w := range workers {
		if err := w.Start(); err != nil {
			return rampart.Errorf(rampart.Unreachable, "Temporal at %s does not let the worker work", p.starter.Address).Because(err)
		}
	}
	p.ready.enter(working, namespace)
	p.introduce()
	if p.config.Trust == rampart.TrustPayload {
		p.log.Warn("approvals are believed as they are written; this is for development", zap.String("trust", string(p.config.Trust)))
	}
	p.log.Info("working", zap.String("namespace", namespace), zap.String("temporal", p.starter.Address),
		zap.String("redis", p.starter.Store.Address()), zap.Strings("channels", p.channels.Names()))

	beside, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	others.Go(func() { p.keepSweeping(beside, namespace) })
	others.Go(func() { newCensus(p).keep(beside) })
	if p.annotator != nil {
		others.Go(func() { p.annotator.Run(beside) })
	}
	err = p.wait(ctx, srv)
	stop()
	others.Wait()

	p.ready.enter(draining, "")
	p.log.Info("draining", zap.Duration("timeout", p.config.StopTimeout))
	stopAll(workers)
	p.log.Info("stopped")
	return err
}

// wait returns when there is a reason to stop.
func (p *process) wait(ctx context.Context, srv *server) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-p.fatal:
		return fmt.Errorf("the worker cannot go on: %w", err)
	case err := <-srv.failed:
		return err
	}
}

// fail ends the work. The first reason is the one that is told.
func (p *process) fail(err error) {
	select {
	case p.fatal <- err:
	default:
	}
}

// stopAll takes no more work and returns once the attempts under way have ended.
// Stopping twice does nothing.
func stopAll(workers []sdk.Worker) {
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(w.Stop)
	}
	all.Wait()
}
