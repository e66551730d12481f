package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// SegmentInput is what a segment's own workflow is started, and continued, with.
type SegmentInput struct {
	Environment string          `json:"environment"`
	Name        string          `json:"name"`
	Segment     rampart.Segment `json:"segment"`
	Fence       int64           `json:"fence,omitempty"`
	Owed        string          `json:"owed,omitempty"` // why the store may not have the document
}

// Segment answers for one segment, as [Flag] does for a flag: what it holds to be true
// lives here, and the store has a copy for readers.
//
// A document may have half a megabyte, so it goes into the history once when it comes
// and once when it is handed to the store, and is in no answer; the server suggests to
// continue as new after a few of them.
func Segment(ctx workflow.Context, in SegmentInput) error {
	s := &segment{SegmentInput: in, id: workflow.GetInfo(ctx).WorkflowExecution.ID}
	if err := s.handle(ctx); err != nil {
		return err
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, environmentKey.ValueSet(s.Environment)); err != nil {
		return err
	}
	s.show(ctx)
	workflow.GoNamed(ctx, "repair", s.repair)
	err := workflow.Await(ctx, func() bool {
		return s.messages >= messagesARun || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
	})
	if err != nil {
		return err
	}
	if err := workflow.Await(ctx, func() bool { return !s.busy && workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, Segment, s.SegmentInput)
}

type segment struct {
	SegmentInput
	id       string
	messages int
	busy     bool   // a request is writing; the next one waits
	attested string // what the memo shows
}

func (s *segment) handle(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, rampart.QuerySegment,
		func() (rampart.Segment, error) { return s.Segment, nil },
		workflow.QueryHandlerOptions{Description: "The segment that this workflow answers for."})
	if err != nil {
		return err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, rampart.UpdateApply, s.apply, workflow.UpdateHandlerOptions{
		Description: "Make the segment another one.", Validator: s.mayApply})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, rampart.UpdateRestore, s.restore, workflow.UpdateHandlerOptions{
		Description: "Write the segment again where the store has lost it."})
}

func (s *segment) mayApply(c rampart.SegmentChange) error {
	if err := checkAsk(rampart.Ask{By: c.By, Reason: c.Reason}); err != nil {
		return err
	}
	if c.Segment.Name != s.Name {
		return fmt.Errorf("the document is of %s, this is %s", line(c.Segment.Name, maxName), s.Name)
	}
	return rampart.CheckSegment(c.Segment)
}

// apply makes the segment what is asked for. One that is the same already is left
// alone, unless the store has another.
func (s *segment) apply(ctx workflow.Context, c rampart.SegmentChange) (rampart.SegmentApplied, error) {
	err := s.alone(ctx, func() error {
		if s.same(c.Segment) {
			_, err := s.mend(ctx, requestPatience, "applied again")
			return err
		}
		doc := c.Segment
		doc.Format, doc.ChangedAt, doc.ChangedBy = doc.NeedsFormat(), workflow.Now(ctx).UnixMilli(), c.By
		err := s.write(ctx, requestPatience, doc, "segment", c.By, c.Reason)
		if gaveUp(err) && s.Segment.Version != 0 {
			s.Owed = "a change was given up: the store did not answer in time"
		}
		return err
	})
	if err != nil {
		return rampart.SegmentApplied{}, told(err)
	}
	return rampart.SegmentApplied{Version: s.Segment.Version, ChangedAt: s.Segment.ChangedAt, ChangedBy: s.Segment.ChangedBy}, nil
}

func (s *segment) same(doc rampart.Segment) bool {
	is := s.Segment
	doc.Format, doc.Version, doc.ChangedAt, doc.ChangedBy = is.Format, is.Version, is.ChangedAt, is.ChangedBy
	return is.Version != 0 && activities.SegmentAttestation(doc) == activities.SegmentAttestation(is)
}

