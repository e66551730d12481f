package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// A Withdrawal is the baseline that a watch wrote by itself, at the breach that it found.
type Withdrawal struct {
	Version  int64 `json:"version"`
	Revision int64 `json:"revision"`
	At       int64 `json:"at"` // ms, by the worker's clock: the store has acknowledged
}

// withdraw turns the flag back right where the breach was found, so that nobody is
// exposed to it for as long as Temporal takes to decide the same: that is three round
// trips, behind whatever else this tick brought about. The launch writes the flag once
// more, when it ends.
//
// It is only ever done to the very document that was watched: the version is the one
// right after it, and every later write of the launch has at least that, so the attempt
// of a worker that wakes up late is turned away. Where it is not done, or nobody hears
// of it, the launch turns back as it always does.
func (a *Activities) withdraw(ctx context.Context, in WatchInput, stored rampart.Flag, found Watched) *Withdrawal {
	if found.Found != FoundBreach || found.StepBack || stored.Version != in.Version || !in.Exposing {
		return nil
	}
	baseline := stored // which the launch still answers for
	baseline.Exposure, baseline.Shadow, baseline.Include, baseline.Where = 0, 0, nil, nil
	launch := rampart.LaunchID(a.Store.Environment(), in.Flag)
	writing, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	ack, err := a.Store.Put(writing, flagstore.Write{
		Flag: baseline, Pen: rampart.Pen{Owner: launch, Fence: in.Version + 1}, Acknowledged: in.Version,
		Verb: "turn-back", By: launch, Reason: found.Reason, Confirm: true,
	})
	if err != nil {
		activity.GetLogger(ctx).Warn("the flag was not turned back at once; its launch does so", "flag", in.Flag, "error", err)
		return nil
	}
	at := a.Now()
	a.Meter.exposed(a.Store.Environment(), baseline)
	a.Meter.turnedBack(a.Store.Environment(), "turn-back", at.Sub(time.UnixMilli(found.At)))
	return &Withdrawal{Version: ack.Version, Revision: ack.Revision, At: at.UnixMilli()}
}
