// Command hello is the smallest service that reads a flag: the one of the tutorial.
//
//	go run ./examples/hello           # on 127.0.0.1:8080
//	go run ./examples/hello --bug     # the new greeting fails for every fifth request
//	curl '127.0.0.1:8080/?user=ann'
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	bug := flag.Bool("bug", false, "let the new greeting fail for every fifth request")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *listen, *bug); err != nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, listen string, bug bool) error {
	flags, err := client.Open(ctx, client.Options{
		Redis: os.Getenv("RAMPART_REDIS"), Environment: os.Getenv("RAMPART_ENV"), Service: "hello",
		Registerer: prometheus.DefaultRegisterer,
	})
	if err != nil {
		return err
	}
	defer func() { _ = flags.Close() }()

	mux := http.NewServeMux()
	mux.Handle("GET /{$}", client.Middleware(flags, whoAsks)(greet(flags.Flag("new-greeting"), bug)))
	mux.Handle("GET /metrics", promhttp.Handler())
	server := &http.Server{Addr: listen, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// greet says hello, in the old or in the new way.
func greet(greeting *client.Flag, bug bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		isNew := greeting.OnContext(r.Context()) // decided here, in nanoseconds, and counted
		switch {
		case oneIn(200), isNew && bug && oneIn(5): // something always fails now and then
			http.Error(w, "sorry", http.StatusInternalServerError)
		case isNew:
			_, _ = fmt.Fprintln(w, "Good to see you!")
		default:
			_, _ = fmt.Fprintln(w, "Hello.")
		}
	}
}

func oneIn(n int) bool { return rand.IntN(n) == 0 } // #nosec G404 -- chance, not a secret

// whoAsks says whom a request is from.
func whoAsks(r *http.Request) rampart.Subject {
	return rampart.Subject{Key: r.URL.Query().Get("user")}
}
