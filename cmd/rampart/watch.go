package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

func (a *app) watchCommand() *cobra.Command {
	return a.reading(&cobra.Command{
		Use:   "watch FLAG",
		Short: "Follow a launch live, to its end",
		Long: `Watch shows a launch live in a terminal, and elsewhere writes a line for every
change; with -o json, a document a line. It goes on while Temporal is away, and says
so. When the launch ends it prints the receipt, and the exit code says how: 0
launched, 10 turned back, 11 killed, 12 any other ending. Ctrl-C ends the watching
and changes nothing.`,
		Args: a.takes("FLAG"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			s, err := a.parts()
			if err != nil {
				return err
			}
			p, err := a.follow(ctx, s, args[0], "", a.viewer())
			return endedBy(err, p)
		}),
		ValidArgsFunction: a.completeFlags,
	})
}

// endedBy turns the ending of a launch into an exit code.
func endedBy(err error, p rampart.Progress) error {
	if err != nil {
		return err
	}
	if code := codeOfState(p.State); code != exitDone {
		return ending(code)
	}
	return nil
}

// A viewer shows a launch to somebody.
type viewer interface {
	show(p rampart.Progress)              // as it is now
	away(err error)                       // nobody answers, for a while
	over(p rampart.Progress, text string) // it has ended; the receipt
}

func (a *app) viewer() viewer {
	switch {
	case a.asJSON():
		return &documents{out: a.out}
	case isTerminal(a.out):
		return &live{out: a.out, now: a.now, paint: a.brush()}
	}
	return a.teller()
}

// teller writes a line for every change, in a terminal too.
func (a *app) teller() viewer { return &teller{out: a.out, now: a.now, verdict: inBounds} }

// answered is what asking for a launch's progress came to.
type answered struct {
	progress rampart.Progress
	err      error
}

// follow shows a launch until it has ended. Where a run is named, the launch is
// known to be there, and so an answer is waited for.
func (a *app) follow(ctx context.Context, s *starter.Starter, flag, run string, v viewer) (rampart.Progress, error) {
	var last rampart.Progress
	answers := make(chan answered, 1)
	ask := func() {
		p, err := s.ProgressOf(ctx, flag, run)
		answers <- answered{p, err}
	}
	go ask()
	redraw := time.NewTicker(time.Second)
	defer redraw.Stop()
	silent := false
	for {
		select {
		case <-ctx.Done():
			return last, context.Canceled
		case <-redraw.C:
			if l, ok := v.(*live); ok {
				l.redraw()
			}
			continue
		case got := <-answers:
			switch {
			case ctx.Err() != nil:
				return last, context.Canceled
			case got.err != nil && (run == "" || rampart.KindOf(got.err) != rampart.Unreachable):
				return last, got.err
			case got.err != nil && !silent:
				silent = true
				v.away(got.err)
			case got.err == nil:
				silent, last, run = false, got.progress, got.progress.Run
				v.show(last)
			}
		}
		if ended(last) {
			v.over(last, receipt(last))
			return last, nil
		}
		time.AfterFunc(pace(last), ask)
	}
}

// pace is how long to wait until the next question: shorter than the launch looks
// at its gates, and never so short as to be a burden.
func pace(p rampart.Progress) time.Duration {
	return min(max(p.Plan.Every.D()/2, 250*time.Millisecond), 2*time.Second)
}

// receipt tells how a launch ended.
func receipt(p rampart.Progress) string {
	if p.Outcome != nil && p.Outcome.Receipt.Text != "" {
		return p.Outcome.Receipt.Text
	}
	return fmt.Sprintf("%s %s: %s", p.Flag, p.State, p.Note)
}
