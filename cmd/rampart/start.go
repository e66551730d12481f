package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/planfile"
	"github.com/rampart-dev/rampart/starter"
)

// begun is what start prints as JSON.
type begun struct {
	starter.Started
	Outcome *rampart.Outcome `json:"outcome,omitempty"` // with --wait
}

func (a *app) startCommand() *cobra.Command {
	var wait bool
	var from, against string
	c := a.acting(a.reading(&cobra.Command{
		Use:   "start PLAN [--from PHASE] [--wait]",
		Short: "Start the launch that a plan describes",
		Long: `Start registers the flag if it is new, and starts its launch in the plan's
environment. It is refused while the flag is killed, while a launch of it is under
way, and while it is exposed above the plan's first step. With --from a flag that was
turned back is launched again beginning with a phase that it had reached; the same
users are on, because the flag keeps its salt. With --wait it follows
the launch to its end, and the exit code says how it ended.

Where a Prometheus is named, the gates are asked of it first, as plan check does. What
is found is told and kept with the launch, and does not hold it up.`,
		Example: `  rampart start plan.yaml
  rampart start plan.yaml --wait --as ann@example.com`,
		Args: a.takes("PLAN"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			plan, file, err := a.readPlan(args[0])
			if err != nil {
				return a.faults(err)
			}
			_ = planfile.Format(a.err, file.Warnings)
			phase := rampart.Phase("")
			if from != "" {
				if phase, err = phaseOf(from); err != nil {
					return err
				}
			}
			return a.start(ctx, plan, file, phase, against, wait)
		}),
		ValidArgsFunction: completePlans,
	}))
	a.phaseFlag(c, &from)
	c.Flags().BoolVar(&wait, "wait", false, "follow the launch to its end")
	againstFlag(c, &against, "URL of a Prometheus to ask the gates of (RAMPART_PROMETHEUS_URL; by default none is asked)")
	return c
}

func (a *app) start(ctx context.Context, plan rampart.Plan, file planfile.File, from rampart.Phase, against string, wait bool) error {
	by, err := a.by()
	if err != nil {
		return err
	}
	a.goWhere(plan)
	s, err := a.parts()
	if err != nil {
		return err
	}
	found := a.askFirst(ctx, plan, file, cmp.Or(against, os.Getenv("RAMPART_PROMETHEUS_URL")))
	started, err := s.Start(ctx, starter.Launching{Plan: plan, Source: file.Provenance(ctx), By: by, From: from, Warnings: found})
	if err != nil {
		return a.refused(err, file)
	}
	a.noteMissing(ctx, s, rulesIn(plan)...)
	if !wait {
		return a.answer(begun{Started: started}, func(w io.Writer) { fmt.Fprintln(w, startedLine(started)) })
	}
	if a.asJSON() {
		p, err := a.follow(ctx, s, started.Flag, started.Run, &quiet{})
		if err != nil {
			return err
		}
		return endedBy(a.answer(begun{started, p.Outcome}, nil), p)
	}
	a.say("%s", startedLine(started))
	p, err := a.follow(ctx, s, started.Flag, started.Run, a.teller())
	return endedBy(err, p)
}

// askFirst asks a Prometheus about the gates, tells what it found, and returns that for
// the launch to keep. A Prometheus that does not answer keeps nobody from starting: the
// worker's may be another one, and the launch holds while its gates are blind.
func (a *app) askFirst(ctx context.Context, plan rampart.Plan, file planfile.File, address string) []string {
	if address == "" {
		return nil
	}
	found, err := ask(ctx, plan, address)
	if err != nil {
		fmt.Fprintf(a.err, "the gates were not checked: %s\n", err)
		return nil
	}
	_ = planfile.Format(a.err, file.Locate(found))
	var kept []string
	for _, m := range found {
		kept = append(kept, m.Path+": "+m.Msg)
	}
	return kept
}

// goWhere makes the plan's environment the one to start in, unless another was named.
func (a *app) goWhere(plan rampart.Plan) {
	f := a.current.Flags().Lookup("env")
	if (f == nil || !f.Changed) && os.Getenv("RAMPART_ENV") == "" {
		a.options.Environment = plan.WithDefaults().Environment
	}
}

// rulesIn returns who a plan speaks of, its defaults included.
func rulesIn(plan rampart.Plan) [][]rampart.Rule {
	var all [][]rampart.Rule
	for _, stage := range plan.WithDefaults().Stages {
		all = append(all, stage.Include, stage.Where)
	}
	return all
}

// refused shows the places of what keeps a plan from being started.
func (a *app) refused(err error, file planfile.File) error {
	var mine *rampart.Error
	if missing, ok := mistakesIn(err); ok && errors.As(err, &mine) {
		_ = planfile.Format(a.err, file.Locate(missing))
		return mine.Because(nil) // they have been told, with their places
	}
	return err
}

func startedLine(s starter.Started) string {
	parts := []string{fmt.Sprintf("%s started in %s", s.Flag, s.Environment), string(s.Phase)}
	if s.URL != "" {
		parts = append(parts, s.URL)
	}
	return strings.Join(parts, " · ")
}
