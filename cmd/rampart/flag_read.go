package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/starter"
)

func (a *app) flagGetCommand() *cobra.Command {
	return a.reading(&cobra.Command{
		Use:               "get NAME",
		Short:             "Show a flag as the store has it; needs no Temporal",
		Args:              a.takes("NAME"),
		ValidArgsFunction: a.completeFlags,
		RunE: a.does(func(ctx context.Context, args []string) error {
			s, err := a.parts()
			if err != nil {
				return err
			}
			e, err := s.Store.Get(ctx, args[0])
			if err != nil {
				return err
			}
			return a.answer(e, func(w io.Writer) { showFlag(w, e, a.now()) })
		}),
	})
}

func showFlag(w io.Writer, e flagstore.Entry, now time.Time) {
	f := e.Flag
	fields(w,
		"name", f.Name,
		"state", stateOf(e),
		"killed", killedBy(e, now),
		"exposure", reachOf(f),
		"values", fmt.Sprintf("off %s, on %s", f.Off, f.On),
		"layer", layerOf(f),
		"holdout", holdoutOf(f),
		"held out", rulesText(f.Except),
		"include", rulesText(f.Include),
		"where", rulesText(f.Where),
		"unit", string(f.Unit),
		"type", string(f.Type),
		"owner", f.Owner,
		"purpose", f.Purpose,
		"retire by", string(f.RetireBy),
		"launch", launchOf(f),
		"lease", leaseOf(e, now),
		"held by", e.Owner,
		"version", fmt.Sprint(f.Version),
		"changed", changed(f, now),
		"unreadable", e.Unreadable,
	)
}

// stateOf says in a word what a flag is doing; a kill wins over all else.
func stateOf(e flagstore.Entry) string {
	if e.Kill != nil && e.Kill.Killed {
		return string(rampart.Killed)
	}
	return string(e.Flag.Lifecycle)
}

func killedBy(e flagstore.Entry, now time.Time) string {
	if e.Kill == nil || !e.Kill.Killed {
		return ""
	}
	return fmt.Sprintf("by %s, %s: %s", e.Kill.By, starter.Moment(time.UnixMilli(e.Kill.At), now), e.Kill.Reason)
}

func reachOf(f rampart.Flag) string {
	if len(f.Include) > 0 {
		return f.Exposure.String() + " and whoever is included"
	}
	return f.Exposure.String()
}

func layerOf(f rampart.Flag) string {
	if f.Layer == nil {
		return ""
	}
	return f.Layer.String()
}

// holdoutOf says whether the units that are off by bucket now always were.
func holdoutOf(f rampart.Flag) string {
	h := f.Holdout()
	switch {
	case h.Above == rampart.Full, h.Above == 0 && h.Clean:
		return ""
	case h.Clean:
		return fmt.Sprintf("above %s, clean", h.Above)
	}
	return fmt.Sprintf("above %s, not clean: %s were exposed before", h.Above, h.Since)
}

func launchOf(f rampart.Flag) string {
	if f.Launch == "" {
		return ""
	}
	return fmt.Sprintf("%s, in %s", f.Launch, f.Phase)
}

func leaseOf(e flagstore.Entry, now time.Time) string {
	if e.Lease == nil {
		return ""
	}
	end := time.UnixMilli(e.Lease.End)
	if end.Before(now) {
		return "ended " + starter.Moment(end, now) + ": readers are at the baseline"
	}
	return "until " + starter.Moment(end, now)
}

func changed(f rampart.Flag, now time.Time) string {
	s := starter.Moment(time.UnixMilli(f.ChangedAt), now)
	if f.ChangedBy != "" {
		s += " by " + f.ChangedBy
	}
	if f.Reason != "" {
		s += ": " + f.Reason
	}
	return s
}

func rulesText(rules []rampart.Rule) string {
	words := make([]string, len(rules))
	for i, r := range rules {
		switch {
		case r.Segment != "":
			words[i] = "segment:" + r.Segment
		case len(r.In) > 0:
			words[i] = r.Attribute + "=" + strings.Join(r.In, ",")
		case len(r.NotIn) > 0:
			words[i] = r.Attribute + "!=" + strings.Join(r.NotIn, ",")
		case len(r.Keys) == 1:
			words[i] = "key:" + r.Keys[0]
		default:
			words[i] = plural(len(r.Keys), "key")
		}
	}
	return strings.Join(words, " or ")
}

func (a *app) flagListCommand() *cobra.Command {
	return a.reading(&cobra.Command{
		Use:   "list",
		Short: "List the flags of the environment; needs no Temporal",
		Args:  a.takes(),
		RunE: a.does(func(ctx context.Context, _ []string) error {
			s, err := a.parts()
			if err != nil {
				return err
			}
			all, err := s.Store.List(ctx)
			if err != nil {
				return err
			}
			if all == nil {
				all = []flagstore.Entry{}
			}
			return a.answer(all, func(w io.Writer) {
				if len(all) == 0 {
					fmt.Fprintf(w, "no flags in %s\n", s.Environment())
					return
				}
				var rows [][]string
				for _, e := range all {
					f := e.Flag
					rows = append(rows, []string{f.Name, stateOf(e), f.Exposure.String(), string(f.Type), f.Owner, string(f.Phase),
						starter.Moment(time.UnixMilli(f.ChangedAt), a.now())})
				}
				table(w, []string{"FLAG", "STATE", "EXPOSURE", "TYPE", "OWNER", "PHASE", "CHANGED"}, rows)
			})
		}),
	})
}

func (a *app) flagHistoryCommand() *cobra.Command {
	var limit int
	c := a.reading(&cobra.Command{
		Use:               "history NAME",
		Short:             "List who changed a flag, how, why and when; needs no Temporal",
		Args:              a.takes("NAME"),
		ValidArgsFunction: a.completeFlags,
		RunE: a.does(func(ctx context.Context, args []string) error {
			if limit < 1 || limit > 10_000 {
				return rampart.Errorf(rampart.Invalid, "a limit of %d", limit).WithHint("list from 1 to 10000 events")
			}
			s, err := a.parts()
			if err != nil {
				return err
			}
			if _, err := s.Store.Get(ctx, args[0]); err != nil {
				return err
			}
			all, err := s.Store.History(ctx, args[0], limit)
			if err != nil {
				return err
			}
			return a.answer(all, func(w io.Writer) { showEvents(w, all, a.now()) })
		}),
	})
	c.Flags().IntVar(&limit, "limit", 20, "at most this many, the newest first")
	return c
}

func showEvents(w io.Writer, all []rampart.Event, now time.Time) {
	var rows [][]string
	for _, e := range all {
		rows = append(rows, []string{starter.Moment(time.UnixMilli(e.At), now), e.Verb, e.Exposure.String(), string(e.Phase), e.By, e.Reason})
	}
	table(w, []string{"WHEN", "WHAT", "EXPOSURE", "PHASE", "WHO", "WHY"}, rows)
}
