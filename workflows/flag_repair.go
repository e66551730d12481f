package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// repairPause is between two attempts at what the store refuses.
const repairPause = time.Minute

// repair writes the document again where the store may not have it: after a request
// that was given up, or after a loss that the launch of the time left to this workflow.
func (f *flag) repair(ctx workflow.Context) {
	for {
		err := workflow.Await(ctx, func() bool {
			return f.Owed != "" && f.Intent.Launch == "" && f.Intent.Flag.Version != 0 && !f.busy
		})
		if err != nil {
			return
		}
		f.busy = true
		why := f.Owed
		if _, err = f.rewrite(ctx, why); err == nil && f.Owed == why {
			f.Owed = ""
			if f.Ends != nil {
				f.Intent.Last, f.Ends = f.Ends, nil
			}
		}
		f.busy = false
		f.show(ctx)
		if err != nil && workflow.Sleep(ctx, repairPause) != nil {
			return
		}
	}
}

// restore writes the intent again where the store has lost it. While a launch answers
// for the flag, the launch does that, and this workflow looks once more when it has
// the flag back: the launch may be past listening.
func (f *flag) restore(ctx workflow.Context, why string) (bool, error) {
	why = line(why, maxName)
	if f.Intent.Flag.Version == 0 {
		return false, nil
	}
	if id := f.Intent.Launch; id != "" {
		if err := workflow.SignalExternalWorkflow(ctx, id, "", rampart.SignalLost, why).Get(ctx, nil); err == nil {
			f.Owed = why
		} else { // it was ended from outside, and nobody else would write the flag
			workflow.GetLogger(ctx).Warn("the launch is gone; its flag goes to what it was before", "launch", id, "error", err)
			f.Intent.Launch = ""
		}
	}
	var done bool
	_, err := f.alone(ctx, func() (rampart.Flag, error) {
		var err error
		done, err = f.rewrite(ctx, why)
		return f.Intent.Flag, err
	})
	return done, err
}

// rewrite writes the intent where the store has something else, and reports whether
// it had.
func (f *flag) rewrite(ctx workflow.Context, why string) (bool, error) {
	for {
		f.Fence = max(f.Fence+1, workflow.Now(ctx).UnixMilli())
		in := activities.RestoreInput{
			Flag: f.Intent.Flag, Kill: f.Intent.Kill, Pen: rampart.Pen{Owner: f.id, Fence: f.Fence}, Why: why,
			Launch: f.Intent.Launch,
		}
		var got activities.Restored
		if err := workflow.ExecuteActivity(f.writing(ctx, "restore "+f.Name), do.Restore, in).Get(ctx, &got); err != nil {
			return false, fmt.Errorf("%s", message(err))
		}
		switch got.Answer {
		case activities.Written:
			if got.Done && f.Intent.Launch == "" {
				d := &f.Intent.Flag
				d.Version, d.ChangedBy, d.Reason, d.Lease = got.Version, f.id, why, 0
			}
			return got.Done, nil
		case activities.Stale, activities.Drifted, activities.Lost:
			f.Fence = max(f.Fence, got.Version)
		default: // killed, or held by a launch that has yet to say so: who answers for it writes it
			workflow.GetLogger(ctx).Warn("the flag was left as it is", "flag", f.Name, "answer", got.Answer)
			return false, nil
		}
	}
}

func (f *flag) writing(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, Summary: summary, RetryPolicy: patiently,
	})
}

func (f *flag) idle() bool { return !f.busy && f.telling == 0 }
