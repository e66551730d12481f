package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
)

// completionTimeout bounds what a shell waits for: nobody who presses tab wants to
// hear of a store that is away.
const completionTimeout = time.Second

// completeFlags offers the names of the flags in the store.
func (a *app) completeFlags(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.names(cmd, func(ctx context.Context) ([]string, error) {
		s, err := a.parts()
		if err != nil {
			return nil, err
		}
		all, err := s.Store.List(ctx)
		names := make([]string, 0, len(all))
		for _, e := range all {
			names = append(names, cobra.CompletionWithDesc(e.Flag.Name, printable(clip(e.Flag.Purpose, 60))))
		}
		return names, err
	})
}

func (a *app) completeSegments(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.names(cmd, func(ctx context.Context) ([]string, error) {
		s, err := a.parts()
		if err != nil {
			return nil, err
		}
		all, err := s.Store.Segments(ctx)
		names := make([]string, 0, len(all))
		for _, g := range all {
			names = append(names, cobra.CompletionWithDesc(g.Name, printable(clip(g.Purpose, 60))))
		}
		return names, err
	})
}

func (a *app) completeFlagThenPhase(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 1 {
		return strings.Split(joined(rampart.Phases), ", "), cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeFlags(cmd, args, begin)
}

func (a *app) names(cmd *cobra.Command, read func(ctx context.Context) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	names, err := read(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// joined lists names in a sentence.
func joined[T ~string](names []T) string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = string(n)
	}
	return strings.Join(words, ", ")
}

// mistakesIn returns the mistakes that an error is about.
func mistakesIn(err error) (rampart.Mistakes, bool) {
	var m rampart.Mistakes
	return m, errors.As(err, &m)
}
