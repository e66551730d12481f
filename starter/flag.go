package starter

import (
	"context"
	"errors"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/workflows"
)

// Register makes a flag, or returns it where it is there already and the change
// does not insist on a new one.
func (s *Starter) Register(ctx context.Context, c rampart.FlagChange) (rampart.Flag, error) {
	if err := rampart.CheckName("a flag", c.Flag.Name); err != nil {
		return rampart.Flag{}, err
	}
	var doc rampart.Flag
	return doc, s.updateFlag(ctx, c.Flag.Name, rampart.UpdateRegister, c, &doc)
}

// Set changes a flag without a launch.
func (s *Starter) Set(ctx context.Context, c rampart.FlagChange) (rampart.Flag, error) {
	var doc rampart.Flag
	return doc, s.updateFlag(ctx, c.Flag.Name, rampart.UpdateSet, c, &doc)
}

// Disable turns a flag off without a launch.
func (s *Starter) Disable(ctx context.Context, flag string, a rampart.Ask) (rampart.Flag, error) {
	var doc rampart.Flag
	return doc, s.updateFlag(ctx, flag, rampart.UpdateDisable, a, &doc)
}

// Restore lifts a kill. The flag stays at its baseline: exposure returns only
// through a launch.
func (s *Starter) Restore(ctx context.Context, flag string, a rampart.Ask) (rampart.Flag, error) {
	var doc rampart.Flag
	return doc, s.updateFlag(ctx, flag, rampart.UpdateLift, a, &doc)
}

// Intent returns what the flag's own workflow holds to be true.
func (s *Starter) Intent(ctx context.Context, flag string) (rampart.FlagIntent, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	var intent rampart.FlagIntent
	v, err := s.Temporal.QueryWorkflow(ctx, rampart.FlagID(s.Environment(), flag), "", rampart.QueryFlag)
	if err != nil {
		return intent, s.told(err, flag)
	}
	return intent, v.Get(&intent)
}

// updateFlag asks a flag's own workflow, which is started if there is none: one
// that was registered while Temporal was another is taken up again.
func (s *Starter) updateFlag(ctx context.Context, flag, name string, arg any, answer *rampart.Flag) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	start := s.Temporal.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID:                       rampart.FlagID(s.Environment(), flag),
		TaskQueue:                rampart.LaunchQueue(s.Environment()),
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "flag " + flag + " in " + s.Environment(),
	}, workflows.Flag, workflows.FlagInput{Environment: s.Environment(), Name: flag})
	var err error
	if name == rampart.UpdateRegister {
		var handle client.WorkflowUpdateHandle
		handle, err = s.Temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: start,
			UpdateOptions: client.UpdateWorkflowOptions{
				WorkflowID: rampart.FlagID(s.Environment(), flag), UpdateName: name, Args: []any{arg},
				WaitForStage: client.WorkflowUpdateStageCompleted,
			},
		})
		if err == nil {
			err = handle.Get(ctx, answer)
		}
		return s.told(err, flag)
	}
	err = s.update(ctx, flag, rampart.FlagID(s.Environment(), flag), name, arg, answer)
	if rampart.KindOf(err) == rampart.NotFound {
		return rampart.Errorf(rampart.NotFound, "there is no flag %s in %s", flag, s.Environment()).
			WithHint("rampart flag list shows the flags; rampart flag create %s makes it", flag)
	}
	return err
}

// Killing is what a kill reached.
type Killing struct {
	flagstore.Killed
	Confirmed rampart.Confirmed `json:"confirmed"`
	Told      string            `json:"told,omitempty"` // why Temporal could not be told; the launch notices by its watch
}

// Kill turns a flag off now, for every reader. It needs only the store; the launch
// and the flag's own workflow are told afterwards, and where that fails they notice
// by themselves. Off, if given, is called as soon as the store has the kill.
func (s *Starter) Kill(ctx context.Context, flag, by, reason string, wait time.Duration, off ...func(flagstore.Killed)) (Killing, error) {
	killed, err := s.Store.Kill(ctx, flag, by, reason)
	if err != nil {
		return Killing{}, err
	}
	for _, tell := range off {
		tell(killed)
	}
	k := Killing{Killed: killed}
	told := make(chan error, 1)
	go func() { told <- s.TellKill(ctx, killed.Kill) }()
	k.Confirmed = s.confirmed(ctx, killed.Revision, wait)
	if err := <-told; err != nil {
		k.Told = err.Error()
	}
	return k, nil
}

// TellKill tells the flag's launch, if there is one, and its own workflow of a kill.
func (s *Starter) TellKill(ctx context.Context, k rampart.Kill) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var errs []error
	if k.Killed {
		errs = append(errs, s.Temporal.SignalWorkflow(ctx, rampart.LaunchID(s.Environment(), k.Flag), "", rampart.SignalKill, k))
	}
	errs = append(errs, s.Temporal.SignalWorkflow(ctx, rampart.FlagID(s.Environment(), k.Flag), "", rampart.SignalKilled, k))
	for _, err := range errs {
		var notFound *serviceerror.NotFound
		if err != nil && !errors.As(err, &notFound) {
			return s.told(err, k.Flag)
		}
	}
	return nil
}

// confirmed waits a little while until every known reader has a revision.
func (s *Starter) confirmed(ctx context.Context, revision int64, wait time.Duration) rampart.Confirmed {
	began := time.Now()
	for {
		n, total, err := s.Store.Confirmed(ctx, revision)
		got := rampart.Confirmed{Readers: total, Confirmed: n, Millis: time.Since(began).Milliseconds()}
		if err != nil || n >= total || time.Since(began) > wait {
			return got
		}
		select {
		case <-ctx.Done():
			return got
		case <-time.After(2 * time.Millisecond):
		}
	}
}
