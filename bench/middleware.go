package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/bench/deciding"
	"github.com/rampart-dev/rampart/bench/figure"
	"github.com/rampart-dev/rampart/client"
)

// wrapping measures what the middleware adds to a request whose handler decides one
// flag with a launch.
var wrapping = benchmark{names: []string{"middleware_ns"}, run: wrap}

func wrap(ctx context.Context, b *bench) ([]figure.Figure, error) {
	c, err := deciding.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	subject := &rampart.Subject{Key: deciding.Key, Attributes: deciding.Attributes}
	f := c.Flag(deciding.Flag)
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if f.Bool(subject, false) {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	wrapped := client.Middleware(c, func(*http.Request) rampart.Subject { return *subject })(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if f.BoolContext(r.Context(), false) {
				w.WriteHeader(http.StatusNoContent)
			}
		}))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://shop/checkout", http.NoBody)
	if err != nil {
		return nil, err
	}
	served := func(name string, h http.Handler) deciding.Way {
		return deciding.Asking(name, func() bool {
			var w nowhere
			h.ServeHTTP(&w, request)
			return w.status == http.StatusNoContent
		})
	}
	ways := []deciding.Way{served("the handler alone", bare), served("behind the middleware", wrapped)}
	taken := deciding.TakeTurns(ways, b.samples(600, 100))
	rows := []string{"\tns\tallocations"}
	for i, w := range ways {
		rows = append(rows, fmt.Sprintf("%s\t%.0f\t%.0f", w.Name, taken[i].Median(), deciding.Allocations(w)))
	}
	b.table(rows...)
	return []figure.Figure{{Name: "middleware_ns", Value: taken[1].Less(taken[0]).Median(), Told: true}}, nil
}

// nowhere is where an answer goes that nobody reads.
type nowhere struct {
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (n *nowhere) Header() http.Header {
	if n.header == nil {
		n.header = http.Header{}
	}
	return n.header
}

// Write implements http.ResponseWriter.
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements http.ResponseWriter.
func (n *nowhere) WriteHeader(status int) { n.status = status }
