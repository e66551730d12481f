package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"golang.org/x/net/netutil"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/internal/listen"
	"github.com/rampart-dev/rampart/internal/logs"
)

// Run relays until the context ends, and then returns nil. Every other ending is an error,
// of kind Invalid or Refused where the configuration is wrong.
func Run(ctx context.Context, c Config) error {
	c = c.withDefaults()
	if err := c.Validate(); err != nil {
		return err
	}
	log := c.Log
	if log == nil {
		var err error
		if log, err = logs.New(c.LogFormat, c.LogLevel); err != nil {
			return err
		}
	}
	defer func() { _ = log.Sync() }()
	listeners, err := c.listen()
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	r, err := Open(ctx, Options{Store: c.Store, Readers: c.Readers, Bootstrap: c.Bootstrap, Registerer: registry, Log: log})
	if err != nil {
		for _, l := range listeners {
			_ = l.Close()
		}
		return err
	}
	defer func() { _ = r.Close() }()
	return r.serve(ctx, c, listeners, []http.Handler{r, r.own(registry)})
}

// listen takes the addresses, so that one that is taken already is known at once.
func (c *Config) listen() ([]net.Listener, error) {
	network, address, err := c.address()
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		if err := makeWay(address); err != nil {
			return nil, err
		}
	}
	l, err := listen.On(network, address, "--listen")
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		if err := os.Chmod(address, 0o660); err != nil { // #nosec G302 -- the group's services follow it
			_ = l.Close()
			return nil, rampart.Errorf(rampart.Invalid, "cannot listen").Because(err).WithHint("name another address with --listen")
		}
	}
	all := []net.Listener{netutil.LimitListener(l, 4*c.Readers+64)} // a stream, and questions beside it
	if c.Metrics == off {
		return all, nil
	}
	m, err := listen.On("tcp", c.Metrics, "--metrics-listen, or off")
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	return append(all, netutil.LimitListener(m, 64)), nil
}

// makeWay removes the socket of a relay that has died. One that answers is left alone.
func makeWay(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return rampart.Errorf(rampart.Invalid, "cannot listen").Because(err).WithHint("check --listen")
	case info.Mode().Type() != os.ModeSocket:
		return rampart.Errorf(rampart.Refused, "%s is there, and is no socket", path).WithHint("name another path with --listen")
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) { // one that is out of breath is there, too
		return rampart.Errorf(rampart.Refused, "another relay has %s", path).WithHint("stop it, or name another path with --listen")
	}
	return os.Remove(path)
}

func (r *Relay) serve(ctx context.Context, c Config, listeners []net.Listener, handlers []http.Handler) error {
	failed := make(chan error, len(listeners))
	var servers []*http.Server
	for i, l := range listeners {
		s := &http.Server{
			Handler: handlers[i], ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
			MaxHeaderBytes: 16 << 10, ErrorLog: zap.NewStdLog(r.log),
		}
		servers = append(servers, s)
		r.log.Info("listening", zap.Stringer("address", l.Addr()))
		go func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("http server: %w", err)
			}
		}()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	r.Stop()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.StopTimeout)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(last) != nil {
			_ = s.Close()
		}
	}
	r.log.Info("stopped")
	return err
}

// own answers about the relay itself.
func (r *Relay) own(registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		s := r.Status()
		if s.State == client.Starting {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = fmt.Fprintf(w, "%s, %d flags, last known to be current %s ago\n", s.State, s.Flags, s.Staleness.Round(time.Millisecond))
	})
	return mux
}
