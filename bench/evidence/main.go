// Command evidence measures what the evidence engine promises, in simulation:
//
//	go run ./bench/evidence -quick                             # some minutes, wider limits
//	go run ./bench/evidence -out out/bench.json                # everything, some two hours
//	go run ./bench/evidence -only delay -docs docs/evidence    # some of it, with tables and plots
//
// It needs nothing but this machine's processors: no Redis, no Temporal, no Prometheus.
// The same seed gives the same figures everywhere, except for gate_tick_us, which is
// time. It exits with 1 where a promise is missed.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rampart-dev/rampart/bench/figure"
)

// A benchmark measures some figures. Its names are what -only chooses by.
type benchmark struct {
	names []string
	run   func(*bench, context.Context) ([]figure.Figure, error)
}

var all = []benchmark{delays, slowTail, speed, reverts, harms, decisions}

// bench is one run of this program.
type bench struct {
	out   io.Writer
	quick bool
	runs  int // instead of those that a benchmark has
	seed  uint64
	path  string // of the file of figures; empty: none
	docs  string // folder that gets tables and plots; empty: none
	only  string
	world *regexp.Regexp
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends what does not heed the first
	missed, err := measure(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if missed > 0 {
		fmt.Fprintf(os.Stderr, "bench: %d promises are missed\n    hint: see the figures marked MISSED above\n", missed)
		os.Exit(1)
	}
}

func measure(ctx context.Context, args []string) (missed int, err error) {
	b := &bench{out: os.Stdout}
	fs := flag.NewFlagSet("evidence", flag.ExitOnError)
	fs.StringVar(&b.path, "out", "", "file that gets the figures; those of other names that it has are kept")
	fs.StringVar(&b.only, "only", "", "measure the figures whose names match this regular expression")
	fs.BoolVar(&b.quick, "quick", false, "take fewer runs, and hold the promises to what so few can tell")
	fs.IntVar(&b.runs, "runs", 0, "take so many runs of each instead")
	fs.Uint64Var(&b.seed, "seed", 1, "what the runs are drawn from")
	fs.StringVar(&b.docs, "docs", "", "folder that gets tables and plots")
	world := fs.String("world", "", "walk launches through the worlds that match this regular expression")
	_ = fs.Parse(args) // it exits by itself
	chosen, err := regexp.Compile(b.only)
	if err != nil {
		return 0, fmt.Errorf("-only: %w", err)
	}
	if b.world, err = regexp.Compile(*world); err != nil {
		return 0, fmt.Errorf("-world: %w", err)
	}
	began := time.Now()
	var figures []figure.Figure
	for _, m := range all {
		if !slices.ContainsFunc(m.names, chosen.MatchString) {
			continue
		}
		fmt.Fprintf(b.out, "\n%s\n", strings.Join(m.names, ", "))
		got, err := m.run(b, ctx)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", m.names[0], err)
		}
		figures = append(figures, got...)
		if err := b.keep(got); err != nil {
			return 0, err
		}
	}
	fmt.Fprintf(b.out, "\nmeasured in %s\n", time.Since(began).Round(time.Second))
	return figure.Summary(b.out, figures), nil
}

// keep writes figures to the file, so that a long run that is broken off keeps some.
func (b *bench) keep(figures []figure.Figure) error {
	if b.path == "" {
		return nil
	}
	return figure.Merge(b.path, figures, b.about())
}

// samples returns how many runs to take.
func (b *bench) samples(whole, quick int) int {
	switch {
	case b.runs > 0:
		return b.runs
	case b.quick:
		return quick
	}
	return whole
}

// each does runs on all processors. What it is called with is the number of the run,
// from which everything in it is drawn, so the order does not matter.
func (b *bench) each(ctx context.Context, runs int, do func(run int) error) error {
	next := make(chan int)
	errs := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for run := range next {
				if err := do(run); err != nil {
					select {
					case errs <- err:
					default:
					}
					stop()
				}
			}
		})
	}
	for run := range runs {
		if ctx.Err() != nil {
			break
		}
		next <- run
	}
	close(next)
	workers.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return ctx.Err()
	}
}

// print prints a table.
func (b *bench) print(head []string, rows [][]string) {
	text := []string{strings.Join(head, "\t")}
	for _, row := range rows {
		text = append(text, strings.Join(row, "\t"))
	}
	b.table(text...)
}

// table prints rows of cells that are separated by tabs.
func (b *bench) table(rows ...string) { figure.Table(b.out, rows...) }

// about tells how the figures were measured.
func (b *bench) about() map[string]string {
	samples := "all"
	switch {
	case b.runs > 0:
		samples = fmt.Sprintf("%d (-runs)", b.runs)
	case b.quick:
		samples = "few (-quick)"
	}
	return map[string]string{
		"evidence_date": time.Now().UTC().Format(time.RFC3339), "evidence_samples": samples, "evidence_seed": fmt.Sprint(b.seed),
	}
}
