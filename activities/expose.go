package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// AcquireInput asks for the pen of a flag, to launch it by a plan.
type AcquireInput struct {
	Plan  rampart.Plan `json:"plan"`
	Owner string       `json:"owner"` // the launch's workflow ID
	At    int64        `json:"at"`    // workflow time, ms
	By    string       `json:"by"`

	// From is the phase that a relaunch begins with: the launch before was turned back
	// in that phase, or in a later one.
	From rampart.Phase `json:"from,omitempty"`
}

// Acquired is a flag whose pen the launch holds.
type Acquired struct {
	Plan     rampart.Plan  `json:"plan"`    // as it is walked: checked, with its defaults
	Flag     rampart.Flag  `json:"flag"`    // as stored, under its new version
	Version  int64         `json:"version"` // the launch's first fence
	Revision int64         `json:"revision"`
	Trust    rampart.Trust `json:"trust"` // of this worker
}

// Acquire checks the plan once more, because whoever starts a launch past the
// command line is to be told the same, and takes the pen. It is refused while the
// flag is killed, while another launch holds it, while it is exposed above the plan's
// first step, while another flag has one of its slots of a layer, and where the segment
// that it is to hold out is not there.
//
// Whom the launch leaves out is written with the pen: its slots, and the holdouts of
// the environment as they are named now. It keeps them to its end.
//
// The plan that is walked is the one that this returns: history keeps it, so a later
// version of the product with other defaults walks it as it was.
func (a *Activities) Acquire(ctx context.Context, in AcquireInput) (Acquired, error) {
	plan := in.Plan.WithDefaults()
	if err := a.walkable(plan); err != nil {
		return Acquired{}, refused(err)
	}
	entry, err := a.Store.Get(ctx, plan.Flag)
	if err != nil && a.emptied(ctx) {
		return Acquired{}, fmt.Errorf("the store was emptied, and is being restored: %w", err)
	}
	if err != nil {
		return Acquired{}, refused(err)
	}
	if plan, err = a.from(ctx, plan, in.From); err != nil {
		return Acquired{}, refused(err)
	}
	if first := plan.Stages[plan.StageOf(in.From)].Steps[0].Percent; entry.Flag.Exposure > first {
		return Acquired{}, refused(rampart.Errorf(rampart.Refused, "%s is already exposed at %s, above the plan's first step of %s",
			plan.Flag, entry.Flag.Exposure, first).
			WithHint("disable it first (rampart flag disable %s), or start with a plan whose first step is not below it", plan.Flag))
	}
	segments, err := a.Store.Segments(ctx)
	if err != nil {
		return Acquired{}, err
	}
	if err := plan.CheckHoldout(segments); err != nil {
		return Acquired{}, refused(err)
	}
	got, err := a.Store.Acquire(ctx, flagstore.AcquireInput{
		Flag: plan.Flag, Owner: in.Owner, At: in.At, By: in.By, Reason: "launch",
		Claim: &flagstore.Claim{Layer: plan.Layer, Unit: plan.Unit, Except: plan.HeldOut(segments)},
	})
	if err != nil {
		return Acquired{}, refused(err)
	}
	return Acquired{Plan: plan, Flag: got.Flag, Version: got.Version, Revision: got.Revision, Trust: a.Identity.Trust()}, nil
}

// emptied reports whether the store has lost everything, and has not been restored
// yet. The epoch comes last.
func (a *Activities) emptied(ctx context.Context) bool {
	meta, err := a.Store.Meta(ctx)
	return err == nil && meta.Epoch == ""
}

// from makes a plan one of a relaunch. What was exposed before may be so again without
// walking up to it, but somebody must say so.
func (a *Activities) from(ctx context.Context, plan rampart.Plan, phase rampart.Phase) (rampart.Plan, error) {
	if phase == "" {
		return plan, nil
	}
	intent, err := a.Workflows.Intent(ctx, plan.Flag)
	if err != nil {
		return plan, err
	}
	return plan.Relaunch(phase, intent.Last)
}

func (a *Activities) walkable(plan rampart.Plan) error {
	if bad := plan.Validate().Errors(); len(bad) > 0 {
		return rampart.Errorf(rampart.Invalid, "the plan cannot be walked").Because(bad)
	}
	if plan.Environment != a.Store.Environment() {
		return rampart.Errorf(rampart.Refused, "the plan is for %s, and this worker is of %s", plan.Environment, a.Store.Environment())
	}
	return nil
}

