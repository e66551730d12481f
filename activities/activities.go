package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/gates"
)

// Activities holds what activities need. Its methods are the activities; workflows
// name them through a nil pointer.
type Activities struct {
	Store     *flagstore.Store
	Judge     *gates.Judge
	Notifier  Notifier
	Workflows Workflows
	Identity  Identity
	Namespace string // Temporal's namespace id, kept in the store as its guard
	Now       func() time.Time
	Carrier   *Carrier      // of heartbeats; nil: they are sent by themselves
	Spread    float64       // the part of the time between two ticks that looks at one are spread over
	MaxSkew   time.Duration // by which Now may differ from the other clocks and be believed; 0: any
	Meter     *Meter

	Launches   Launches      // of which the sweep finds those that are gone
	Intents    Intents       // with which the sweep compares what is stored
	Segments   Segments      // that the sweep compares and has restored
	SweepEvery time.Duration // instead of what the sweep was started with, if not 0
	Page       []string      // channels that hear of what the sweep does, and must not do

	stores storeClock
}

// A Notifier sends a notice to a channel that the worker's configuration names.
type Notifier interface {
	Notify(ctx context.Context, channel string, n Notice) error
}

// Workflows is how activities speak to the workflows of flags and launches.
type Workflows interface {
	// Flags lists the flags that have a workflow of their own.
	Flags(ctx context.Context) ([]string, error)
	// Restore asks a flag's workflow to write its intent again.
	Restore(ctx context.Context, flag, why string) error
	// Killed tells a flag's workflow, and its launch if there is one, of a kill.
	Killed(ctx context.Context, k rampart.Kill) error
	// Intent returns what a flag's workflow holds to be true; nothing where there is none.
	Intent(ctx context.Context, flag string) (rampart.FlagIntent, error)
	// Open reports whether a workflow is running. One that Temporal does not know is not.
	Open(ctx context.Context, workflowID string) (bool, error)
}

// Types of the errors that end a launch before it exposed anybody.
const (
	TypeRefused = "Refused" // the plan cannot be walked, or not now
	TypeHolding = "Holding" // benign: a watch that has nothing to say yet
)

// refused turns an error that trying again cannot mend into one that Temporal does
// not retry; every other error is passed on.
func refused(err error) error {
	switch rampart.KindOf(err) {
	case rampart.Invalid, rampart.NotFound, rampart.Refused:
		return temporal.NewNonRetryableApplicationError(err.Error(), TypeRefused, nil, rampart.HintOf(err))
	}
	return err
}

// An Answer is what the store says to a write.
type Answer string

// The answers.
const (
	Written  Answer = "written"
	Stale    Answer = "stale"    // a later version is there: write again above it
	Lost     Answer = "lost"     // the store forgot: write again
	Drifted  Answer = "drift"    // edited by hand: write again
	Owned    Answer = "owned"    // another owner: superseded
	Dead     Answer = "killed"   // a raise while the flag is killed
	Occupied Answer = "occupied" // another flag has its slots of a layer
	Ahead    Answer = "ahead"    // of the store's clock: write again right after what is stored
)

// answerTo sorts the errors of a write into answers; an error that is none of them
// is returned for Temporal to retry.
func answerTo(err error) (Answer, error) {
	for _, a := range []struct {
		err    error
		answer Answer
	}{
		{nil, Written},
		{flagstore.ErrStale, Stale},
		{flagstore.ErrLost, Lost},
		{flagstore.ErrDrift, Drifted},
		{flagstore.ErrOwned, Owned},
		{flagstore.ErrKilled, Dead},
		{flagstore.ErrAhead, Ahead},
		{flagstore.ErrTaken, Occupied},
	} {
		if errors.Is(err, a.err) {
			return a.answer, nil
		}
	}
	return "", err
}
