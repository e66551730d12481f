package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/settings"
)

func (a *app) telemetryCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "telemetry",
		Short: "Check what launches are judged by",
		Args:  a.noSuch,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.telemetryCheckCommand())
	return c
}

// telemetryCheck is what the flags say of a check.
type telemetryCheck struct {
	plan, against         string
	window, interval, lag time.Duration
	strict                bool
	mistake               error // of the environment
}

func (a *app) telemetryCheckCommand() *cobra.Command {
	var o telemetryCheck
	c := a.reading(&cobra.Command{
		Use:   "check [FLAG] [--plan FILE] [--against URL]",
		Short: "Tell whether a launch can be judged by what services count",
		Long: `Check reads from Prometheus what the gates and goals of a launch are judged by, and
tells of each metric: how many of its scrapes have it, how old its newest sample is,
which arms and telemetry buckets are counted, how often its counters began again, and
which instances lack a label that others have, stopped, or do not count it at all.
Where units are first seen is held against requests, and the clock of Prometheus
against that of this machine.

The plan is that of the launch of FLAG or, with --plan, of a file, for which nothing
but Prometheus is asked. A problem is what leaves a gate without data, or with data
that cannot be believed: it ends the command with exit code 4. Warnings do so with
--strict.`,
		Example: `  rampart telemetry check checkout-v2
  rampart telemetry check --plan plan.yaml --against http://localhost:9090 --strict`,
		Args: a.takes("[FLAG]"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			if o.mistake != nil {
				return o.mistake
			}
			plan, open, err := a.planToCheck(ctx, args, o.plan)
			if err != nil {
				return err
			}
			source, err := prometheusFor(o)
			if err != nil {
				return err
			}
			found, err := source.Telemetry(ctx, gates.TelemetryQuery{Plan: plan, Open: open, Window: o.window, Lag: o.lag})
			if err != nil {
				return err
			}
			return a.reportTelemetry(found, o.strict)
		}),
		ValidArgsFunction: a.completeFlags,
	})
	c.Flags().StringVar(&o.plan, "plan", "", "file with the plan, instead of that of the flag's launch")
	againstFlag(c, &o.against, "URL of the Prometheus; by default that of RAMPART_PROMETHEUS_URL, or http://127.0.0.1:9090")
	c.Flags().BoolVar(&o.strict, "strict", false, "take warnings for problems")
	c.Flags().VarP(settings.Span(&o.window, gates.DefaultTelemetryWindow), "window", "", "how far back, at most "+rampart.Duration(gates.MaxTelemetryWindow).String())
	o.mistake = settings.Bind(c.Flags(), []settings.Setting{
		{Flag: "scrape-interval", Env: "RAMPART_SCRAPE_INTERVAL", Value: settings.Span(&o.interval, gates.DefaultScrapeInterval), Meaning: "what the worker is told of how often Prometheus scrapes"},
		{Flag: "scrape-lag", Env: "RAMPART_SCRAPE_LAG", Value: settings.Span(&o.lag, gates.DefaultScrapeLag), Meaning: "what it is told of how old a sample must be before it is judged"},
	})
	return c
}

// planToCheck returns the plan of a file or of a flag's launch, and whether the launch is
// under way.
func (a *app) planToCheck(ctx context.Context, args []string, file string) (plan rampart.Plan, open bool, err error) {
	if file != "" {
		plan, _, err = a.readPlan(file)
		if err != nil {
			return plan, false, a.faults(err)
		}
		if len(args) > 0 && args[0] != plan.Flag {
			return plan, false, rampart.Errorf(rampart.Invalid, "%s is the plan of %s, not of %s", file, plan.Flag, args[0]).
				WithHint("leave the flag out, or name its own plan")
		}
		return plan, false, nil
	}
	if len(args) == 0 {
		return plan, false, rampart.Errorf(rampart.Invalid, "nobody says whose telemetry to check").WithHint("name a flag, or a plan with --plan")
	}
	s, err := a.parts()
	if err != nil {
		return plan, false, err
	}
	p, err := s.Progress(ctx, args[0])
	if err != nil {
		return plan, false, a.withoutLaunch(ctx, s, args[0], err)
	}
	return p.Plan, !p.State.Ended(), nil
}

