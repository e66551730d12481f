package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/planfile"
	"github.com/rampart-dev/rampart/starter"
)

func (a *app) amendCommand() *cobra.Command {
	var dryRun bool
	var reason string
	c := a.acting(a.reading(&cobra.Command{
		Use:   "amend PLAN --reason TEXT [--dry-run]",
		Short: "Make a launch under way go on by another plan",
		Long: `Amend replaces the plan of the launch of the plan's flag. Stages that were passed
stay as they were; of the one that the launch stands in, hold, gates and approvals
may change; stages to come may change as they like. Consent cannot be amended away:
each stage asks for the stricter approvals of both plans, stages that changed are
asked for anew, and whoever amended the plan does not approve it. Flag, environment,
unit, values, holdout and error budget cannot be amended.`,
		Example: `  rampart amend plan.yaml --dry-run
  rampart amend plan.yaml --reason "traffic is low: two weeks at 50 %"`,
		Args: a.takes("PLAN"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			plan, file, err := a.readPlan(args[0])
			if err != nil {
				return a.faults(err)
			}
			_ = planfile.Format(a.err, file.Warnings)
			return a.amend(ctx, plan, file, starter.Amendment{Plan: plan, Reason: reason, DryRun: dryRun})
		}),
		ValidArgsFunction: completePlans,
	}))
	c.Flags().StringVar(&reason, "reason", "", "why; needed unless it is a dry run")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would change, and change nothing")
	return c
}

func (a *app) amend(ctx context.Context, plan rampart.Plan, file planfile.File, in starter.Amendment) error {
	var err error
	if !in.DryRun {
		if _, err = a.reason(in.Reason); err != nil {
			return err
		}
		if in.By, err = a.by(); err != nil {
			return err
		}
	}
	a.goWhere(plan)
	s, err := a.parts()
	if err != nil {
		return err
	}
	in.Source = file.Provenance(ctx)
	got, err := s.Amend(ctx, in)
	if err != nil {
		return a.refused(err, file)
	}
	return a.answer(got, func(w io.Writer) { showAmended(w, plan.Flag, got, in.DryRun) })
}

func showAmended(w io.Writer, flag string, got rampart.Amended, dry bool) {
	verb := "amended"
	if dry {
		verb = "would be amended"
	}
	fmt.Fprintf(w, "%s %s: %s\n", flag, verb, strings.Join(got.Changes, "; "))
	for _, phase := range got.Voided {
		if need := got.Plan.Stages[got.Plan.StageOf(phase)].Approvals; need.Needed() > 0 {
			fmt.Fprintf(w, "%s asks for consent anew: %s\n", phase, starter.Consenting(need))
		}
	}
}

// phaseFlag adds --from to a command.
func (a *app) phaseFlag(c *cobra.Command, from *string) {
	c.Flags().StringVar(from, "from", "", "relaunch: the phase to begin with, which the launch before had reached; asks for its approvals, and at least one")
	err := c.RegisterFlagCompletionFunc("from", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, p := range rampart.Phases {
			names = append(names, string(p))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag was defined a line above
	}
}
