package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// maxChannels bounds whom a sweep tells.
const maxChannels = 50

func (f *flag) maySweep(in rampart.Sweeping) error {
	switch {
	case in.Launch == "" || in.Launch == f.id || in.Seen <= 0:
		return fmt.Errorf("a sweep names the launch that is gone, and the version that it left")
	case in.Reason == "":
		return fmt.Errorf("a sweep needs a reason")
	case len(in.Notify) > maxChannels:
		return fmt.Errorf("%d channels are more than %d", len(in.Notify), maxChannels)
	}
	return nil
}

// sweep takes the flag back from a launch that is gone, and turns it back. What this
// workflow holds to be true is the baseline as soon as it has the pen: should the store
// not answer any more, it is written later, and not what the launch had exposed.
func (f *flag) sweep(ctx workflow.Context, in rampart.Sweeping) (rampart.Flag, error) {
	return f.alone(ctx, func() (rampart.Flag, error) {
		if f.Intent.Flag.Version > in.Seen { // what the launch left was overtaken; the store has lost that
			_, err := f.rewrite(ctx, "the store had lost a later document")
			return f.Intent.Flag, err
		}
		left, err := f.takeLeft(ctx, in)
		if err != nil {
			return f.Intent.Flag, err
		}
		base := baselineOf(left)
		base.Lifecycle = rampart.Created
		out := f.sweptOutcome(ctx, left, in.Reason)
		f.Intent.Flag, f.Intent.Launch = base, ""
		doc, err := f.write(ctx, "sweep", base, f.sweepID(), line(in.Reason, maxText))
		if err != nil {
			f.Owed, f.Ends = "a sweep was given up: "+line(in.Reason, maxName), &out
			return f.Intent.Flag, err
		}
		f.Intent.Last, f.Ends = &out, nil
		f.tell(ctx, in, left, out)
		return doc, nil
	})
}

// takeLeft takes the pen of the launch, if the flag is still as it was found.
func (f *flag) takeLeft(ctx workflow.Context, in rampart.Sweeping) (rampart.Flag, error) {
	f.Fence = max(f.Fence+1, workflow.Now(ctx).UnixMilli())
	take := activities.TakeInput{Flag: f.Name, Launch: in.Launch, Owner: f.id, At: f.Fence, By: f.sweepID(), Seen: in.Seen}
	if f.Intent.Flag.Version != 0 {
		base := baselineOf(f.Intent.Flag)
		take.Baseline = &base
	}
	var got activities.Taken
	err := workflow.ExecuteActivity(f.asking(ctx, "take "+f.Name+" from a launch that is gone"), do.Take, take).Get(ctx, &got)
	switch {
	case err != nil:
		return got.Flag, told(err)
	case got.Open:
		return got.Flag, fmt.Errorf("%s is under way, and answers for %s", in.Launch, f.Name)
	case !got.Found:
		return got.Flag, fmt.Errorf("somebody else answers for %s by now", f.Name)
	}
	f.Fence, f.Answered = max(f.Fence, got.Flag.Version), max(f.Answered, got.Flag.Version) // the launch comes back no more
	return got.Flag, nil
}

// sweptOutcome tells the end of a launch that could not tell it itself.
func (f *flag) sweptOutcome(ctx workflow.Context, left rampart.Flag, reason string) rampart.Outcome {
	now := workflow.Now(ctx)
	text := fmt.Sprintf("%s swept in %s: %s. Turned back %s.", f.Name, or(string(left.Phase), "no phase"), reason, now.UTC().Format("15:04:05"))
	return rampart.Outcome{
		State: rampart.TurnedBack, Cause: rampart.CauseSwept, Phase: left.Phase, Reason: line(reason, maxText), By: f.sweepID(),
		Receipt: rampart.Receipt{EndedAt: now.UnixMilli(), OffAt: now.UnixMilli(), Highest: left.HighWater, Text: line(text, maxText)},
	}
}

func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}

func (f *flag) sweepID() string { return rampart.SweepID(f.Environment) }

// tell sends a notice to every channel that the sweep named, beside everything else.
// It is this workflow that sends them, so that no worker that dies keeps them back.
func (f *flag) tell(ctx workflow.Context, in rampart.Sweeping, left rampart.Flag, out rampart.Outcome) {
	n := activities.Notice{
		ID: fmt.Sprintf("%s/%d", f.sweepID(), in.Seen), Event: "swept", Flag: f.Name, Environment: f.Environment, Owner: left.Owner,
		Launch: in.Launch, Phase: left.Phase, Text: out.Receipt.Text, At: workflow.Now(ctx).UnixMilli(), Urgent: true, Receipt: &out.Receipt,
	}
	safe, _ := workflow.NewDisconnectedContext(ctx)
	for _, channel := range in.Notify {
		f.telling++
		workflow.GoNamed(safe, "notify "+channel, func(ctx workflow.Context) {
			defer func() { f.telling-- }()
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
				StartToCloseTimeout: 15 * time.Second, ScheduleToCloseTimeout: 2 * time.Minute, Summary: "swept → " + channel,
				RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumAttempts: 5},
			})
			if err := workflow.ExecuteActivity(ctx, do.Notify, activities.NotifyInput{Channel: channel, Notice: n}).Get(ctx, nil); err != nil {
				workflow.GetLogger(ctx).Warn("nobody was told of a sweep", "flag", f.Name, "channel", channel, "error", err)
			}
		})
	}
}

// attest shows from now on, in the memo that Temporal's index has, which document this
// workflow answers for, so that the sweep can compare many flags at little cost.
func (f *flag) attest(ctx workflow.Context) error {
	f.messages++
	f.Attesting = true
	f.show(ctx)
	return nil
}

func (f *flag) showDocument(ctx workflow.Context) {
	if !f.Attesting {
		return
	}
	shown := activities.Launched
	if f.Intent.Launch == "" && f.Intent.Flag.Version != 0 {
		shown = activities.Attestation(f.Intent.Flag, f.Intent.Kill)
	}
	if shown == f.attested {
		return
	}
	f.attested = shown
	if err := workflow.UpsertMemo(ctx, map[string]any{rampart.MemoDocument: shown}); err != nil {
		workflow.GetLogger(ctx).Warn("the memo was not updated", "error", err)
	}
}