func prometheusFor(o telemetryCheck) (*gates.Prometheus, error) {
	options := prometheusOptions(cmp.Or(o.against, os.Getenv("RAMPART_PROMETHEUS_URL"), "http://127.0.0.1:9090"))
	options.ScrapeInterval = o.interval
	return gates.NewPrometheus(options)
}

func (a *app) reportTelemetry(t gates.Telemetry, strict bool) error {
	problems := 0
	for _, f := range t.Findings {
		if f.Problem {
			problems++
		}
	}
	warnings := len(t.Findings) - problems
	bad := problems > 0 || strict && warnings > 0
	err := a.answer(t, func(w io.Writer) {
		a.drawTelemetry(w, t)
		switch {
		case problems > 0 && warnings > 0:
			fmt.Fprintf(w, "%s, %s\n", plural(problems, "problem"), plural(warnings, "warning"))
		case problems > 0:
			fmt.Fprintln(w, plural(problems, "problem"))
		case bad:
			fmt.Fprintf(w, "%s, and --strict takes them for problems\n", plural(warnings, "warning"))
		case warnings > 0:
			fmt.Fprintf(w, "ok, %s\n", plural(warnings, "warning"))
		default:
			fmt.Fprintln(w, "ok")
		}
	})
	if err == nil && bad {
		return ending(exitRefused)
	}
	return err
}

func (a *app) drawTelemetry(w io.Writer, t gates.Telemetry) {
	fmt.Fprintf(w, "%s, %s until %s; %s series of at most %s an answer\n", printable(t.Flag), t.Window,
		time.UnixMilli(t.At).In(a.now().Location()).Format(time.TimeOnly), grouped(t.Series), grouped(t.MaxOf))
	var rows [][]string
	for _, m := range t.Metrics {
		rows = append(rows, []string{
			m.Metric, strings.Join(m.For, ", "), grouped(m.Series), grouped(m.Instances), shareOrDash(m.Complete), secondsOrDash(m.Age), secondsOrDash(m.Pace),
			cmp.Or(strings.Join(m.Arms, " "), "-"), bucketsOrDash(m), grouped(m.Resets),
		})
	}
	table(w, []string{"METRIC", "FOR", "SERIES", "INSTANCES", "COMPLETE", "NEWEST", "EVERY", "ARMS", "BUCKETS", "RESETS"}, rows)
	for _, q := range t.Queries {
		value := "no value"
		if q.Value != nil {
			value = fmt.Sprintf("%.4g", *q.Value)
		}
		fmt.Fprintf(w, "%s is %s: %s\n", printable(q.Gate), value, printable(q.Query))
	}
	for _, f := range t.Findings {
		grade := a.paint(a.out, yellow, "warning:")
		if f.Problem {
			grade = a.paint(a.out, red, "problem:")
		}
		where := f.Metric
		if f.Instance != "" {
			where += " at " + f.Instance
		}
		fmt.Fprintln(w, grade, printable(strings.TrimSpace(where+" "+f.Text)))
		fmt.Fprintln(w, "    hint:", printable(f.Hint))
	}
}

func shareOrDash(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100**v)
}

func secondsOrDash(v *float64) string {
	if v == nil {
		return "-"
	}
	return rampart.Duration(time.Duration(*v * float64(time.Second)).Round(time.Second)).String()
}

// bucketsOrDash tells how many telemetry buckets of each arm are not empty.
func bucketsOrDash(m gates.MetricTelemetry) string {
	if m.OnBuckets+m.OffBuckets == 0 {
		return "-"
	}
	return fmt.Sprintf("%d on %d off", m.OnBuckets, m.OffBuckets)
}
