package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/starter"
)

func (a *app) evidenceCommand() *cobra.Command {
	var (
		run, gate, svg string
		plot           bool
		limit          int
	)
	c := a.reading(&cobra.Command{
		Use:   "evidence FLAG",
		Short: "Tell how the evidence of a launch went, look by look",
		Long: `Evidence tells what each look at the gates of a launch came to: the open one, or else
the last. The store keeps at most 256 looks of a launch that lie evenly among all, and
the last, for 400 days. Of each gate it tells the rate ratio of on over off and how
much of the evidence that breaks it there was.

--plot draws it in the terminal and --svg into a file, on a scale of powers of ten: at
the top evidence turns the launch back. -o csv writes a line for each look and gate.
With --run it asks the store alone, and finds earlier launches too; rampart status
FLAG -o json tells the run of a launch.`,
		Example: `  rampart evidence checkout-v2 --plot
  rampart evidence checkout-v2 --gate errors -o csv > errors.csv`,
		Args:              a.takes("FLAG"),
		Annotations:       map[string]string{outputs: "csv"},
		ValidArgsFunction: a.completeFlags,
		RunE: a.does(func(ctx context.Context, args []string) error {
			if limit < 1 {
				return rampart.Errorf(rampart.Invalid, "a limit of %d", limit).WithHint("show one look at least")
			}
			s, err := a.parts()
			if err != nil {
				return err
			}
			e, err := s.Evidence(ctx, args[0], run)
			if err != nil {
				return err
			}
			if e, err = only(e, gate); err != nil {
				return err
			}
			if svg != "" {
				if err := os.WriteFile(svg, drawing(e), 0o600); err != nil {
					return fmt.Errorf("draw the evidence of %s: %w", e.Flag, err)
				}
			}
			if a.output == "csv" {
				return writeCSV(a.out, e)
			}
			return a.answer(e, func(w io.Writer) {
				if plot {
					writeLines(w, plotted(e, a.now()))
					return
				}
				showEvidence(w, e, limit, a.now())
			})
		}),
	})
	c.Flags().StringVar(&run, "run", "", "of this run of the launch's workflow, instead of the open launch or the last")
	c.Flags().StringVar(&gate, "gate", "", "of this gate alone")
	c.Flags().IntVar(&limit, "limit", 20, "of a table: at most this many looks, evenly among those that are kept")
	c.Flags().BoolVar(&plot, "plot", false, "draw it in the terminal")
	c.Flags().StringVar(&svg, "svg", "", "draw it into this file, too")
	c.Flags().Lookup("output").Usage = "table, json or csv"
	return c
}

// only leaves out all gates but one.
func only(e starter.Evidence, gate string) (starter.Evidence, error) {
	if gate == "" {
		return e, nil
	}
	if !slices.Contains(gatesOf(e), gate) {
		return e, rampart.Errorf(rampart.NotFound, "no look at %s had a gate %s", e.Flag, gate).
			WithHint("its gates are %s", strings.Join(gatesOf(e), ", "))
	}
	for i := range e.Points {
		p := &e.Points[i]
		p.Gates = slices.DeleteFunc(p.Gates, func(g flagstore.GatePoint) bool { return g.Gate != gate })
	}
	return e, nil
}

// gatesOf names the gates of all stages, in the order in which they came.
func gatesOf(e starter.Evidence) []string {
	var names []string
	for _, p := range e.Points {
		for _, g := range p.Gates {
			if !slices.Contains(names, g.Gate) {
				names = append(names, g.Gate)
			}
		}
	}
	return names
}

func showEvidence(w io.Writer, e starter.Evidence, limit int, now time.Time) {
	names := gatesOf(e)
	head := append([]string{"WHEN", "PHASE", "EXPOSURE", "EVIDENCE"}, names...)
	var rows [][]string
	for _, p := range evenly(e.Points, limit) {
		line := []string{starter.Moment(time.UnixMilli(p.At), now), string(p.Phase), p.Exposure.String(), shareOfLimit(p.Share)}
		for _, name := range names {
			line = append(line, cell(p, name))
		}
		rows = append(rows, line)
	}
	table(w, head, rows)
}

// evenly returns at most n of the points, the last among them.
func evenly(points []flagstore.Point, n int) []flagstore.Point {
	if len(points) <= n {
		return points
	}
	some := make([]flagstore.Point, n)
	for i := range some {
		some[i] = points[(i+1)*len(points)/n-1]
	}
	return some
}

// cell says in a few words what a gate came to.
func cell(p flagstore.Point, name string) string {
	g := gateAt(p, name)
	switch {
	case g == nil || g.Word == rampart.NotApplicable:
		return "-"
	case g.Word == rampart.NoData || g.Word == rampart.Blind:
		return string(g.Word)
	}
	said := ""
	if g.Value != nil {
		said = fmt.Sprintf("%.4g", *g.Value)
		if g.Low != nil {
			said = fmt.Sprintf("%.2fx", *g.Value)
		}
	}
	if g.LogE != 0 || g.Share != 0 {
		said = join(said, shareOfLimit(g.Share))
	}
	if g.Word == rampart.Breach || said == "" {
		said = join(said, string(g.Word))
	}
	return said
}

func gateAt(p flagstore.Point, name string) *flagstore.GatePoint {
	for i := range p.Gates {
		if p.Gates[i].Gate == name {
			return &p.Gates[i]
		}
	}
	return nil
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}

// shareOfLimit writes how much of its limit evidence has reached.
func shareOfLimit(v float64) string {
	switch {
	case v >= 0.01 || v == 0:
		return fmt.Sprintf("%.0f %%", 100*v)
	case v >= 0.0001:
		return fmt.Sprintf("%.1g %%", 100*v)
	}
	return "< 0.01 %"
}

var csvHead = []string{
	"at", "phase", "exposure", "verdict", "launch_share", "gate", "kind", "word",
	"value", "low", "high", "share", "log_e", "on_units", "off_units", "phi",
}

// writeCSV writes a line for each look and gate; for a look without gates, one.
func writeCSV(to io.Writer, e starter.Evidence) error {
	w := csv.NewWriter(to)
	_ = w.Write(csvHead)
	for _, p := range e.Points {
		look := []string{time.UnixMilli(p.At).UTC().Format(time.RFC3339Nano), string(p.Phase), plain(p.Exposure.Float()), string(p.Word), plain(p.Share)}
		if len(p.Gates) == 0 {
			_ = w.Write(append(look, make([]string, len(csvHead)-len(look))...))
		}
		for _, g := range p.Gates {
			_ = w.Write(append(slices.Clone(look), g.Gate, string(g.Kind), string(g.Word),
				optional(g.Value), optional(g.Low), optional(g.High), plain(g.Share), plain(g.LogE), plain(g.OnN), plain(g.OffN), plain(g.Phi)))
		}
	}
	w.Flush()
	return w.Error()
}

func plain(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func optional(v *float64) string {
	if v == nil {
		return ""
	}
	return plain(*v)
}
