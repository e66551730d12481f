package main

import (
	"context"
	"log/slog"

	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/worker"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/chaos/ledger"
	"github.com/rampart-dev/rampart/workflows"
)

// readWorkflow checks the history of a launch, and replays it: what several workers,
// some of which were killed, have made, another one must be able to take over.
func (s *soak) readWorkflow(ctx context.Context, w *ledger.Walk) {
	var history *historypb.History
	err := s.until(ctx, endPatience, "a history", func() (err error) {
		history, err = s.history(ctx, w)
		return err
	})
	s.book.Check(err == nil, ledger.Replayable, w.Flag, "launch %d has no history: %v", w.Number, err)
	if err != nil {
		return
	}
	replayer := sdk.NewWorkflowReplayer()
	replayer.RegisterWorkflow(workflows.Launch)
	err = replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), history)
	s.book.Check(err == nil, ledger.Replayable, w.Flag, "launch %d: %v", w.Number, err)
	r := &recital{walk: w, book: s.book, scheduled: map[int64]*historypb.ActivityTaskScheduledEventAttributes{}, rung: -1}
	for _, e := range history.GetEvents() {
		r.take(e)
	}
}

func (s *soak) history(ctx context.Context, w *ledger.Walk) (*historypb.History, error) {
	events := s.people.Temporal.GetWorkflowHistory(ctx, rampart.LaunchID(environment, w.Flag), w.Run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	history := &historypb.History{}
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return nil, err
		}
		history.Events = append(history.Events, event)
	}
	return history, nil
}

// A recital goes through a history, and knows what the launch knew at each point.
type recital struct {
	walk      *ledger.Walk
	book      *ledger.Book
	scheduled map[int64]*historypb.ActivityTaskScheduledEventAttributes

	rung     int                   // of the highest exposure that was acknowledged
	passed   bool                  // the gates have passed since
	consents map[rampart.Phase]int // that were found to be true
	over     string                // the finding that turns back
}

func (r *recital) take(e *historypb.HistoryEvent) {
	if a := e.GetActivityTaskScheduledEventAttributes(); a != nil {
		r.scheduled[e.GetEventId()] = a
		if a.GetActivityType().GetName() == "Expose" {
			r.decided(a)
		}
	}
	a := e.GetActivityTaskCompletedEventAttributes()
	if a == nil {
		return
	}
	what := r.scheduled[a.GetScheduledEventId()]
	payloads := converter.GetDefaultDataConverter()
	switch what.GetActivityType().GetName() {
	case "Watch":
		var got activities.Watched
		if payloads.FromPayloads(a.GetResult(), &got) == nil {
			r.found(got)
		}
	case "VerifyApproval":
		var in activities.VerifyInput
		var got activities.Verified
		if payloads.FromPayloads(what.GetInput(), &in) == nil && payloads.FromPayloads(a.GetResult(), &got) == nil && got.Refused == "" {
			if r.consents == nil {
				r.consents = map[rampart.Phase]int{}
			}
			r.consents[in.Approval.Phase]++
		}
	case "Expose":
		var in activities.ExposeInput
		var got activities.Exposed
		if payloads.FromPayloads(what.GetInput(), &in) == nil && payloads.FromPayloads(a.GetResult(), &got) == nil && got.Answer == activities.Written {
			r.wrote(in)
		}
	}
}

func (r *recital) found(got activities.Watched) {
	switch got.Found {
	case activities.FoundPass:
		r.passed = true
	case activities.FoundBreach, activities.FoundKill, activities.FoundLeaseEnd:
		r.over = string(got.Found) + ": " + got.Reason
	}
}

// wrote takes in that a write was acknowledged.
func (r *recital) wrote(in activities.ExposeInput) {
	if rung, _ := r.rungOf(in); rung > r.rung || in.Verb == "step-back" {
		r.rung, r.passed = rung, false
	}
}

// rungOf returns which rung a write exposes, of whatever ladder; -1 where nobody is.
func (r *recital) rungOf(in activities.ExposeInput) (int, ledger.Rung) {
	for _, rungs := range r.walk.Ladders() {
		for i, x := range rungs {
			if x.Percent == in.Flag.Exposure {
				return i, x
			}
		}
	}
	return -1, ledger.Rung{}
}

// steppedBack takes in that the walk is tried another time: consents are given anew, and
// the breach does not turn it back.
func (r *recital) steppedBack() {
	r.over = ""
	if r.rung < 0 {
		return
	}
	for phase := range r.consents {
		if phase.Index() >= r.walk.Rungs[min(r.rung, len(r.walk.Rungs)-2)].Phase.Index() {
			delete(r.consents, phase)
		}
	}
}

// decided checks a write at the moment at which the workflow decided on it.
func (r *recital) decided(a *historypb.ActivityTaskScheduledEventAttributes) {
	var in activities.ExposeInput
	if converter.GetDefaultDataConverter().FromPayloads(a.GetInput(), &in) != nil {
		return
	}
	if in.Verb == "step-back" {
		r.steppedBack()
		return
	}
	rung, need := r.rungOf(in)
	if in.Flag.Exposure == 0 || rung <= r.rung {
		return // what it has exposed already, written again
	}
	flag, number := r.walk.Flag, r.walk.Number
	r.book.Check(r.over == "", ledger.Unraised, flag, "launch %d decides on %s after %s", number, in.Flag.Exposure, r.over)
	r.book.Check(r.rung < 0 || r.passed, ledger.Passed, flag, "launch %d decides on %s, and the gates have not passed", number, in.Flag.Exposure)
	if need.Need > 0 {
		r.book.Check(r.consents[need.Phase] >= need.Need, ledger.Passed, flag,
			"launch %d decides on %s with %d of %d consents", number, in.Flag.Exposure, r.consents[need.Phase], need.Need)
	}
}
