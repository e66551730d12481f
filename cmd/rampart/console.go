package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart/console"
	"github.com/rampart-dev/rampart/console/access"
)

func (a *app) consoleCommand() *cobra.Command {
	var config console.Config
	c := &cobra.Command{
		Use:   "console",
		Short: "Serve flags over HTTP to every language and to browsers",
		Long: `Console serves the flags of an environment over HTTP, by the OpenFeature Remote
Evaluation Protocol, until it is interrupted. It keeps a replica of the flag store in
its own process, needs nothing else, and changes nothing; start as many as you like.
It answers /healthz and /readyz, and /metrics at an address of its own.

Without tokens it answers everybody on this machine, and refuses to listen beyond it.`,
		Example: `  rampart console token new shop-web --kind browser --flags checkout-v2 >> tokens
  rampart console --listen 0.0.0.0:8080 --tokens tokens --origins https://shop.example.com`,
		Args: a.noSuch,
		RunE: a.does(func(ctx context.Context, _ []string) error {
			store, err := a.options.StoreOptions()
			if err != nil {
				return err
			}
			config.Store = store
			return console.Run(ctx, config)
		}),
	}
	config.Bind(c.Flags())
	c.Flags().SortFlags = false
	c.AddCommand(a.tokenCommand())
	return c
}

func (a *app) tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Make tokens for those who ask the console",
		Args:  a.noSuch,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.tokenNewCommand())
	return c
}

func (a *app) tokenNewCommand() *cobra.Command {
	var kind, expires string
	var flags []string
	c := a.reading(&cobra.Command{
		Use:   "new NAME",
		Short: "Make a token, and its line for the console's file",
		Long: `New makes a token of 256 random bits. The token itself goes to stderr, this once and
nowhere else; the line for the file goes to stdout, and holds no secret but its hash.

A token of a server sees every flag. That of a browser can be read by everybody who
visits the page, so it needs the flags that the page asks for: of others it does not
even see that they exist.`,
		Example: `  rampart console token new checkout-java >> tokens
  rampart console token new shop-web --kind browser --flags checkout-v2,new-cart --expires 2027-06-30 >> tokens`,
		Args: a.takes("NAME"),
		RunE: a.does(func(_ context.Context, args []string) error {
			t := access.Token{Name: args[0], Kind: access.Kind(kind), Environment: a.options.Environment, Flags: flags}
			if expires != "" {
				var err error
				if t.Expires, err = access.ParseExpiry(expires); err != nil {
					return err
				}
			}
			secret, kept, err := access.New(t)
			if err != nil {
				return err
			}
			if !a.asJSON() {
				fmt.Fprintf(a.err, "token: %s\nkeep it now: it is shown this once\n", secret)
			}
			return a.answer(madeToken{Name: kept.Name, Token: secret, Line: kept.String()}, func(w io.Writer) {
				fmt.Fprintln(w, kept)
			})
		}),
	})
	c.Flags().StringVar(&kind, "kind", string(access.Server), "who keeps it: server or browser")
	c.Flags().StringSliceVar(&flags, "flags", nil, "flags that it may see, separated by commas; a server's sees all if none are named")
	c.Flags().StringVar(&expires, "expires", "", "day or moment at which it expires, such as 2027-06-30")
	return c
}

// madeToken is what "rampart console token new -o json" prints.
type madeToken struct {
	Name  string `json:"name"`
	Token string `json:"token"`
	Line  string `json:"line"` // for the console's file
}
