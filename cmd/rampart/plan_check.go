package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/planfile"
)

// checked is what a check found, as JSON.
type checked struct {
	File     string    `json:"file"`
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Mistakes []mistake `json:"mistakes"`
}

type mistake struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	rampart.Mistake
}

func (a *app) planCheckCommand() *cobra.Command {
	var strict bool
	var against string
	c := a.reading(&cobra.Command{
		Use:   "check PLAN [--strict] [--against URL]",
		Short: "Find every mistake in a plan, with its place",
		Long: `Check finds every mistake in a plan at once. Errors end it with exit code 2;
warnings are about plans that can be walked all the same, and are errors with
--strict. With --against each gate is also asked of a Prometheus, so that a
misspelt metric is found now and not in the first step.`,
		Example: `  rampart plan check plan.yaml
  rampart plan check plan.yaml --strict --against http://localhost:9090`,
		Args: a.takes("PLAN"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			found, err := a.check(ctx, args[0], against)
			if err != nil {
				return err
			}
			return a.report(args[0], found, strict)
		}),
		ValidArgsFunction: completePlans,
	})
	c.Flags().BoolVar(&strict, "strict", false, "take warnings for errors")
	againstFlag(c, &against, "URL of a Prometheus to ask the gates of")
	return c
}

// check finds what is wrong with a plan, or unwise.
func (a *app) check(ctx context.Context, name, against string) ([]planfile.Mistake, error) {
	plan, file, err := a.readPlan(name)
	var wrong *planfile.Error
	switch {
	case errors.As(err, &wrong):
		return wrong.Mistakes, nil // what it asks for in vain comes when it can be read
	case err != nil:
		return nil, err
	}
	found := slices.Clone(file.Warnings)
	if against != "" {
		var asked rampart.Mistakes
		if asked, err = ask(ctx, plan, against); err != nil {
			return nil, err
		}
		found = append(found, file.Locate(asked)...)
	}
	slices.SortStableFunc(found, func(a, b planfile.Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return found, nil
}

func (a *app) report(name string, found []planfile.Mistake, strict bool) error {
	all := checked{File: name, Mistakes: []mistake{}}
	for _, m := range found {
		if m.Warning {
			all.Warnings++
		} else {
			all.Errors++
		}
		all.Mistakes = append(all.Mistakes, mistake{m.Line, m.Column, m.Mistake})
	}
	bad := all.Errors > 0 || strict && all.Warnings > 0
	err := a.answer(all, func(w io.Writer) {
		_ = planfile.Format(w, found) // a strings.Builder takes everything
		fmt.Fprintln(w, summary(all, bad))
	})
	if err == nil && bad {
		return ending(exitInvalid)
	}
	return err
}

// summary is the last line of a check: "ok, 1 warning".
func summary(c checked, bad bool) string {
	switch {
	case c.Errors > 0 && c.Warnings > 0:
		return plural(c.Errors, "error") + ", " + plural(c.Warnings, "warning")
	case c.Errors > 0:
		return plural(c.Errors, "error")
	case bad:
		return plural(c.Warnings, "warning") + ", and --strict takes them for errors"
	case c.Warnings > 0:
		return "ok, " + plural(c.Warnings, "warning")
	}
	return "ok"
}
