package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

// app is one run of the program.
type app struct {
	streams
	now     func() time.Time
	ctx     context.Context
	current *cobra.Command // for hints

	options starter.Options // where the parts are
	as      string
	output  string // table or json
	begun   bool   // arguments and flags were understood

	open *starter.Starter
}

// command returns the tree of commands.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "rampart",
		Short: "Launch features safely",
		Long: `Rampart launches features safely. A plan says how a flag is launched; a durable
workflow walks it through test in production, debug, maximum power ramp,
scalability and learning; gates watch what users really get; people approve; and
whatever breaks turns the flag back.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          a.noSuch,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.begun = true
			return a.checkOutput(cmd)
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.PersistentFlags().SortFlags = false
	a.options.Bind(root.PersistentFlags())
	root.SetUsageTemplate(usageTemplate)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		a.current = cmd
		var value *pflag.InvalidValueError
		if errors.As(err, &value) { // pflag would quote the value, which may hold a password
			err = fmt.Errorf("--%s: %w", value.GetFlag().Name, value.Unwrap())
		}
		return rampart.Errorf(rampart.Invalid, "%s", err).WithHint("%s", a.usage())
	})
	root.AddGroup(
		&cobra.Group{ID: "plans", Title: "Plans:"},
		&cobra.Group{ID: "launches", Title: "Launches:"},
		&cobra.Group{ID: "flags", Title: "Flags:"},
		&cobra.Group{ID: "parts", Title: "Parts:"},
	)
	a.add(root, "plans", a.planCommand(), a.simulateCommand(), a.telemetryCommand())
	a.add(root, "launches", a.startCommand(), a.listCommand(), a.statusCommand(), a.watchCommand(), a.whyCommand(), a.evidenceCommand(),
		a.approveCommand(), a.rejectCommand(), a.pauseCommand(), a.resumeCommand(), a.advanceCommand(), a.acknowledgeCommand(), a.amendCommand(), a.turnBackCommand())
	a.add(root, "flags", a.killCommand(), a.restoreCommand(), a.flagCommand(), a.segmentCommand())
	a.add(root, "parts", a.setupCommand(), a.workerCommand(), a.consoleCommand(), a.relayCommand(), a.sweepCommand(), a.readyCommand(), a.devCommand())
	root.AddCommand(a.versionCommand())
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	a.knowShells(root)
	return root
}

// knowShells makes cobra's own command refuse a shell that it does not know, as every
// other group refuses what is not a command of it. Cobra would print its help, and be
// content.
func (a *app) knowShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil || completion == root {
		return
	}
	completion.Args = a.noSuch
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

func (a *app) add(parent *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		parent.AddCommand(c)
	}
}

// acting adds who acts. The name is believed: see the modes of trust.
func (a *app) acting(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&a.as, "as", "", "who does this (RAMPART_USER; by default the user of this machine); believed only where workers trust payloads")
	return c
}

// by returns who acts.
func (a *app) by() (string, error) {
	if a.as != "" {
		return a.as, nil
	}
	if name := os.Getenv("RAMPART_USER"); name != "" {
		return name, nil
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username, nil
	}
	return "", rampart.Errorf(rampart.Invalid, "nobody says who does this").WithHint("name yourself with --as or RAMPART_USER")
}

// parts returns the way in to the environment. It connects at the first use.
func (a *app) parts() (*starter.Starter, error) {
	if a.open != nil {
		return a.open, nil
	}
	s, err := starter.Dial(a.options)
	if err != nil {
		return nil, err
	}
	a.open = s
	return s, nil
}

func (a *app) close() {
	if a.open != nil {
		_ = a.open.Close()
	}
}

// does makes the body of a command: what it is run with is kept for hints.
func (a *app) does(body func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.current, a.ctx = cmd, cmd.Context()
		return body(cmd.Context(), args)
	}
}

func (a *app) interrupted() bool { return a.ctx != nil && errors.Is(a.ctx.Err(), context.Canceled) }

// takes checks the number of arguments; names in brackets may be left out.
func (a *app) takes(names ...string) cobra.PositionalArgs {
	least := 0
	for _, n := range names {
		if !strings.HasPrefix(n, "[") {
			least++
		}
	}
	return func(cmd *cobra.Command, args []string) error {
		a.current = cmd
		switch {
		case len(args) < least:
			return rampart.Errorf(rampart.Invalid, "%s needs %s", cmd.CommandPath(), strings.Join(names[len(args):least], " and ")).
				WithHint("%s", a.usage())
		case len(args) > len(names):
			return rampart.Errorf(rampart.Invalid, "%s takes %s, and %q is one too many", cmd.CommandPath(), plural(len(names), "argument"), args[len(names)]).
				WithHint("%s", a.usage())
		}
		return nil
	}
}

// noSuch refuses what is not a command of a group.
func (a *app) noSuch(cmd *cobra.Command, args []string) error {
	a.current = cmd
	if len(args) == 0 {
		return nil
	}
	hint := "see " + cmd.CommandPath() + " --help"
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %s %s?", cmd.CommandPath(), strings.Join(near, " or "))
	}
	return rampart.Errorf(rampart.Invalid, "%s has no command %q", cmd.CommandPath(), args[0]).WithHint("%s", hint)
}

func (a *app) usage() string {
	if a.current == nil {
		return "see rampart --help"
	}
	return fmt.Sprintf("usage: %s; see %s --help", a.current.UseLine(), a.current.CommandPath())
}

// reason returns why something is done, which must be said where others will ask.
func (a *app) reason(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", rampart.Errorf(rampart.Invalid, "%s needs a reason", a.current.CommandPath()).
			WithHint("say why with --reason; it is kept in the history")
	}
	return text, nil
}

// usageTemplate is cobra's, less the flags that all commands share: fifteen lines
// below every command would hide its own.
const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{if eq (len .Groups) 0}}

Commands:{{range $cmds}}{{if (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{else}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}

More:{{range $cmds}}{{if (and (eq .GroupID "") (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

{{if .HasParent}}Flags:{{else}}Flags of every command:{{end}}
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasParent}}

Where the parts are, every command is told as rampart --help says: --env, --temporal, --redis, ...{{end}}
`
