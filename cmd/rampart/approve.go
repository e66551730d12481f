package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

// verbTimeout bounds what a person asks of a launch. An advance looks at the gates
// first, so it takes as long as they do.
const verbTimeout = 20 * time.Second

func (a *app) approveCommand() *cobra.Command {
	var approval rampart.Approval
	c := a.acting(a.reading(&cobra.Command{
		Use:   "approve FLAG PHASE [--group GROUP] [--note TEXT]",
		Short: "Consent to a phase that a launch waits for",
		Long: `Approve gives one person's consent to enter one phase. It counts while the launch
waits for that phase, once a person, and not for whoever started the launch. What
would not count is refused with the reason, and nothing is sent.`,
		Example: "  rampart approve checkout-v2 max-power-ramp --group product --as ann@example.com",
		Args:    a.takes("FLAG", "PHASE"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			phase, err := phaseOf(args[1])
			if err != nil {
				return err
			}
			approval.Phase = phase
			if approval.By, err = a.by(); err != nil {
				return err
			}
			s, err := a.parts()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, verbTimeout)
			defer cancel()
			got, err := s.Approve(ctx, args[0], approval)
			if err != nil {
				return err
			}
			return a.answer(got, func(w io.Writer) { fmt.Fprintln(w, approvedLine(got, a.now())) })
		}),
		ValidArgsFunction: a.completeFlagThenPhase,
	}))
	c.Flags().StringVar(&approval.Group, "group", "", "group that you speak for, where the plan asks groups")
	c.Flags().StringVar(&approval.Note, "note", "", "what is to be remembered of it")
	c.Flags().IntVar(&approval.Revision, "revision", 0, "plan revision that you mean; 0 is the current one")
	c.Flags().Int64Var(&approval.Tick, "tick", 0, "tick of the evidence that you saw (verdict.at of status -o json); worse evidence since then refuses the approval")
	return c
}

// approvedLine says what an approval became: "approved by ann on evidence of
// 14:03:15; 1 of 2".
func approvedLine(c starter.Consent, now time.Time) string {
	s := "approved by " + c.Approval.By
	if c.Approval.Tick > 0 {
		s += " on evidence of " + starter.Moment(time.UnixMilli(c.Approval.Tick), now)
	}
	s = fmt.Sprintf("%s; %d of %d", s, c.Have, c.Need)
	if c.Decision != nil {
		s += fmt.Sprintf("\nthe decision on %s: %s: %s", rampart.MaxPowerRamp, c.Decision.Word, printable(c.Decision.Reason))
	}
	return s
}

func phaseOf(name string) (rampart.Phase, error) {
	p := rampart.Phase(name)
	if !slices.Contains(rampart.Phases, p) {
		return "", rampart.Errorf(rampart.Invalid, "%q is not a phase", name).WithHint("the phases are %s", joined(rampart.Phases))
	}
	return p, nil
}
