package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (a *app) whyCommand() *cobra.Command {
	return a.reading(&cobra.Command{
		Use:   "why FLAG",
		Short: "Say why a flag stands where it stands, who can move it, and what is next",
		Long: `Why answers in sentences: why the flag stands where it stands, who can move it,
what happens next and when. It tells as much as it can where Temporal or the store
does not answer, and what it could not learn.`,
		Args: a.takes("FLAG"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			s, err := a.parts()
			if err != nil {
				return err
			}
			account, err := s.Why(ctx, args[0], a.now())
			if err != nil {
				return err
			}
			return a.answer(account, func(w io.Writer) {
				paragraph(w, "", account.Stands)
				paragraph(w, "Who can move it", account.Who)
				paragraph(w, "What happens next", account.Next)
				paragraph(w, "What is not known", account.Unknown)
			})
		}),
		ValidArgsFunction: a.completeFlags,
	})
}

func paragraph(w io.Writer, title string, sentences []string) {
	if len(sentences) == 0 {
		return
	}
	if title != "" {
		fmt.Fprintf(w, "\n%s:\n", title)
	}
	for _, s := range sentences {
		if title != "" {
			s = "  " + s
		}
		fmt.Fprintln(w, printable(s))
	}
}
