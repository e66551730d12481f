package workflows

import (
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
// one activity fails benignly after each pass, so its history stays at two events.
func Sweep(ctx workflow.Context, in SweepInput) error {
	workflow.SetCurrentDetails(ctx, "Passes kills on, and restores the store after a loss. The pending activity tells of the last pass.")
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           rampart.LaunchQueue(in.Environment),
		StartToCloseTimeout: 5 * time.Minute,
		HeartbeatTimeout:    30 * time.Second,
		Summary:             "sweep " + in.Environment,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1, MaximumAttempts: forever},
	})
	return workflow.ExecuteActivity(ctx, do.Sweep, activities.SweepInput{Every: in.Every}).Get(ctx, nil)
}