// ExposeInput is one write of a flag's document.
type ExposeInput struct {
	Flag         rampart.Flag     `json:"flag"`
	Pen          rampart.Pen      `json:"pen"`
	Acknowledged int64            `json:"acknowledged"` // the version that the writer last saw acknowledged
	Verb         string           `json:"verb"`
	By           string           `json:"by,omitempty"`
	Reason       string           `json:"reason,omitempty"`
	Lease        rampart.Duration `json:"lease,omitempty"`    // 0 removes the lease
	NewOwner     string           `json:"newOwner,omitempty"` // who holds the pen after this write
	Confirm      bool             `json:"confirm,omitempty"`  // ask the readers to confirm at once
	Insist       bool             `json:"insist,omitempty"`   // a turning back: try again whatever the store says
	Claims       bool             `json:"claims,omitempty"`   // slots that were lost or left are claimed again; who does not know that answer does not ask
	Since        int64            `json:"since,omitempty"`    // ms: the verdict that this write answers, for the meter
}

// VerbHandOver is that of the last write of a launch whose watch has turned it back.
const VerbHandOver = "hand-over"

// Exposed is the store's answer.
type Exposed struct {
	Answer   Answer `json:"answer"`
	Stored   int64  `json:"stored,omitempty"` // the version in the store
	Revision int64  `json:"revision,omitempty"`
	At       int64  `json:"at"` // ms, by the worker's clock
	Detail   string `json:"detail,omitempty"`

	Kill *rampart.Kill `json:"kill,omitempty"` // what the register says, where that is the answer
}

// Expose writes a flag's document under a pen. Only a store that does not answer
// makes it fail.
func (a *Activities) Expose(ctx context.Context, in ExposeInput) (Exposed, error) {
	ack, err := a.Store.Put(ctx, flagstore.Write{
		Flag: in.Flag, Pen: in.Pen, Acknowledged: in.Acknowledged,
		Verb: in.Verb, By: in.By, Reason: in.Reason, Lease: in.Lease.D(), NewOwner: in.NewOwner, Confirm: in.Confirm, Claims: in.Claims,
		Raises: in.Verb == "expose" || in.Verb == "set" && in.Acknowledged == 0,
	})
	answer, failed := answerTo(err)
	switch {
	case failed != nil && in.Verb == VerbHandOver: // nobody is exposed any more
		return Exposed{}, failed
	case failed != nil && in.Insist:
		a.Meter.notTurnedBack(a.Store.Environment(), in.Flag.Name, in.since(ctx), a.Now())
		return Exposed{}, failed
	case failed != nil:
		return Exposed{}, refused(failed)
	case answer == Ahead && ack.Version < in.Acknowledged:
		// Readers hold a later version than the store, so the one right after what is
		// stored would not reach them. It takes a clock that is put right.
		return Exposed{}, err
	case answer == Dead:
		k, _, failed := a.Store.Killed(ctx, in.Flag.Name)
		if failed != nil {
			return Exposed{}, failed
		}
		return Exposed{Answer: Dead, Stored: ack.Version, At: a.Now().UnixMilli(), Detail: err.Error(), Kill: &k}, nil
	}
	out := Exposed{Answer: answer, Stored: ack.Version, Revision: ack.Revision, At: a.Now().UnixMilli()}
	if err != nil {
		out.Detail = err.Error()
	}
	if answer == Written {
		a.Meter.exposed(a.Store.Environment(), in.Flag)
		if in.Since > 0 {
			a.Meter.turnedBack(a.Store.Environment(), in.Verb, time.UnixMilli(out.At).Sub(time.UnixMilli(in.Since)))
		}
	}
	return out, nil
}

// since returns when the verdict fell that this write answers. A cancellation has no
// verdict: there it is the time at which the write was asked for.
func (in ExposeInput) since(ctx context.Context) time.Time {
	if in.Since > 0 || !activity.IsActivity(ctx) {
		return time.UnixMilli(in.Since)
	}
	return activity.GetInfo(ctx).ScheduledTime
}

// ConfirmInput asks how many readers have a revision.
type ConfirmInput struct {
	Flag     string           `json:"flag"`
	Revision int64            `json:"revision"`
	Share    rampart.Percent  `json:"share"`
	Wait     rampart.Duration `json:"wait"`
}

// Confirm waits until that share of the known readers has confirmed a revision, or
// until the wait is over. Both are answers: it fails only where the store does.
func (a *Activities) Confirm(ctx context.Context, in ConfirmInput) (rampart.Confirmed, error) {
	began := time.Now()
	wait, cancel := context.WithTimeout(ctx, in.Wait.D())
	defer cancel()
	pause := 2 * time.Millisecond
	for {
		confirmed, total, err := a.Store.Confirmed(ctx, in.Revision)
		if err != nil {
			return rampart.Confirmed{}, err
		}
		got := rampart.Confirmed{Readers: total, Confirmed: confirmed, Millis: time.Since(began).Milliseconds()}
		if int64(confirmed)*int64(rampart.Full) >= int64(total)*int64(in.Share) {
			return got, nil
		}
		activity.RecordHeartbeat(ctx)
		select {
		case <-wait.Done():
			return got, ctx.Err()
		case <-time.After(pause):
			pause = min(2*pause, 200*time.Millisecond)
		}
	}
}
