package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) setupCommand() *cobra.Command {
	return a.reading(&cobra.Command{
		Use:   "setup",
		Short: "Make an environment ready: once, before its first worker",
		Long: `Setup adds the search attributes of launches to the Temporal namespace, and
writes into the flag store which environment and which namespace it is for. From
then on workers and commands refuse any other pair. Doing it again changes nothing.`,
		Args: a.takes(),
		RunE: a.does(func(ctx context.Context, _ []string) error {
			s, err := a.parts()
			if err != nil {
				return err
			}
			ready, err := s.Setup(ctx)
			if err != nil {
				return err
			}
			return a.answer(ready, func(w io.Writer) {
				fmt.Fprintf(w, "%s is ready: Redis at %s belongs to it and to namespace %s of Temporal at %s\n",
					ready.Environment, s.Store.Address(), ready.Namespace, s.Address)
				if len(ready.Added) > 0 {
					fmt.Fprintf(w, "added the search attributes %s\n", strings.Join(ready.Added, ", "))
				}
			})
		}),
	})
}

// version is what rampart is; it is set when a release is built.
var version = "development"

// build is what is known of the program itself.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Dirty   bool   `json:"dirty,omitempty"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

func (a *app) versionCommand() *cobra.Command {
	return a.reading(&cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Args:  a.takes(),
		RunE: a.does(func(context.Context, []string) error {
			b := build{Version: version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					switch s.Key {
					case "vcs.revision":
						b.Commit = s.Value
					case "vcs.modified":
						b.Dirty = s.Value == "true"
					}
				}
			}
			return a.answer(b, func(w io.Writer) {
				fmt.Fprintf(w, "rampart %s", b.Version)
				if b.Commit != "" {
					fmt.Fprintf(w, " (%s)", b.Commit[:min(12, len(b.Commit))])
				}
				fmt.Fprintf(w, " %s %s\n", b.Go, b.System)
			})
		}),
	})
}
