package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// options are what one soak is asked to be.
type options struct {
	length time.Duration // from the first kill to the last
	seed   uint64
	out    string
	flags  int // launches at once
	dir    string
	story  bool
}

// errBroken says that a promise was not kept.
var errBroken = errors.New("a promise was not kept")

func main() {
	flagstore.SilenceDriver()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends what does not heed the first
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		if hint := rampart.HintOf(err); hint != "" {
			fmt.Fprintln(os.Stderr, "    hint:", hint)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case workerCommand:
			return work(ctx, args[1:])
		case serviceCommand:
			return serve(ctx, args[1:])
		}
	}
	o := options{}
	fs := flag.NewFlagSet("chaos", flag.ExitOnError)
	fs.DurationVar(&o.length, "for", 10*time.Minute, "how long parts are broken, from the first time to the last")
	fs.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "what to break, and what people do, is chosen from this number")
	fs.StringVar(&o.out, "out", "", "file that gets the report")
	fs.IntVar(&o.flags, "flags", 8, "launches at once")
	fs.StringVar(&o.dir, "dir", "", "directory that keeps logs and story; empty: one that is removed if all is well")
	fs.BoolVar(&o.story, "v", false, "print the story as it happens")
	_ = fs.Parse(args) // it exits by itself
	if o.length < 10*time.Second || o.flags < 1 || o.flags > 100 {
		return rampart.Errorf(rampart.Invalid, "-for or -flags is out of bounds").WithHint("at least 10s, and 1 to 100 flags")
	}
	return o.soak(ctx)
}

// soak runs the whole of it and writes the report.
func (o options) soak(ctx context.Context) (err error) {
	dir := o.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "rampart-chaos-"); err != nil {
			return err
		}
	} else if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	s, err := newSoak(o, dir)
	if err != nil {
		return err
	}
	defer func() {
		s.close()
		if err == nil && o.dir == "" {
			err = os.RemoveAll(dir)
		} else if err != nil {
			fmt.Fprintf(os.Stderr, "chaos: logs and story are kept in %s\n", dir)
		}
	}()
	if err := s.run(ctx); err != nil {
		return err
	}
	text := s.report()
	if o.out != "" {
		if err := os.MkdirAll(filepath.Dir(o.out), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(o.out, []byte(text), 0o644); err != nil { // #nosec G306 -- a report is for everybody
			return err
		}
	} else {
		fmt.Print(text)
	}
	if broken := s.book.Violations(); len(broken) > 0 {
		return fmt.Errorf("%w: %d times", errBroken, len(broken))
	}
	fmt.Printf("%s, %d launches, no promise broken\n", s.tolls.summary(), len(s.ledger.Walks()))
	return nil
}
