package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// AcquireInput asks for the pen of a flag.
type AcquireInput struct {
	Flag  string          `json:"flag"`
	Owner string          `json:"owner"` // the launch's workflow ID
	At    int64           `json:"at"`    // workflow time, ms
	First rampart.Percent `json:"first"` // of the plan: a flag above it is not taken
}

// Acquired is a flag whose pen the launch holds.
type Acquired struct {
	Flag     rampart.Flag  `json:"flag"`    // as stored, under its new version
	Version  int64         `json:"version"` // the launch's first fence
	Revision int64         `json:"revision"`
	Trust    rampart.Trust `json:"trust"` // of this worker
}

// Acquire takes the pen. It is refused while the flag is killed, while another
// launch holds it, and while it is exposed above the plan's first step.
func (a *Activities) Acquire(ctx context.Context, in AcquireInput) (Acquired, error) {
	entry, err := a.Store.Get(ctx, in.Flag)
	if err != nil {
		return Acquired{}, refused(err)
	}
	if entry.Flag.Exposure > in.First {
		return Acquired{}, refused(rampart.Errorf(rampart.Refused, "%s is already exposed at %s, above the plan's first step of %s",
			in.Flag, entry.Flag.Exposure, in.First).
			WithHint("disable it first (rampart flag disable %s), or start with a plan whose first step is not below it", in.Flag))
	}
	got, err := a.Store.Acquire(ctx, flagstore.AcquireInput{Flag: in.Flag, Owner: in.Owner, At: in.At})
	if err != nil {
		return Acquired{}, refused(err)
	}
	return Acquired{Flag: got.Flag, Version: got.Version, Revision: got.Revision, Trust: a.Identity.Trust()}, nil
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
	Since        int64            `json:"since,omitempty"`    // ms: the verdict that this write answers, for the meter
}

// Exposed is the store's answer.
type Exposed struct {
	Answer   Answer `json:"answer"`
	Stored   int64  `json:"stored,omitempty"` // the version in the store
	Revision int64  `json:"revision,omitempty"`
	At       int64  `json:"at"` // ms, by the worker's clock
	Detail   string `json:"detail,omitempty"`
}

// Expose writes a flag's document under a pen. Only a store that does not answer
// makes it fail.
func (a *Activities) Expose(ctx context.Context, in ExposeInput) (Exposed, error) {
	ack, err := a.Store.Put(ctx, flagstore.Write{
		Flag: in.Flag, Pen: in.Pen, Acknowledged: in.Acknowledged,
		Verb: in.Verb, By: in.By, Reason: in.Reason, Lease: in.Lease.D(), NewOwner: in.NewOwner, Confirm: in.Confirm,
	})
	answer, failed := answerTo(err)
	if failed != nil {
		return Exposed{}, refused(failed)
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
