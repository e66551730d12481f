package console

import (
	"context"
	"log/slog"
	"sync"

	syncv1grpc "buf.build/gen/go/open-feature/flagd/grpc/go/flagd/sync/v1/syncv1grpc"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"

	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/console/access"
	"github.com/rampart-dev/rampart/console/flagd"
	"github.com/rampart-dev/rampart/console/ofrep"
	"github.com/rampart-dev/rampart/internal/logs"
)

// Run serves until the context ends, and then returns nil once the requests under way
// have ended. Every other ending is an error, of kind Invalid or Refused where the
// configuration is wrong.
func Run(ctx context.Context, c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	s, err := open(ctx, c.withDefaults())
	if err != nil {
		return err
	}
	defer s.close()
	return s.run(ctx)
}

// console is one process.
type console struct {
	config   Config
	log      *zap.Logger
	registry *prometheus.Registry
	flags    *client.Client
	grants   *access.Grants
	ofrep    *ofrep.Handler
	flagd    *flagd.Service // nil: not asked for
	ready    *readiness
	servers  []*server
	rpc      *rpcServer // nil: not asked for
	failed   chan error // of a server that has ended by itself
}

// open makes everything, and listens, before anything is served: what is wrong with
// the configuration is known at once. A store that is away is nothing wrong.
func open(ctx context.Context, c Config) (s *console, err error) {
	s = &console{config: c, log: c.Log, registry: prometheus.NewRegistry(), failed: make(chan error, 3)}
	if s.log == nil {
		if s.log, err = logs.New(c.LogFormat, c.LogLevel); err != nil {
			return nil, err
		}
	}
	plain := s.log // the client adds the environment itself
	s.log = s.log.With(zap.String("environment", c.Store.Environment))
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	s.grants, err = access.Open(access.Options{Environment: c.Store.Environment, File: c.Tokens, Rate: c.Token, Log: s.log})
	if err != nil {
		return nil, err
	}
	if err = s.listen(); err == nil {
		s.flags, err = client.Open(ctx, client.Options{
			Redis: c.Store.URL, Environment: c.Store.Environment, Service: "rampart-console", Store: c.Store,
			Bootstrap: c.Bootstrap, StaleAfter: c.StaleAfter, Registerer: s.registry,
			Logger: slog.New(zapslog.NewHandler(plain.Core())),
		})
	}
	if err != nil {
		s.close()
		return nil, err
	}
	s.answer()
	return s, nil
}

// answer makes what the listeners hand requests to.
func (s *console) answer() {
	proxies, _ := access.ParseProxies(s.config.Proxies) // which Validate has read
	public, _ := s.config.publicURL()
	s.ready = &readiness{flags: s.flags, environment: s.config.Store.Environment}
	s.ofrep = ofrep.New(ofrep.Options{
		Flags: s.flags, Environment: s.config.Store.Environment, Grants: s.grants, Addresses: access.NewAddresses(s.config.Address),
		Proxies: proxies, PublicURL: public, Streams: s.config.Streams, Registerer: s.registry, Log: s.log,
	})
	if s.rpc != nil {
		s.flagd = flagd.New(flagd.Options{
			Flags: s.flags, Environment: s.config.Store.Environment, Grants: s.grants, Registerer: s.registry, Log: s.log,
		})
		syncv1grpc.RegisterFlagSyncServiceServer(s.rpc.grpc, s.flagd)
	}
}

func (s *console) run(ctx context.Context) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var beside sync.WaitGroup
	beside.Go(func() { s.grants.Keep(serving) })
	beside.Go(func() { s.ofrep.Keep(serving) })
	if s.flagd != nil {
		beside.Go(func() { s.flagd.Keep(serving) })
	}
	s.serve()
	if s.grants.Open() {
		s.log.Warn("everybody on this machine may ask, because there are no tokens")
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	}
	s.ready.drain()
	s.log.Info("draining", zap.Duration("timeout", s.config.StopTimeout))
	stop() // which ends the streams
	beside.Wait()
	s.shutdown()
	s.log.Info("stopped")
	return err
}

func (s *console) close() {
	s.shutdown()
	if s.flags != nil {
		_ = s.flags.Close()
	}
	_ = s.log.Sync()
}
