package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rampart-dev/rampart"
)

func (a *app) flagCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "flag",
		Short: "Read flags, and change those that need no launch",
		Args:  a.noSuch,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.flagCreateCommand(), a.flagSetCommand(), a.flagDisableCommand(),
		a.flagGetCommand(), a.flagListCommand(), a.flagHistoryCommand(), a.flagDecideCommand(), a.flagReadersCommand())
	return c
}

// described are the parts of a flag's document that people type.
type described struct {
	owner, purpose, kind, unit, retireBy string
	off, on                              string
	percent                              string
	include, where                       []string
}

func (d *described) bind(fs *pflag.FlagSet, kind, unit, off, on string) {
	fs.StringVar(&d.owner, "owner", "", "team that answers for the flag")
	fs.StringVar(&d.purpose, "purpose", "", "what the flag is for, in a sentence")
	fs.StringVar(&d.retireBy, "retire-by", "", "day by which it is to be gone: 2027-03-31")
	fs.StringVar(&d.off, "off", off, "value of off, as JSON")
	fs.StringVar(&d.on, "on", on, "value of on, as JSON")
	if kind != "" {
		fs.StringVar(&d.kind, "type", kind, "release, experiment, operations or permission")
		fs.StringVar(&d.unit, "unit", unit, "what is bucketed: user, request or attribute:NAME")
	}
}

// onto changes a document where something was typed.
func (d *described) onto(f *rampart.Flag, fs *pflag.FlagSet) error {
	for _, x := range []struct {
		name string
		set  func() error
	}{
		{"owner", func() error { f.Owner = d.owner; return nil }},
		{"purpose", func() error { f.Purpose = d.purpose; return nil }},
		{"type", func() (err error) { f.Type, err = typeOf(d.kind); return }},
		{"unit", func() (err error) { f.Unit, err = unitOf(d.unit); return }},
		{"retire-by", func() (err error) { f.RetireBy, err = dateOf(d.retireBy); return }},
		{"off", func() (err error) { f.Off, err = valueOf("off", d.off); return }},
		{"on", func() (err error) { f.On, err = valueOf("on", d.on); return }},
		{"percent", func() (err error) { f.Exposure, err = percentOf(d.percent); return }},
		{"include", func() (err error) { f.Include, err = rulesOf(d.include); return }},
		{"where", func() (err error) { f.Where, err = rulesOf(d.where); return }},
	} {
		flag := fs.Lookup(x.name)
		if flag == nil || !flag.Changed && (flag.DefValue == "" || flag.DefValue == "[]") {
			continue // neither typed nor with a default that a new flag gets
		}
		if err := x.set(); err != nil {
			return err
		}
	}
	return nil
}

// says reports whether anything was typed that a set changes.
func (d *described) says(fs *pflag.FlagSet) bool {
	return slices.ContainsFunc([]string{"owner", "purpose", "retire-by", "off", "on", "percent", "include", "where"}, fs.Changed)
}

func (a *app) flagCreateCommand() *cobra.Command {
	var d described
	var reason string
	c := a.acting(a.reading(&cobra.Command{
		Use:   "create NAME --owner TEAM --purpose WHY",
		Short: "Make a flag, at its baseline",
		Long: `Create makes a flag that exposes nobody yet. Flags of launches need not be made:
rampart start does that.`,
		Example: `  rampart flag create search-timeout --type operations --off 500 --on 250 \
      --owner team-search --purpose "A shorter timeout, for when the index is slow"`,
		Args: a.takes("NAME"),
	}))
	c.RunE = a.does(func(ctx context.Context, args []string) error {
		if d.owner == "" || d.purpose == "" {
			return rampart.Errorf(rampart.Invalid, "a flag says who owns it and what it is for").WithHint("add --owner and --purpose")
		}
		f := rampart.Flag{Name: args[0], Salt: args[0], Lifecycle: rampart.Created}
		if err := d.onto(&f, c.Flags()); err != nil {
			return err
		}
		by, err := a.by()
		if err != nil {
			return err
		}
		s, err := a.parts()
		if err != nil {
			return err
		}
		made, err := s.Register(ctx, rampart.FlagChange{Flag: f, By: by, Reason: reason, New: true})
		if err != nil {
			return err
		}
		return a.answer(made, func(w io.Writer) { fmt.Fprintf(w, "%s is made, and exposes nobody\n", made.Name) })
	})
	d.bind(c.Flags(), string(rampart.Release), string(rampart.User), "false", "true")
	c.Flags().StringVar(&reason, "reason", "", "why; kept in the history")
	return c
}

