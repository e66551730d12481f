package worker

import (
	"context"
	"time"

	"go.temporal.io/sdk/interceptor"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/starter"
	"github.com/rampart-dev/rampart/workflows"
)

// cachedWorkflows is how many workflows are kept in memory, of which each launch has
// two. A launch that is watched does nothing for hours, so one that was let go of is
// seldom missed, and is there again once its history was read; a hundred kilobytes for
// each of ten thousand launches would be missed.
const cachedWorkflows = 2500

// workers returns the workers of the two queues.
func (p *process) workers(namespace string) []sdk.Worker {
	sdk.SetStickyWorkflowCacheSize(cachedWorkflows)
	env := p.starter.Environment()
	do := &activities.Activities{
		Store:     p.starter.Store,
		Judge:     gates.New(gates.Options{Source: p.prometheus, ScrapeLag: p.config.ScrapeLag}),
		Notifier:  p.channels,
		Workflows: reach{p.starter},
		Identity:  activities.Payload{}, // Validate has refused every other mode
		Namespace: namespace,
		Now:       time.Now,
		Carrier:   p.carrier,
		Spread:    spread,
		MaxSkew:   maxSkew,
		Meter:     activities.NewMeter(p.registry),

		Launches: reach{p.starter}, Intents: reach{p.starter}, Segments: reach{p.starter},
		SweepEvery: p.config.SweepEvery, Page: p.pages(),
	}
	launches := sdk.New(p.starter.Temporal, rampart.LaunchQueue(env), p.options(p.config.Changes))
	launches.RegisterWorkflow(workflows.Launch)
	launches.RegisterWorkflow(workflows.Flag)
	launches.RegisterWorkflow(workflows.Segment)
	launches.RegisterWorkflow(workflows.Sweep)
	launches.RegisterActivity(do)

	judging := p.options(p.config.Looks)
	judging.DisableWorkflowWorker = true
	looks := sdk.New(p.starter.Temporal, rampart.GateQueue(env), judging)
	looks.RegisterActivity(do.Watch)
	looks.RegisterActivity(do.Require)
	return []sdk.Worker{launches, looks}
}

// spread is the part of the time between two ticks that the looks at one are spread
// over. More of it delays verdicts, less of it has a thousand looks, and whatever
// turning back comes of them, wait for each other.
const spread = 0.4

// The SDK adjusts the number of pollers by what the server says of its backlog. At rest
// it would go down to one, and a tick at which hundreds of looks are due, or harm that
// has many launches turn back at once, would be over before there are more.
const (
	minPollers = 16
	maxPollers = 64
)

func (p *process) options(slots int) sdk.Options {
	autoscaling := sdk.NewPollerBehaviorAutoscaling(sdk.PollerBehaviorAutoscalingOptions{
		InitialNumberOfPollers: minPollers, MinimumNumberOfPollers: minPollers, MaximumNumberOfPollers: maxPollers,
	})
	return sdk.Options{
		MaxConcurrentActivityExecutionSize:     slots,
		MaxConcurrentWorkflowTaskExecutionSize: p.config.Decisions,
		ActivityTaskPollerBehavior:             autoscaling,
		WorkflowTaskPollerBehavior:             autoscaling,
		WorkerStopTimeout:                      p.config.StopTimeout,
		Interceptors:                           []interceptor.WorkerInterceptor{&failures{log: p.log}},
		OnFatalError:                           p.fail,
		DeploymentOptions:                      p.deployment(),
	}
}

// deployment says which version of which deployment this worker is, where versions
// are used. Both queues have the same, so that a launch and its looks move together.
//
// Workflows upgrade by themselves to the version that becomes current: launches last
// for weeks and flags for years, so workers that had to outlive them would never go,
// and a defect mended in a new build would not be mended for what is exposed now. That
// asks for code that replays what older builds wrote, which the golden histories test.
func (p *process) deployment() sdk.DeploymentOptions {
	if p.config.Deployment == "" {
		return sdk.DeploymentOptions{}
	}
	return sdk.DeploymentOptions{
		UseVersioning:             true,
		Version:                   sdk.WorkerDeploymentVersion{DeploymentName: p.config.Deployment, BuildID: p.config.build()},
		DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	}
}

// reach is how the sweep speaks to workflows: as people do, through the starter.
type reach struct{ *starter.Starter }

var (
	_ activities.Workflows = reach{}
	_ activities.Launches  = reach{}
	_ activities.Intents   = reach{}
	_ activities.Segments  = reach{}
)

// Restore implements activities.Workflows.
func (r reach) Restore(ctx context.Context, flag, why string) error {
	return r.RestoreFlag(ctx, flag, why)
}

// Killed implements activities.Workflows.
func (r reach) Killed(ctx context.Context, k rampart.Kill) error { return r.TellKill(ctx, k) }

// Sweep implements activities.Launches.
func (r reach) Sweep(ctx context.Context, flag string, in rampart.Sweeping) error {
	return r.SweepFlag(ctx, flag, in)
}
