package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/starter"
)

// killed is what kill prints as JSON.
type killed struct {
	Flag       string            `json:"flag"`
	Version    int64             `json:"version"`    // of the kill register
	OffMicros  int64             `json:"offMicros"`  // until the store had it
	Confirmed  rampart.Confirmed `json:"confirmed"`  // the readers
	Replicas   int               `json:"replicas"`   // of the store
	Replicated int               `json:"replicated"` // of them that have it
	Told       string            `json:"told,omitempty"`
}

func (a *app) killCommand() *cobra.Command {
	var reason string
	var wait time.Duration
	c := a.acting(a.reading(&cobra.Command{
		Use:   "kill FLAG --reason TEXT",
		Short: "Turn a flag off now, whatever else is going on",
		Long: `Kill turns a flag off for everybody. It needs neither Temporal nor a worker: the
store has it first, the readers follow within milliseconds, and the launch is told
afterwards and ends killed. Nothing but rampart restore, by a second person, lifts
it. It says how many of the known readers have confirmed that the flag is off.`,
		Example: `  rampart kill checkout-v2 --reason "support queue on fire"`,
		Args:    a.takes("FLAG"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			if _, err := a.reason(reason); err != nil {
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
			return a.kill(ctx, s, args[0], by, reason, wait)
		}),
		ValidArgsFunction: a.completeFlags,
	}))
	c.Flags().StringVar(&reason, "reason", "", "why; kept in the history")
	c.Flags().DurationVar(&wait, "wait", 2*time.Second, "how long to wait for the readers to confirm")
	return c
}

func (a *app) kill(ctx context.Context, s *starter.Starter, flag, by, reason string, wait time.Duration) error {
	if wait < 0 || wait > time.Minute {
		return rampart.Errorf(rampart.Invalid, "a wait of %s", wait).WithHint("wait from 0s to 1m")
	}
	k, err := s.Kill(ctx, flag, by, reason, wait, func(k flagstore.Killed) {
		if !a.asJSON() { // whoever kills must know at once that it is off
			fmt.Fprintf(a.out, "off in %s; ", millis(k.Took))
		}
	})
	if err != nil {
		return err
	}
	if a.asJSON() {
		return a.answer(killed{flag, k.Kill.Version, k.Took.Microseconds(), k.Confirmed, k.Replicas, k.Replicated, k.Told}, nil)
	}
	a.say("%s%s", confirmedLine(k.Confirmed), replicatedText(k.Replicas, k.Replicated))
	if lagging := k.Confirmed.Readers - k.Confirmed.Confirmed; lagging > 0 {
		fmt.Fprintf(a.err, "note: rampart flag readers --behind lists those of the %s that have not confirmed by then\n", grouped(lagging))
	}
	if k.Replicas > 0 && k.Replicated == 0 {
		fmt.Fprintf(a.err, "note: none of the %d replicas of the store has it yet\n", k.Replicas)
	}
	if k.Told != "" {
		fmt.Fprintf(a.err, "note: %s; a launch under way finds the kill in the store at its next look\n", k.Told)
	}
	return nil
}

// millis writes how long something took, never as nothing.
func millis(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(max(d, 100*time.Microsecond).Microseconds())/1000)
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

func confirmedLine(c rampart.Confirmed) string {
	if c.Readers == 0 {
		return "no readers are known that could confirm it"
	}
	return fmt.Sprintf("%s of %s readers confirmed after %d ms", grouped(c.Confirmed), grouped(c.Readers), c.Millis)
}

// replicatedText says that the kill would outlive the loss of the primary, or nothing
// where a note does, or where there is no replica.
func replicatedText(replicas, replicated int) string {
	if replicas == 0 || replicated == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of %d replicas of the store have it", replicated, replicas)
}

func (a *app) restoreCommand() *cobra.Command {
	var ask rampart.Ask
	c := a.acting(a.reading(&cobra.Command{
		Use:   "restore FLAG --reason TEXT",
		Short: "Lift a kill; takes a second person",
		Long: `Restore lifts a kill. It takes another person than those who killed, and is
refused while a launch is under way. The flag stays at its baseline: exposure
returns only through a launch.`,
		Args: a.takes("FLAG"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			s, err := a.wantedBy(&ask)
			if err != nil {
				return err
			}
			f, err := s.Restore(ctx, args[0], ask)
			if err != nil {
				return err
			}
			return a.answer(f, func(w io.Writer) {
				anew := "rampart start launches it anew"
				if f.Type == rampart.Operations || f.Type == rampart.Permission {
					anew = "rampart flag set exposes it anew"
				}
				fmt.Fprintf(w, "%s is restored, and stays at its baseline; %s\n", f.Name, anew)
			})
		}),
		ValidArgsFunction: a.completeFlags,
	}))
	c.Flags().StringVar(&ask.Reason, "reason", "", "why; kept in the history")
	return c
}
