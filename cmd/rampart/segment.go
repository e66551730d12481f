package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/planfile"
	"github.com/rampart-dev/rampart/starter"
)

func (a *app) segmentCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "segment",
		Short: "Read and change the named sets of subjects that plans speak of",
		Args:  a.noSuch,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.segmentApplyCommand(), a.segmentGetCommand(), a.segmentListCommand())
	return c
}

func (a *app) segmentApplyCommand() *cobra.Command {
	var reason string
	c := a.acting(a.reading(&cobra.Command{
		Use:   "apply FILE",
		Short: "Make a segment what a file says",
		Long: `Apply gives a segment to its workflow, which keeps it and writes it into the store,
from where it reaches the readers like any change of a flag. The file says the whole of
it, in YAML; a segment that is the same already is left alone.

  name: beta-testers
  purpose: People who asked to see features early
  rules:
    - {attribute: plan, in: [pro, team]}
  keys: [u1, u2]`,
		Example: `  rampart segment apply segments/beta-testers.yaml --reason "two more testers"`,
		Args:    a.takes("FILE"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			g, _, err := a.readSegment(args[0])
			if err != nil {
				return a.faults(err)
			}
			by, err := a.by()
			if err != nil {
				return err
			}
			s, err := a.parts()
			if err != nil {
				return err
			}
			stored, err := s.ApplySegment(ctx, rampart.SegmentChange{Segment: g, By: by, Reason: reason})
			if err != nil {
				return err
			}
			return a.answer(stored, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %s, %s, version %d\n", stored.Name, plural(len(stored.Rules), "rule"), plural(len(stored.Keys), "key"), stored.Version)
			})
		}),
		ValidArgsFunction: completePlans,
	}))
	c.Flags().StringVar(&reason, "reason", "", "why; kept in the history")
	return c
}

// readSegment reads a segment from a file, or from standard input where the file is "-".
func (a *app) readSegment(name string) (rampart.Segment, planfile.File, error) {
	if name != "-" {
		return planfile.ReadSegment(name)
	}
	data, err := io.ReadAll(io.LimitReader(a.in, planfile.MaxSegmentBytes+1))
	if err != nil {
		return rampart.Segment{}, planfile.File{}, rampart.Errorf(rampart.Invalid, "read the segment from standard input").Because(err)
	}
	return planfile.ParseSegment("stdin", data)
}

func (a *app) segmentGetCommand() *cobra.Command {
	return a.reading(&cobra.Command{
		Use:               "get NAME",
		Short:             "Show a segment; needs no Temporal",
		Args:              a.takes("NAME"),
		ValidArgsFunction: a.completeSegments,
		RunE: a.does(func(ctx context.Context, args []string) error {
			s, err := a.parts()
			if err != nil {
				return err
			}
			g, err := s.Store.Segment(ctx, args[0])
			if err != nil {
				return err
			}
			return a.answer(g, func(w io.Writer) {
				fields(w, "name", g.Name, "purpose", g.Purpose, "rules", rulesText(g.Rules), "keys", fmt.Sprint(len(g.Keys)),
					"version", fmt.Sprint(g.Version), "changed", changedBy(g, a.now()))
				for _, key := range g.Keys {
					fmt.Fprintln(w, "  "+printable(key))
				}
			})
		}),
	})
}

func (a *app) segmentListCommand() *cobra.Command {
	return a.reading(&cobra.Command{
		Use:   "list",
		Short: "List the segments of the environment; needs no Temporal",
		Args:  a.takes(),
		RunE: a.does(func(ctx context.Context, _ []string) error {
			s, err := a.parts()
			if err != nil {
				return err
			}
			all, err := s.Store.Segments(ctx)
			if err != nil {
				return err
			}
			if all == nil {
				all = []rampart.Segment{}
			}
			return a.answer(all, func(w io.Writer) {
				if len(all) == 0 {
					fmt.Fprintf(w, "no segments in %s\n", s.Environment())
					return
				}
				var rows [][]string
				for _, g := range all {
					rows = append(rows, []string{g.Name, fmt.Sprint(len(g.Rules)), grouped(len(g.Keys)), changedBy(g, a.now()), g.Purpose})
				}
				table(w, []string{"SEGMENT", "RULES", "KEYS", "CHANGED", "PURPOSE"}, rows)
			})
		}),
	})
}

func changedBy(g rampart.Segment, now time.Time) string {
	return starter.Moment(time.UnixMilli(g.ChangedAt), now) + " by " + g.ChangedBy
}

// noteMissing tells of segments that the rules name and the store does not have:
// whoever starts with internal people wants to know that there are none.
func (a *app) noteMissing(ctx context.Context, s *starter.Starter, lists ...[]rampart.Rule) {
	asked := map[string]bool{}
	for _, r := range slices.Concat(lists...) {
		if r.Segment == "" || asked[r.Segment] {
			continue
		}
		asked[r.Segment] = true
		if _, err := s.Store.Segment(ctx, r.Segment); rampart.KindOf(err) == rampart.NotFound {
			fmt.Fprintf(a.err, "note: %s has no segment %s, so nobody is in it until rampart segment apply makes it\n", s.Environment(), r.Segment)
		}
	}
}
