package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// SweepInput is what an environment's sweep is started with.
type SweepInput struct {
	Environment string           `json:"environment"`
	Every       rampart.Duration `json:"every"`
}

// Sweep keeps the store and the workflows of an environment in step, for ever. Its
// one activity fails benignly after each pass, so its history stays at two events, and
// a few for each time that a person allows it more than it may do by itself.
func Sweep(ctx workflow.Context, in SweepInput) error {
	workflow.SetCurrentDetails(ctx, "Passes kills on, turns back what launches that are gone have left behind, and restores what the store has lost. "+
		"The pending activity tells of the last pass.")
	if err := listenForAllowance(ctx); err != nil {
		return err
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           rampart.LaunchQueue(in.Environment),
		StartToCloseTimeout: 5 * time.Minute,
		HeartbeatTimeout:    30 * time.Second,
		Summary:             "sweep " + in.Environment,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1, MaximumAttempts: forever},
	})
	return workflow.ExecuteActivity(ctx, do.Sweep, activities.SweepInput{Every: in.Every}).Get(ctx, nil)
}

// listenForAllowance takes in what a person allows. The activity asks for it when it
// holds flags back: to end it and begin another with the news would cost it what it
// has seen.
func listenForAllowance(ctx workflow.Context) error {
	var last rampart.Allowance
	err := workflow.SetQueryHandlerWithOptions(ctx, rampart.QueryAllowance,
		func() (rampart.Allowance, error) { return last, nil },
		workflow.QueryHandlerOptions{Description: "What a person has allowed last."})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, rampart.UpdateAllow,
		func(ctx workflow.Context, a rampart.Allowance) (string, error) {
			a.At = workflow.Now(ctx).UnixMilli()
			last = a
			return fmt.Sprintf("one pass within %s may sweep up to %d flags", rampart.AllowanceLife, a.Flags), nil
		},
		workflow.UpdateHandlerOptions{
			Description: "Let one pass turn back more flags at once than it would without asking.",
			Validator: func(a rampart.Allowance) error {
				if a.Flags < 1 || a.Flags > rampart.MaxAllowance {
					return fmt.Errorf("an allowance is for 1 to %d flags", rampart.MaxAllowance)
				}
				if a.Reason == "" {
					return fmt.Errorf("an allowance needs a reason")
				}
				return checkAsk(rampart.Ask{By: a.By, Reason: a.Reason})
			},
		})
}
