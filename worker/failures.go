package worker

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// failures logs the attempts of activities that fail. Benign failures are how a
// watch waits, and are not logged.
type failures struct {
	interceptor.WorkerInterceptorBase
	log *zap.Logger
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (f *failures) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &attempts{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, log: f.log}
}

type attempts struct {
	interceptor.ActivityInboundInterceptorBase
	log *zap.Logger
}

// patience is how many attempts may fail before a failure is an error and no
// longer a warning: by then it has outlived a restart of Redis.
const patience = 5

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (a *attempts) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	began := time.Now()
	out, err := a.Next.ExecuteActivity(ctx, in)
	var app *temporal.ApplicationError
	switch {
	case err == nil, errors.Is(ctx.Err(), context.Canceled):
		return out, err
	case errors.As(err, &app) && app.Category() == temporal.ApplicationErrorCategoryBenign:
		return out, err
	}
	i := activity.GetInfo(ctx)
	level := zapcore.WarnLevel
	if i.Attempt > patience {
		level = zapcore.ErrorLevel
	}
	a.log.Log(level, "activity failed",
		zap.String("activity", i.ActivityType.Name), zap.String("workflow", i.WorkflowExecution.ID), zap.String("run", i.WorkflowExecution.RunID),
		zap.String("queue", i.TaskQueue), zap.Int32("attempt", i.Attempt), zap.Bool("final", app != nil && app.NonRetryable()),
		zap.Duration("took", time.Since(began)), zap.Error(err))
	return out, err
}