// restore writes the segment again where the store has lost it, and reports whether it
// had.
func (s *segment) restore(ctx workflow.Context, why string) (done bool, err error) {
	err = s.alone(ctx, func() error {
		if s.Segment.Version == 0 {
			return nil
		}
		done, err = s.mend(ctx, 0, line(why, maxName))
		return err
	})
	if err != nil {
		return false, errors.New(message(err))
	}
	return done, nil
}

// mend writes the segment where the store does not have it, or an older one, and
// reports whether it had to.
func (s *segment) mend(ctx workflow.Context, patience time.Duration, why string) (bool, error) {
	stands, look := false, activities.SegmentLook{Segment: s.Name, Meant: activities.SegmentAttestation(s.Segment)}
	err := workflow.ExecuteActivity(s.writing(ctx, patience, "look for "+s.Name), do.LookForSegment, look).Get(ctx, &stands)
	if err != nil || stands {
		return false, err
	}
	return true, s.write(ctx, patience, s.Segment, "restore", s.id, why)
}

// write puts a document into the store, above all that this workflow has written and
// all that is there.
func (s *segment) write(ctx workflow.Context, patience time.Duration, doc rampart.Segment, verb, by, reason string) error {
	for {
		s.Fence = max(s.Fence+1, workflow.Now(ctx).UnixMilli())
		doc.Version = s.Fence
		var got activities.SegmentPut
		err := workflow.ExecuteActivity(s.writing(ctx, patience, verb+" "+s.Name+": "+sizeOf(doc)), do.PutSegment,
			activities.PutSegmentInput{Segment: doc, Verb: verb, By: by, Reason: reason}).Get(ctx, &got)
		if err != nil {
			return err
		}
		if got.Answer == activities.Written {
			s.Segment = doc
			return nil
		}
		s.Fence = max(s.Fence, got.Stored) // of before this workflow, or written past it
	}
}

// repair writes the segment again after a change that was given up: the store may have
// it all the same.
func (s *segment) repair(ctx workflow.Context) {
	for {
		if err := workflow.Await(ctx, func() bool { return s.Owed != "" && !s.busy }); err != nil {
			return
		}
		s.busy = true
		err := s.write(ctx, 0, s.Segment, "restore", s.id, s.Owed)
		if err == nil {
			s.Owed = ""
		}
		s.busy = false
		s.show(ctx)
		if err != nil && workflow.Sleep(ctx, repairPause) != nil {
			return
		}
	}
}

// alone runs one request at a time.
func (s *segment) alone(ctx workflow.Context, request func() error) error {
	s.messages++
	if s.busy {
		free, err := workflow.AwaitWithTimeout(ctx, requestPatience, func() bool { return !s.busy })
		if err == nil && !free {
			err = fmt.Errorf("another change of %s is under way, and the flag store does not answer; nothing was changed", s.Name)
		}
		if err != nil {
			return err
		}
	}
	s.busy = true
	defer func() { s.busy = false }()
	err := request()
	s.show(ctx)
	return err
}

// writing are the options of what touches the store; patience of 0 is without end.
func (s *segment) writing(ctx workflow.Context, patience time.Duration, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, ScheduleToCloseTimeout: patience, Summary: summary, RetryPolicy: patiently,
	})
}

func sizeOf(g rampart.Segment) string {
	return fmt.Sprintf("%d rules, %d keys", len(g.Rules), len(g.Keys))
}

// show tells Temporal UI, and by the memo the sweep, what this workflow holds to be true.
func (s *segment) show(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("**%s** in %s · %s", s.Name, s.Environment, sizeOf(s.Segment)))
	if s.Segment.Version == 0 {
		return
	}
	shown := activities.SegmentAttestation(s.Segment)
	if shown == s.attested {
		return
	}
	s.attested = shown
	if err := workflow.UpsertMemo(ctx, map[string]any{rampart.MemoDocument: shown}); err != nil {
		workflow.GetLogger(ctx).Warn("the memo was not updated", "error", err)
	}
}
