package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/planfile"
)

func (a *app) planCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "plan",
		Short: "Write, check and look at plans",
		Args:  a.noSuch,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.planNewCommand(), a.planCheckCommand(), a.planShowCommand(), a.planPowerCommand(), a.planSchemaCommand())
	return c
}

func (a *app) planNewCommand() *cobra.Command {
	var owner, purpose string
	c := &cobra.Command{
		Use:     "new FLAG --owner TEAM --purpose WHY",
		Short:   "Write a plan to begin with",
		Example: `  rampart plan new checkout-v2 --owner team-payments --purpose "One-page checkout" > plan.yaml`,
		Args:    a.takes("FLAG"),
		RunE: a.does(func(_ context.Context, args []string) error {
			if err := rampart.CheckName("a flag", args[0]); err != nil {
				return err
			}
			if owner == "" || purpose == "" {
				return rampart.Errorf(rampart.Invalid, "a plan says who owns the flag and what it is for").
					WithHint("add --owner and --purpose")
			}
			_, err := io.WriteString(a.out, planfile.Template(args[0], owner, purpose))
			return err
		}),
		ValidArgsFunction: a.completeFlags,
	}
	c.Flags().StringVar(&owner, "owner", "", "team that answers for the flag")
	c.Flags().StringVar(&purpose, "purpose", "", "what the flag is for, in a sentence")
	return c
}

func (a *app) planSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of plans, for editors",
		Example: "  rampart plan schema > plan.schema.json",
		Args:    a.takes(),
		RunE: a.does(func(context.Context, []string) error {
			_, err := a.out.Write(planfile.Schema())
			return err
		}),
	}
}

func (a *app) planShowCommand() *cobra.Command {
	var from string
	c := a.reading(&cobra.Command{
		Use:   "show PLAN",
		Short: "Draw a plan as a timeline with dates",
		Long: `Show draws the plan with its defaults as it would be walked if nothing held it
up: the exposure over time, each step with its date, the gates. With -o json it
prints the plan with everything said that it leaves open.`,
		Args: a.takes("PLAN"),
		RunE: a.does(func(_ context.Context, args []string) error {
			start, err := a.moment(from)
			if err != nil {
				return err
			}
			plan, _, err := a.readPlan(args[0])
			if err != nil {
				return a.faults(err)
			}
			var drawn error
			return errors.Join(a.answer(plan.WithDefaults(), func(w io.Writer) {
				drawn = planfile.Timeline(w, plan, start)
			}), drawn)
		}),
		ValidArgsFunction: completePlans,
	})
	c.Flags().StringVar(&from, "from", "", "when it would start: 2026-03-02, or 2026-03-02T09:00 (default now)")
	return c
}

// moment reads a point in time in the zone of this machine.
func (a *app) moment(text string) (time.Time, error) {
	now := a.now()
	if text == "" {
		return now, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return now, rampart.Errorf(rampart.Invalid, "%q is not a date", text).WithHint("write 2026-03-02 or 2026-03-02T09:00")
}

// readPlan reads a plan from a file, or from standard input where the file is "-".
func (a *app) readPlan(name string) (rampart.Plan, planfile.File, error) {
	if name != "-" {
		return planfile.Read(name)
	}
	data, err := io.ReadAll(io.LimitReader(a.in, planfile.MaxBytes+1))
	if err != nil {
		return rampart.Plan{}, planfile.File{}, rampart.Errorf(rampart.Invalid, "read the plan from standard input").Because(err)
	}
	return planfile.Parse("stdin", data)
}

// faults tells the mistakes of a file with their places and ends the command. Any
// other error is passed on.
func (a *app) faults(err error) error {
	var wrong *planfile.Error
	if !errors.As(err, &wrong) {
		return err
	}
	if err := planfile.Format(a.err, wrong.Mistakes); err != nil {
		return err
	}
	n := 0
	for _, m := range wrong.Mistakes {
		if !m.Warning {
			n++
		}
	}
	return rampart.Errorf(rampart.Invalid, "%s", plural(n, "mistake")).WithHint("mend what is named above; nothing was changed")
}

func plural(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%s %ss", grouped(n), what)
}

func completePlans(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}
