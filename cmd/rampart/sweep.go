package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
)

// allowed is what sweep prints as JSON.
type allowed struct {
	Environment string `json:"environment"`
	Flags       int    `json:"flags"`
	Answer      string `json:"answer"`
}

func (a *app) sweepCommand() *cobra.Command {
	var flags int
	var reason string
	c := a.acting(a.reading(&cobra.Command{
		Use:   "sweep --allow FLAGS --reason TEXT",
		Short: "Let the sweep turn back many flags at once that were left behind",
		Long: `The sweep turns back flags whose launch is gone, as after its workflow was
terminated. Where that seems true of more than five flags within a minute, and of more
than one in twenty under a launch, it is more likely to be mistaken: it touches none of
them and pages a person. That person looks at Temporal, and where the launches are gone
indeed, says so here. The next pass then turns back up to so many flags; that counts
once, and for ten minutes.`,
		Example: `  rampart sweep --allow 40 --reason "terminated by a script, incident 4711"`,
		Args:    a.takes(),
		RunE: a.does(func(ctx context.Context, _ []string) error {
			if flags < 1 || flags > rampart.MaxAllowance {
				return rampart.Errorf(rampart.Invalid, "an allowance for %d flags", flags).
					WithHint("say how many flags may be turned back, with --allow 1 to --allow %d", rampart.MaxAllowance)
			}
			if _, err := a.reason(reason); err != nil {
				return err
			}
			by, err := a.by()
			if err != nil {
				return err
			}
			s, err := a.parts()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, verbTimeout)
			defer cancel()
			answer, err := s.AllowSweep(ctx, rampart.Allowance{Flags: flags, By: by, Reason: reason})
			if err != nil {
				return err
			}
			return a.answer(allowed{s.Environment(), flags, answer}, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", s.Environment(), answer) })
		}),
	}))
	c.Flags().IntVar(&flags, "allow", 0, "how many flags one pass may turn back")
	c.Flags().StringVar(&reason, "reason", "", "why; kept in the history of each of them")
	return c
}
