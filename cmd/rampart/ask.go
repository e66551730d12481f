package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

// asked is what a launch answered to a request, as JSON.
type asked struct {
	Flag   string `json:"flag"`
	Answer string `json:"answer"`
}

// A request is something that a person asks of a launch under way.
type request func(s *starter.Starter, ctx context.Context, flag string, ask rampart.Ask) (string, error)

// wantedBy fills in who asks, who must say why, and returns the way in.
func (a *app) wantedBy(ask *rampart.Ask) (*starter.Starter, error) {
	var err error
	if _, err = a.reason(ask.Reason); err != nil {
		return nil, err
	}
	if ask.By, err = a.by(); err != nil {
		return nil, err
	}
	return a.parts()
}

func (a *app) pauseCommand() *cobra.Command {
	var ask rampart.Ask
	c := a.asks(&cobra.Command{
		Use:   "pause FLAG [--reason TEXT]",
		Short: "Stop the promotion of a launch; its guard goes on",
		Long: `Pause stops promotion and the clock of the hold. The exposure stays as it is, and
the gates are judged all the while: a breach still turns the launch back.`,
	}, &ask, (*starter.Starter).Pause)
	c.Flags().StringVar(&ask.Reason, "reason", "", "why")
	return c
}

func (a *app) resumeCommand() *cobra.Command {
	var ask rampart.Ask
	c := a.asks(&cobra.Command{
		Use:   "resume FLAG [--reason TEXT]",
		Short: "Let a paused or held launch go on",
	}, &ask, (*starter.Starter).Resume)
	c.Flags().StringVar(&ask.Reason, "reason", "", "why")
	return c
}

func (a *app) advanceCommand() *cobra.Command {
	var ask rampart.Ask
	c := a.asks(&cobra.Command{
		Use:   "advance FLAG [--accept-undecided --reason TEXT]",
		Short: "End a hold early, if the gates have nothing against it",
		Long: `Advance looks at the gates once, and ends the hold if they pass. It never goes
past a breach, missing data or an approval. Gates that could not have seen harm yet
are undecided; with --accept-undecided and a reason it goes past these.`,
	}, &ask, func(s *starter.Starter, ctx context.Context, flag string, ask rampart.Ask) (string, error) {
		if ask.AcceptUndecided {
			if _, err := a.reason(ask.Reason); err != nil {
				return "", err
			}
		}
		return s.Advance(ctx, flag, ask)
	})
	c.Flags().BoolVar(&ask.AcceptUndecided, "accept-undecided", false, "go on although the gates could not have seen harm; needs --reason")
	c.Flags().StringVar(&ask.Reason, "reason", "", "why")
	return c
}

func (a *app) acknowledgeCommand() *cobra.Command {
	var ask rampart.Ask
	c := a.asks(&cobra.Command{
		Use:   "acknowledge FLAG --reason TEXT",
		Short: "Say that a mismatch of the sample ratio was looked into",
		Long: `Acknowledge lets a launch go on that is held because its arms do not have the units
that they should have. Units are lost in one arm then, or counted twice, so no
comparison of the arms can be believed: find out why first, and say in the reason what
it was. The evidence of the mismatch is set aside, and the next one is looked for at a
tenth of the level.`,
		Example: `  rampart acknowledge checkout-v2 --reason "crawlers, which the new page does not count"`,
	}, &ask, func(s *starter.Starter, ctx context.Context, flag string, ask rampart.Ask) (string, error) {
		if _, err := a.reason(ask.Reason); err != nil {
			return "", err
		}
		return s.Acknowledge(ctx, flag, ask)
	})
	c.Flags().StringVar(&ask.Reason, "reason", "", "what was found, and why the launch may go on")
	return c
}

func (a *app) turnBackCommand() *cobra.Command {
	var ask rampart.Ask
	c := a.asks(&cobra.Command{
		Use:   "turn-back FLAG --reason TEXT",
		Short: "End a launch at the baseline",
		Long: `Turn-back ends a launch and returns its flag to the baseline. Where seconds
matter, or where Temporal is away, use rampart kill.`,
	}, &ask, func(s *starter.Starter, ctx context.Context, flag string, ask rampart.Ask) (string, error) {
		if _, err := a.reason(ask.Reason); err != nil {
			return "", err
		}
		return s.TurnBack(ctx, flag, ask)
	})
	c.Flags().StringVar(&ask.Reason, "reason", "", "why")
	return c
}

// asks makes the command of a request about one launch.
func (a *app) asks(c *cobra.Command, ask *rampart.Ask, send request) *cobra.Command {
	c.Args = a.takes("FLAG")
	c.ValidArgsFunction = a.completeFlags
	c.RunE = a.does(func(ctx context.Context, args []string) error { return a.ask(ctx, args[0], ask, send) })
	return a.acting(a.reading(c))
}

func (a *app) rejectCommand() *cobra.Command {
	var ask rampart.Ask
	c := a.acting(a.reading(&cobra.Command{
		Use:   "reject FLAG PHASE --reason TEXT [--hold]",
		Short: "Refuse a phase that a launch waits for",
		Long: `Reject refuses to let a launch enter a phase, and turns it back; with --hold it
keeps the exposure, held until somebody decides.`,
		Args: a.takes("FLAG", "PHASE"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			var err error
			if ask.Phase, err = phaseOf(args[1]); err != nil {
				return err
			}
			if _, err := a.reason(ask.Reason); err != nil {
				return err
			}
			return a.ask(ctx, args[0], &ask, (*starter.Starter).Reject)
		}),
		ValidArgsFunction: a.completeFlagThenPhase,
	}))
	c.Flags().StringVar(&ask.Reason, "reason", "", "why")
	c.Flags().BoolVar(&ask.Hold, "hold", false, "keep the exposure, held")
	return c
}

func (a *app) ask(ctx context.Context, flag string, ask *rampart.Ask, send request) error {
	var err error
	if ask.By, err = a.by(); err != nil {
		return err
	}
	s, err := a.parts()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, verbTimeout)
	defer cancel()
	answer, err := send(s, ctx, flag, *ask)
	if err != nil {
		return err
	}
	return a.answer(asked{flag, answer}, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", flag, answer) })
}
