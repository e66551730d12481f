// Command devserver is Temporal with its Web UI in one process, for tests,
// demonstrations and development on one machine.
//
// It keeps its data in memory, or in a file that outlives the process, and it
// listens on loopback only, because it asks nobody who they are. Its command
// line is that of `temporal server start-dev`, as far as tests and the rampart
// binary use it, so an installed `temporal` can take its place:
//
//	temporal-devserver server start-dev --port 7233 --ui-port 8233 \
//	    --db-filename temporal.db --namespace production \
//	    --search-attribute RampartFlag=Keyword \
//	    --dynamic-config-value frontend.namespaceRPS=5000
//
// It prints one line when it is ready, and ends on SIGINT or SIGTERM with exit
// code 0. A port that is taken, or any other failure, ends it with exit code 1;
// a command line that it does not understand with exit code 2.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)

	os.Exit(exitCode(run(ctx, os.Args[1:], os.Stdout), os.Stderr))
}

// run serves until the context ends.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	opts, err := parseArgs(args)
	if err != nil {
		return err
	}
	logger, silence, err := newLogger(opts.logLevel, opts.logFormat)
	if err != nil {
		return err
	}
	// Services that lose each other while they stop say so loudly.
	context.AfterFunc(ctx, silence)

	server, err := start(ctx, opts, logger)
	if errors.Is(err, context.Canceled) {
		return nil // Asked to end before it was ready.
	} else if err != nil {
		return err
	}
	fmt.Fprintln(stdout, server.describe())
	<-ctx.Done()
	return server.stop()
}

func exitCode(err error, stderr io.Writer) int {
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "error: %v\n    hint: see %s server start-dev --help\n", err, os.Args[0])
		return 2
	}
	fmt.Fprintf(stderr, "error: %v\n", err)
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		fmt.Fprintf(stderr, "    hint: %s\n", hinted.Hint())
	}
	return 1
}
