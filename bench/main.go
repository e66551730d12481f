// Command bench measures what the design promises, on this machine, and writes the
// figures to a file:
//
//	go run ./bench -out out/bench.json           # everything, some twenty minutes
//	go run ./bench -only 'decide|kill' -quick    # some of it, with fewer samples
//	go run ./bench -scale 1000                   # many launches at once, and nothing else
//
// It prints every figure with the distributions that it comes from. What exactly is
// measured is told in docs/reference/figures.md. It exits with 1 where something
// could not be measured or a result was wrong, but not where a figure misses its
// promise: that depends on the machine.
//
// Redis, Temporal and workers are real and run as child processes, on free ports of
// the loopback interface.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/bench/figure"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/devstack"
)

// A benchmark measures some figures.
type benchmark struct {
	names []string
	run   func(context.Context, *bench) ([]figure.Figure, error)
}

// alone are the benchmarks that need no other process, staged those that run on a
// stack, and apart those that have a stack of their own. The order matters: a worker,
// once started, is there for the rest.
var (
	alone  = []benchmark{decisions, wrapping, keeping, linking}
	staged = []benchmark{killing, following, turningBack, walking}
	apart  = []benchmark{harming}
)

// bench is one run of this program.
type bench struct {
	out    io.Writer
	quick  bool
	tick   time.Duration // between two looks at a launch that is harmed
	stack  *devstack.Stack
	worker *site // nil until a benchmark needs it
}

func main() {
	flagstore.SilenceDriver()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends what does not heed the first
	var err error
	switch command := append(os.Args, "")[1]; command {
	case workerCommand:
		err = work(ctx, os.Args[2:])
	case serviceCommand:
		err = serveRequests(ctx, os.Args[2:])
	default:
		err = measure(ctx, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		if hint := rampart.HintOf(err); hint != "" {
			fmt.Fprintln(os.Stderr, "    hint:", hint)
		}
		os.Exit(1)
	}
}

func measure(ctx context.Context, args []string) error {
	b := &bench{out: os.Stdout}
	fs := flag.NewFlagSet("bench", flag.ExitOnError)
	path := fs.String("out", "", "file that gets the figures; those of other names that it has are kept")
	only := fs.String("only", "", "measure the figures whose names match this regular expression")
	fs.BoolVar(&b.quick, "quick", false, "take fewer samples")
	fs.DurationVar(&b.tick, "harm-every", harmTick, "the time between two looks at a launch that is harmed")
	var scale scaling
	fs.IntVar(&scale.launches, "scale", 0, "watch so many launches at once, and then twice as many for as long as looks are in time")
	fs.IntVar(&scale.most, "most", 16_000, "with -scale: the most launches to try")
	fs.DurationVar(&scale.every, "every", 30*time.Second, "with -scale: the time between two looks at a launch")
	_ = fs.Parse(args) // it exits by itself
	if !slices.Contains(lateness, fmt.Sprint((scale.every / inTimePart).Seconds())) {
		return rampart.Errorf(rampart.Invalid, "-every: whether looks are within a tenth of %s cannot be told", scale.every).WithHint("use 10s, 20s, 30s or 50s")
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return rampart.Errorf(rampart.Invalid, "-only").Because(err)
	}
	began, load := time.Now(), loadAverage() // of other work, at the beginning
	about := b.about()
	if scale.launches > 0 { // with a run of its own
		about = map[string]string{
			"scale_date": about["date"], "scale_samples": about["samples"], "scale_every": scale.every.String(), "scale_load": load,
		}
	}
	keep := func(figures []figure.Figure) error {
		if *path == "" {
			return nil
		}
		return figure.Merge(*path, figures, about)
	}
	var figures []figure.Figure
	if scale.launches > 0 {
		scale.keep = keep
		figures, err = b.scale(ctx, scale)
	} else {
		figures, err = b.all(ctx, chosen)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\nmeasured in %s\n", time.Since(began).Round(time.Second))
	figure.Summary(b.out, figures)
	return keep(figures)
}

// all runs the benchmarks that were chosen.
func (b *bench) all(ctx context.Context, chosen *regexp.Regexp) ([]figure.Figure, error) {
	figures, err := b.each(ctx, choose(alone, chosen))
	if err != nil {
		return figures, err
	}
	more, err := b.onStage(ctx, choose(staged, chosen))
	if figures = append(figures, more...); err != nil {
		return figures, err
	}
	more, err = b.each(ctx, choose(apart, chosen))
	return append(figures, more...), err
}

// onStage runs benchmarks on one stack.
func (b *bench) onStage(ctx context.Context, needed []benchmark) (figures []figure.Figure, err error) {
	if len(needed) == 0 {
		return nil, nil
	}
	err = devstack.Run(ctx, devstack.Options{Say: b.say}, func(ctx context.Context, s *devstack.Stack) error {
		b.stack = s
		defer func() { b.worker.close() }()
		figures, err = b.each(ctx, needed)
		return err
	})
	return figures, errors.Join(err, ctx.Err())
}

func (b *bench) each(ctx context.Context, all []benchmark) ([]figure.Figure, error) {
	var figures []figure.Figure
	for _, m := range all {
		fmt.Fprintf(b.out, "\n%s\n", strings.Join(m.names, ", "))
		got, err := m.run(ctx, b)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", m.names[0], err)
		}
		figures = append(figures, got...)
	}
	return figures, nil
}

func choose(all []benchmark, chosen *regexp.Regexp) []benchmark {
	var out []benchmark
	for _, m := range all {
		if slices.ContainsFunc(m.names, chosen.MatchString) {
			out = append(out, m)
		}
	}
	return out
}

// samples returns how many samples to take.
func (b *bench) samples(whole, quick int) int {
	if b.quick {
		return quick
	}
	return whole
}

func (b *bench) say(text string) { fmt.Fprintln(b.out, "  "+text) }

// table prints rows of cells that are separated by tabs.
func (b *bench) table(rows ...string) { figure.Table(b.out, rows...) }

// about tells where and how the figures were measured.
func (b *bench) about() map[string]string {
	samples := "all"
	if b.quick {
		samples = "few (-quick)"
	}
	return map[string]string{
		"date": time.Now().UTC().Format(time.RFC3339), "go": runtime.Version(), "os": runtime.GOOS + "/" + runtime.GOARCH,
		"cores": fmt.Sprint(runtime.NumCPU()), "cpu": processor(), "samples": samples,
	}
}

// processor returns the name of the processor, where the system tells it.
func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
