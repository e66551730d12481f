package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // calendars name zones, and an image without a system has none

	"github.com/rampart-dev/rampart/flagstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends a command that does not heed the first
	flagstore.SilenceDriver()
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run is the program, as tests start it too. It returns the exit code.
func run(ctx context.Context, args []string, io streams) int {
	a := &app{streams: io, now: time.Now}
	root := a.command()
	root.SetArgs(args)
	defer a.close()
	return a.exit(root.ExecuteContext(ctx))
}
