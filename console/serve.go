package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/netutil"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/listen"
	"github.com/rampart-dev/rampart/internal/replace"
)

// A server is one listener and what answers there.
type server struct {
	name     string // as it stands in the address file
	listener net.Listener
	http     http.Server
}

// connections are how many may be open beside those of streams.
const connections = 4096

// listen takes the addresses, so that one that is taken already is known at once.
func (s *console) listen() error {
	certs, err := s.certificates()
	if err != nil {
		return err
	}
	if err := s.listenOn("http", s.config.Listen, "--listen", s.config.Streams.Total+connections); err != nil {
		return err
	}
	s.servers[0].http.TLSConfig = certs
	if s.config.Metrics != off {
		if err := s.listenOn("metrics", s.config.Metrics, "--metrics-listen", 64); err != nil {
			return err
		}
	}
	if s.config.Flagd != "" {
		if err := s.listenRPC(certs); err != nil {
			return err
		}
	}
	return s.tell()
}

func (s *console) listenOn(name, address, flag string, most int) error {
	l, err := listen.On("tcp", address, flag)
	if err != nil {
		return err
	}
	s.servers = append(s.servers, &server{name: name, listener: netutil.LimitListener(l, most), http: http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // streams set their own
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100},
		ErrorLog:          zap.NewStdLog(s.log),
	}})
	return nil
}

// tell writes the addresses to the file, in one step, because somebody is waiting for it.
func (s *console) tell() error {
	var lines strings.Builder
	say := func(name string, l net.Listener) {
		fmt.Fprintf(&lines, "%s %s\n", name, l.Addr())
		s.log.Info("listening", zap.String("for", name), zap.Stringer("address", l.Addr()))
	}
	for _, v := range s.servers {
		say(v.name, v.listener)
	}
	if s.rpc != nil {
		say("flagd", s.rpc.listener)
	}
	if s.config.AddressFile == "" {
		return nil
	}
	err := replace.File(s.config.AddressFile, []byte(lines.String()))
	if err != nil {
		return rampart.Errorf(rampart.Invalid, "the addresses cannot be written").WithHint("check --address-file").Because(err)
	}
	return nil
}

// serve begins to answer.
func (s *console) serve() {
	handlers := map[string]http.Handler{"http": s.handler(), "metrics": s.metricsHandler()}
	for _, v := range s.servers {
		v.http.Handler = handlers[v.name]
		go func() {
			serve := v.http.Serve
			if v.http.TLSConfig != nil {
				serve = func(l net.Listener) error { return v.http.ServeTLS(l, "", "") }
			}
			if err := serve(v.listener); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- fmt.Errorf("http server: %w", err)
			}
		}()
	}
	if s.rpc != nil {
		go func() {
			if err := s.rpc.grpc.Serve(s.rpc.listener); err != nil {
				s.failed <- fmt.Errorf("grpc server: %w", err)
			}
		}()
	}
}

// shutdown lets requests under way end first, as long as they may take.
func (s *console) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.StopTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, v := range s.servers {
		all.Go(func() {
			if v.http.Shutdown(ctx) != nil {
				_ = v.http.Close()
			}
			_ = v.listener.Close()
		})
	}
	if s.rpc != nil {
		all.Go(func() { s.rpc.stop(ctx) })
	}
	all.Wait()
	if s.config.AddressFile != "" && len(s.servers) > 0 {
		_ = os.Remove(s.config.AddressFile)
	}
	s.servers, s.rpc = nil, nil
}
