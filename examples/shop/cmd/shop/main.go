// Command shop serves the shop on a loopback address.
//
//	go run ./examples/shop/cmd/shop --listen 127.0.0.1:8080 --faults 127.0.0.1:8081
//	curl -X PUT 127.0.0.1:8081/faults -d '{"newErrors": 30}'
//
// The flag store is the one that RAMPART_REDIS and RAMPART_ENV name, as "rampart dev"
// prints them; its password may be in the file that RAMPART_REDIS_PASSWORD_FILE names.
// Without --faults the shop cannot be told to fail.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/examples/shop"
	"github.com/rampart-dev/rampart/flagstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, settingsFromArgs()); err != nil {
		fmt.Fprintf(os.Stderr, "shop: %v\n", err)
		if hint := rampart.HintOf(err); hint != "" {
			fmt.Fprintf(os.Stderr, "    hint: %s\n", hint)
		}
		os.Exit(1)
	}
}

type settings struct {
	redis, environment string
	passwordFile       string
	listen, faults     string
	console, tokenFile string
	failures           float64
}

func settingsFromArgs() settings {
	var s settings
	flag.StringVar(&s.redis, "redis", or(os.Getenv("RAMPART_REDIS"), "redis://127.0.0.1:6379"), "URL of the flag store (RAMPART_REDIS)")
	flag.StringVar(&s.passwordFile, "redis-password-file", os.Getenv("RAMPART_REDIS_PASSWORD_FILE"), "file with its password (RAMPART_REDIS_PASSWORD_FILE)")
	flag.StringVar(&s.environment, "env", or(os.Getenv("RAMPART_ENV"), "production"), "environment whose flags are read (RAMPART_ENV)")
	flag.StringVar(&s.listen, "listen", "127.0.0.1:8080", "address of the shop")
	flag.StringVar(&s.faults, "faults", "", "loopback address at which faults can be injected; empty: they cannot")
	flag.StringVar(&s.console, "console", "", "URL of the console, which browsers ask while a page is open; empty: pages do not")
	flag.StringVar(&s.tokenFile, "console-token-file", "", "file with its token for browsers; empty: it wants none")
	flag.Float64Var(&s.failures, "failures", 2, "percent of the database's queries that fail by themselves")
	flag.Parse()
	return s
}

func run(ctx context.Context, s settings) error {
	failures, err := rampart.PercentOf(s.failures)
	if err != nil {
		return err
	}
	password, err := secretIn(s.passwordFile)
	if err != nil {
		return rampart.Errorf(rampart.Invalid, "the password of the flag store cannot be read").Because(err)
	}
	token, err := secretIn(s.tokenFile)
	if err != nil {
		return rampart.Errorf(rampart.Invalid, "the console's token cannot be read").Because(err)
	}
	var faults *shop.Faults
	if s.faults != "" {
		if err := loopbackOnly(s.faults); err != nil {
			return err
		}
		faults = shop.NewFaults(nil)
	}
	registry := prometheus.NewRegistry()
	flags, err := client.Open(ctx, client.Options{
		Redis: s.redis, Environment: s.environment, Service: "shop",
		Store:      flagstore.Options{Password: password},
		Registerer: registry, Events: []string{shop.EventCompleted},
	})
	if err != nil {
		return err
	}
	defer func() { _ = flags.Close() }()
	tea, err := shop.New(shop.Options{
		Flags: flags, Registry: registry, Faults: faults, Database: shop.DatabaseOptions{Failures: failures},
		Console: shop.Console{URL: s.console, Token: token},
	})
	if err != nil {
		return err
	}
	servers := map[string]http.Handler{s.listen: tea.Handler()}
	if faults != nil {
		servers[s.faults] = faults.Handler()
	}
	return serve(ctx, servers)
}

// secretIn reads a secret; empty where no file is named.
func secretIn(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	secret, err := os.ReadFile(file)
	return strings.TrimSpace(string(secret)), err
}

// serve serves each handler at its address until the context ends or one of them
// cannot; requests under way are finished.
func serve(ctx context.Context, handlers map[string]http.Handler) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var servers []*http.Server
	for address, handler := range handlers {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		slog.Info("listening", "address", "http://"+listener.Addr().String())
		server := &http.Server{
			Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
			WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		}
		servers = append(servers, server)
		go func() { cancel(server.Serve(listener)) }()
	}
	<-ctx.Done()
	end, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	for _, server := range servers {
		_ = server.Shutdown(end)
	}
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// loopbackOnly refuses an address at which others than this machine could inject
// faults.
func loopbackOnly(address string) error {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return rampart.Errorf(rampart.Invalid, "--faults %s is no loopback address", address).WithHint("write 127.0.0.1:PORT")
	}
	return nil
}

func or(value, instead string) string {
	if value == "" {
		return instead
	}
	return value
}
