package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/starter"
)

// listedReaders is what flag readers prints as JSON.
type listedReaders struct {
	Revision  int64              `json:"revision"` // of the store, microseconds since 1970
	Readers   int                `json:"readers"`
	Confirmed int                `json:"confirmed"` // of them, that have come as far
	Listed    []flagstore.Reader `json:"listed"`
}

func (a *app) flagReadersCommand() *cobra.Command {
	var behind bool
	c := a.reading(&cobra.Command{
		Use:   "readers",
		Short: "List who reads the flags, and who has not confirmed; needs no Temporal",
		Long: `Readers lists the processes that serve flags of the environment, as far as they have
been heard of within a minute, and whether each has confirmed the last change. With
--behind it lists those that have not: who they are is what to know when a kill was
confirmed by 997 of 1,000.`,
		Example: "  rampart flag readers --behind",
		Args:    a.takes(),
		RunE: a.does(func(ctx context.Context, _ []string) error {
			s, err := a.parts()
			if err != nil {
				return err
			}
			meta, err := s.Store.Meta(ctx)
			if err != nil {
				return err
			}
			all, err := s.Store.Readers(ctx)
			if err != nil {
				return err
			}
			got := listReaders(all, meta.Revision, behind)
			return a.answer(got, func(w io.Writer) { a.showReaders(w, got) })
		}),
	})
	c.Flags().BoolVar(&behind, "behind", false, "only those that have not confirmed the last change")
	return c
}

func listReaders(all []flagstore.Reader, revision int64, behind bool) listedReaders {
	l := listedReaders{Revision: revision, Readers: len(all), Listed: []flagstore.Reader{}}
	for _, r := range all {
		confirmed := r.Revision >= revision
		if confirmed {
			l.Confirmed++
		}
		if !behind || !confirmed {
			l.Listed = append(l.Listed, r)
		}
	}
	return l
}

func (a *app) showReaders(w io.Writer, l listedReaders) {
	var rows [][]string
	for _, r := range l.Listed {
		confirmed := "yes"
		if r.Revision < l.Revision {
			confirmed = "no"
		}
		rows = append(rows, []string{r.Service, r.ID, r.Via, confirmed, starter.Moment(r.At, a.now())})
	}
	if len(rows) > 0 {
		table(w, []string{"SERVICE", "READER", "VIA", "CONFIRMED", "HEARD OF"}, rows)
	}
	fmt.Fprintf(w, "%s of %s readers have confirmed the last change\n", grouped(l.Confirmed), grouped(l.Readers))
}