func (a *app) flagSetCommand() *cobra.Command {
	var d described
	var reason string
	c := a.acting(a.reading(&cobra.Command{
		Use:   "set NAME --reason TEXT [--percent P] [--include RULE] ...",
		Short: "Change a flag without a launch",
		Long: `Set changes what is named and leaves the rest. It is for operations and permission
flags; while a launch answers for the flag it is refused.

A RULE is segment:NAME, key:USER, ATTRIBUTE=VALUE[,VALUE] or ATTRIBUTE!=VALUE[,VALUE];
several are alternatives. --include puts on whoever matches, --where says who is
eligible for the percentage. An empty rule takes all rules away.`,
		Example: `  rampart flag set search-timeout --percent 100 --reason "index is rebuilt"
  rampart flag set beta-menu --include segment:internal --include plan=pro,team --reason "beta begins"`,
		Args:              a.takes("NAME"),
		ValidArgsFunction: a.completeFlags,
	}))
	c.RunE = a.does(func(ctx context.Context, args []string) error {
		if _, err := a.reason(reason); err != nil {
			return err
		}
		if !d.says(c.Flags()) {
			return rampart.Errorf(rampart.Invalid, "nothing of %s is named that should change", args[0]).WithHint("%s", a.usage())
		}
		by, err := a.by()
		if err != nil {
			return err
		}
		s, err := a.parts()
		if err != nil {
			return err
		}
		entry, err := s.Store.Get(ctx, args[0])
		if err != nil {
			return err
		}
		seen := entry.Flag.Version
		if err := d.onto(&entry.Flag, c.Flags()); err != nil {
			return err
		}
		set, err := s.Set(ctx, rampart.FlagChange{Flag: entry.Flag, By: by, Reason: reason, Seen: seen})
		if err != nil {
			return err
		}
		a.noteMissing(ctx, s, set.Include, set.Where)
		return a.answer(set, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", set.Name, reachOf(set)) })
	})
	d.bind(c.Flags(), "", "", "", "")
	c.Flags().StringVar(&d.percent, "percent", "", "share of the eligible units that is on, from 0 to 100")
	c.Flags().StringArrayVar(&d.include, "include", nil, "rule of who is on in any case; may be repeated")
	c.Flags().StringArrayVar(&d.where, "where", nil, "rule of who is eligible; may be repeated")
	c.Flags().StringVar(&reason, "reason", "", "why; kept in the history")
	return c
}

func (a *app) flagDisableCommand() *cobra.Command {
	var ask rampart.Ask
	c := a.acting(a.reading(&cobra.Command{
		Use:   "disable NAME --reason TEXT",
		Short: "Turn a flag off without a launch",
		Long: `Disable takes a flag to its baseline: nobody is exposed. While a launch answers for
the flag it is refused. Where seconds matter, use rampart kill.`,
		Args:              a.takes("NAME"),
		ValidArgsFunction: a.completeFlags,
		RunE: a.does(func(ctx context.Context, args []string) error {
			s, err := a.wantedBy(&ask)
			if err != nil {
				return err
			}
			f, err := s.Disable(ctx, args[0], ask)
			if err != nil {
				return err
			}
			return a.answer(f, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", f.Name, reachOf(f)) })
		}),
	}))
	c.Flags().StringVar(&ask.Reason, "reason", "", "why; kept in the history")
	return c
}

func typeOf(s string) (rampart.FlagType, error) {
	switch t := rampart.FlagType(s); t {
	case rampart.Release, rampart.Experiment, rampart.Operations, rampart.Permission:
		return t, nil
	}
	return "", rampart.Errorf(rampart.Invalid, "%q is not a type of flag", s).WithHint("use release, experiment, operations or permission")
}

func unitOf(s string) (rampart.Unit, error) {
	u := rampart.Unit(s)
	if _, named := u.Attribute(); named || u == rampart.User || u == rampart.Request {
		return u, nil
	}
	return "", rampart.Errorf(rampart.Invalid, "%q cannot be bucketed", s).WithHint("use user, request or attribute:NAME")
}

func dateOf(s string) (rampart.Date, error) {
	d := rampart.Date(s)
	if _, err := d.Time(); err != nil && s != "" {
		return "", rampart.Errorf(rampart.Invalid, "%q is not a day", s).WithHint("write 2027-03-31")
	}
	return d, nil
}

func valueOf(name, s string) (json.RawMessage, error) {
	if !json.Valid([]byte(s)) {
		return nil, rampart.Errorf(rampart.Invalid, "--%s %s is not JSON", name, s).
			WithHint(`write true, 250, '"blue"' (a text in quotes) or '{"size": 3}'`)
	}
	return json.RawMessage(s), nil
}

func percentOf(s string) (rampart.Percent, error) {
	p, err := rampart.ParsePercent(s)
	if err == nil && (p < 0 || p > rampart.Full) {
		err = rampart.Errorf(rampart.Invalid, "%s is not between 0 and 100", s).WithHint("--percent takes a number from 0 to 100")
	}
	return p, err
}

// rulesOf reads rules as people type them. One that is empty stands for none.
func rulesOf(all []string) ([]rampart.Rule, error) {
	var rules []rampart.Rule
	for _, s := range all {
		if s == "" {
			continue
		}
		r, err := ruleOf(s)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func ruleOf(s string) (rampart.Rule, error) {
	if name, ok := strings.CutPrefix(s, "segment:"); ok {
		return rampart.Rule{Segment: name}, rampart.CheckName("a segment", name)
	}
	if key, ok := strings.CutPrefix(s, "key:"); ok && key != "" {
		return rampart.Rule{Keys: []string{key}}, nil
	}
	if name, values, ok := strings.Cut(s, "!="); ok && name != "" && values != "" {
		return rampart.Rule{Attribute: name, NotIn: strings.Split(values, ",")}, nil
	}
	if name, values, ok := strings.Cut(s, "="); ok && name != "" && values != "" {
		return rampart.Rule{Attribute: name, In: strings.Split(values, ",")}, nil
	}
	return rampart.Rule{}, rampart.Errorf(rampart.Invalid, "%q is not a rule", s).
		WithHint("write segment:NAME, key:USER, ATTRIBUTE=VALUE[,VALUE] or ATTRIBUTE!=VALUE[,VALUE]")
}
