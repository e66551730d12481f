package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/listen"
	"github.com/rampart-dev/rampart/internal/replace"
)

// server is the process's HTTP server.
type server struct {
	http   http.Server
	file   string // that has the address
	failed chan error
}

// listen starts to serve health, readiness and metrics.
func (p *process) listen() (*server, error) {
	l, err := listen.On("tcp", p.config.Listen, "--listen or RAMPART_LISTEN")
	if err != nil {
		return nil, err
	}
	s := &server{failed: make(chan error, 1), file: p.config.AddressFile, http: http.Server{
		Handler:           p.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // a scrape of many series over a slow line
		IdleTimeout:       2 * time.Minute,  // longer than between two scrapes
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          zap.NewStdLog(p.log),
	}}
	if err := s.tell(l.Addr().String()); err != nil {
		_ = l.Close()
		return nil, err
	}
	p.log.Info("listening", zap.String("address", l.Addr().String()))
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("http server: %w", err)
		}
	}()
	return s, nil
}

func (p *process) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /readyz", p.ready)
	mux.Handle("GET /metrics", promhttp.InstrumentMetricHandler(p.registry, promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, Timeout: 20 * time.Second,
	})))
	return mux
}

// tell writes the address to the file, in one step, because somebody is waiting for it.
func (s *server) tell(address string) error {
	if s.file == "" {
		return nil
	}
	err := replace.File(s.file, []byte(address+"\n"))
	if err != nil {
		return rampart.Errorf(rampart.Invalid, "the address cannot be written").WithHint("check --address-file").Because(err)
	}
	return nil
}

// close ends the server, and lets a scrape that is under way end first.
func (s *server) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	if s.file != "" {
		_ = os.Remove(s.file)
	}
}
