package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

func (a *app) listCommand() *cobra.Command {
	var l starter.Listing
	var state string
	c := a.reading(&cobra.Command{
		Use:     "list",
		Short:   "List launches, the newest first",
		Example: "  rampart list\n  rampart list --all --flag checkout-v2\n  rampart list --state held -o json",
		Args:    a.takes(),
		RunE: a.does(func(ctx context.Context, _ []string) error {
			if l.Limit < 1 || l.Limit > 10_000 {
				return rampart.Errorf(rampart.Invalid, "a limit of %d", l.Limit).WithHint("list from 1 to 10000 launches")
			}
			s, err := a.parts()
			if err != nil {
				return err
			}
			l.State = rampart.State(state)
			rows, err := s.List(ctx, l)
			if err != nil {
				return err
			}
			if rows == nil {
				rows = []starter.Row{}
			}
			return a.answer(rows, func(w io.Writer) { a.launches(w, rows, l) })
		}),
	})
	c.Flags().BoolVarP(&l.All, "all", "a", false, "also those that have ended")
	c.Flags().StringVar(&l.Flag, "flag", "", "only those of this flag")
	c.Flags().StringVar(&state, "state", "", "only those in this state")
	c.Flags().IntVar(&l.Limit, "limit", 100, "at most this many")
	_ = c.RegisterFlagCompletionFunc("flag", a.completeFlags)
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(states, cobra.ShellCompDirectiveNoFileComp))
	return c
}

var states = []string{
	string(rampart.Waiting), string(rampart.Watching), string(rampart.Held), string(rampart.Paused), string(rampart.Cooling), string(rampart.Baking),
	string(rampart.TurningBack), string(rampart.Launched), string(rampart.TurnedBack), string(rampart.Killed), string(rampart.Superseded),
	string(rampart.Cancelled), string(rampart.Failed),
}

func (a *app) launches(w io.Writer, rows []starter.Row, l starter.Listing) {
	if len(rows) == 0 {
		fmt.Fprintln(w, "no launches")
		return
	}
	head := []string{"FLAG", "PHASE", "STATE", "EXPOSURE", "OWNER", "STARTED"}
	ended := l.All || l.State.Ended()
	if ended {
		head = append(head, "ENDED")
	}
	var cells [][]string
	for _, r := range rows {
		row := []string{r.Flag, string(r.Phase), string(r.State), r.Exposure.String(), r.Owner, starter.Moment(r.Started, a.now())}
		if ended && !r.Ended.IsZero() {
			row = append(row, starter.Moment(r.Ended, a.now()))
		}
		cells = append(cells, row)
	}
	table(w, head, cells)
}
