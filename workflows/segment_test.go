package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/workflows"
)

const segment = "beta-testers"

// newSegmentRig is a rig for a segment's own workflow, over a store without it.
func newSegmentRig(t *testing.T) *rig {
	r := newRig(t, fivePhases())
	options := startOptions(r.plan.Flag)
	options.ID = rampart.SegmentID(env, segment)
	r.SetStartWorkflowOptions(options)
	r.RegisterWorkflow(workflows.Segment)
	a := &activities.Activities{Store: r.store, Now: r.Now}
	register(r, "PutSegment", a.PutSegment, func(activities.PutSegmentInput) {})
	r.RegisterActivity(a.LookForSegment)
	return r
}

// keep runs the segment's workflow until the test cancels it.
func (r *rig) keep(until time.Duration) rampart.Segment {
	var meant rampart.Segment
	r.at(until, func() {
		v, err := r.QueryWorkflow(rampart.QuerySegment)
		require.NoError(r.t, err)
		require.NoError(r.t, v.Get(&meant))
		r.CancelWorkflow()
	})
	r.ExecuteWorkflow(workflows.Segment, workflows.SegmentInput{Environment: env, Name: segment})
	require.True(r.t, r.IsWorkflowCompleted())
	return meant
}

func (r *rig) apply(by string, keys ...string) *reply {
	return r.change(rampart.UpdateApply, rampart.SegmentChange{Segment: rampart.Segment{Name: segment, Keys: keys}, By: by, Reason: "the beta"})
}

func (r *rig) segment() rampart.Segment {
	g, err := r.store.Segment(r.t.Context(), segment)
	require.NoError(r.t, err)
	return g
}

func (r *rig) segmentHistory() []rampart.Event {
	events, err := r.store.History(r.t.Context(), "segment:"+segment, 100)
	require.NoError(r.t, err)
	return events
}

func TestASegmentIsAppliedAndOneThatIsTheSameIsLeftAlone(t *testing.T) {
	r := newSegmentRig(t)
	var first, same, second *reply
	r.at(time.Minute, func() { first = r.apply("rita", "u1") })
	r.at(2*time.Minute, func() { same = r.apply("bo", "u1") })
	r.at(3*time.Minute, func() { second = r.apply("bo", "u1", "u2") })
	meant := r.keep(time.Hour)
	for _, got := range []*reply{first, same, second} {
		require.NoError(t, got.err)
	}
	require.Equal(t, first.answer, same.answer)
	require.Equal(t, "rita", first.answer.(rampart.SegmentApplied).ChangedBy)
	require.Greater(t, second.answer.(rampart.SegmentApplied).Version, first.answer.(rampart.SegmentApplied).Version)
	require.Equal(t, meant, r.segment())
	require.Equal(t, []string{"u1", "u2"}, meant.Keys)
	require.Equal(t, "bo", meant.ChangedBy)
	require.Len(t, r.segmentHistory(), 2)
}

func TestAChangeOfASegmentThatCannotBeIsRefused(t *testing.T) {
	r := newSegmentRig(t)
	refused := map[string]*reply{}
	apply := func(says string, by string, g rampart.Segment) {
		refused[says] = r.change(rampart.UpdateApply, rampart.SegmentChange{Segment: g, By: by})
	}
	r.at(time.Minute, func() {
		apply("does not say who", "", rampart.Segment{Name: segment, Keys: []string{"u1"}})
		apply("the document is of another", "bo", rampart.Segment{Name: "another", Keys: []string{"u1"}})
		apply("more than 10000", "bo", rampart.Segment{Name: segment, Keys: make([]string, rampart.MaxSegmentKeys+1)})
		apply("more than 524288", "bo", rampart.Segment{Name: segment, Keys: []string{strings.Repeat("x", rampart.MaxSegmentBytes)}})
	})
	r.keep(time.Hour)
	for says, got := range refused {
		require.ErrorContains(t, got.refused, says)
	}
	require.Empty(t, r.segmentHistory())
}

func TestASegmentOfBeforeIsTakenUpWithTheNextChange(t *testing.T) {
	r := newSegmentRig(t)
	before, err := r.store.PutSegment(t.Context(), rampart.Segment{Name: segment, Keys: []string{"u1"}}, "rita", "before")
	require.NoError(t, err)
	require.Greater(t, before.Version, r.began.Add(time.Hour).UnixMilli(), "the store's clock is ahead of the workflow's")
	var applied *reply
	r.at(time.Minute, func() { applied = r.apply("bo", "u2") })
	meant := r.keep(time.Hour)
	require.NoError(t, applied.err)
	require.Greater(t, meant.Version, before.Version)
	require.Equal(t, meant, r.segment())
}

func TestALostSegmentIsWrittenAgainAndOneThatIsThereIsNot(t *testing.T) {
	r := newSegmentRig(t)
	var early, idle, restored *reply
	r.at(time.Minute, func() { early = r.change(rampart.UpdateRestore, "before there is any") })
	r.at(2*time.Minute, func() { r.apply("rita", "u1") })
	var before rampart.Segment
	r.at(3*time.Minute, func() { idle = r.change(rampart.UpdateRestore, "just to be sure"); before = r.segment() })
	r.at(4*time.Minute, func() {
		r.redis.Restart()
		restored = r.change(rampart.UpdateRestore, "the store had lost everything")
	})
	meant := r.keep(time.Hour)
	require.Equal(t, false, early.answer)
	require.Equal(t, false, idle.answer)
	require.Equal(t, true, restored.answer)
	is := r.segment()
	require.Equal(t, meant, is)
	require.Greater(t, is.Version, before.Version)
	is.Version = before.Version
	require.Equal(t, before, is)
	require.Equal(t, "restore", r.segmentHistory()[0].Verb)
}

func TestAChangeOfASegmentThatWasGivenUpDoesNotHappenLater(t *testing.T) {
	r := newSegmentRig(t)
	var first, lost *reply
	r.at(time.Minute, func() { first = r.apply("rita", "u1") })
	r.at(2*time.Minute, func() { r.away = "PutSegment"; lost = r.apply("bo", "u2") })
	r.at(3*time.Minute, func() { r.away = "" })
	meant := r.keep(time.Hour)
	require.NoError(t, first.err)
	require.ErrorContains(t, lost.err, "the flag store did not answer within 5s, and nothing will be changed later")
	require.Equal(t, []string{"u1"}, r.segment().Keys)
	require.Equal(t, meant, r.segment())
	require.Equal(t, "restore", r.segmentHistory()[0].Verb, "the store might have had it")
}

func TestASegmentsWorkflowIsContinuedAsNewAndForgetsNothing(t *testing.T) {
	r := newSegmentRig(t)
	r.at(time.Minute, func() { r.apply("rita", "u1") })
	var look func()
	look = func() { // one after the other, because the test environment takes fewer than a thousand at once
		r.change(rampart.UpdateRestore, "just to be sure")
		r.RegisterDelayedCallback(look, time.Minute)
	}
	r.at(time.Hour, look)
	r.ExecuteWorkflow(workflows.Segment, workflows.SegmentInput{Environment: env, Name: segment})
	require.True(t, r.IsWorkflowCompleted())
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, r.GetWorkflowError(), &again)
	var in workflows.SegmentInput
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
	require.Equal(t, r.segment(), in.Segment)
	require.Equal(t, in.Segment.Version, in.Fence)
}

// The segment of a history is changed, lost and restored.
func TestASegmentIsRecorded(t *testing.T) {
	t.Parallel()
	r := newRecorder(t, "golden-segment")
	apply := func(keys ...string) rampart.Segment {
		g, err := r.s.ApplySegment(t.Context(), rampart.SegmentChange{Segment: rampart.Segment{Name: segment, Keys: keys}, By: "rita", Reason: "the beta"})
		require.NoError(t, err)
		stored, err := r.s.Store.Segment(t.Context(), segment)
		require.NoError(t, err)
		require.Equal(t, stored, g)
		return g
	}
	apply("u1")
	apply("u1", "u2")
	last := apply("u1", "u2")
	require.Eventually(t, func() bool {
		meant, err := r.s.SegmentsMeant(t.Context())
		return err == nil && meant[segment] == activities.SegmentAttestation(last)
	}, time.Minute, 50*time.Millisecond, "the index has it")

	r.redis.Restart()

	require.NoError(t, r.s.RestoreSegment(t.Context(), segment, "the store had lost everything"))
	stored, err := r.s.Store.Segment(t.Context(), segment)
	require.NoError(t, err)
	require.Equal(t, last.Keys, stored.Keys)
	r.keep("segment", rampart.SegmentID(r.env, segment))
}

// The largest documents must fit through Temporal, again and again.
func TestTheLargestSegmentIsAppliedAndRestored(t *testing.T) {
	t.Parallel()
	r := newRecorder(t, "largest-segment")
	keys := make([]string, rampart.MaxSegmentKeys)
	apply := func(round string) {
		for i := range keys {
			keys[i] = fmt.Sprintf("%s-%05d-%s", round, i, strings.Repeat("k", 40))
		}
		_, err := r.s.ApplySegment(t.Context(), rampart.SegmentChange{Segment: rampart.Segment{Name: segment, Keys: keys}, By: "rita"})
		require.NoError(t, err, round)
	}
	run := func() string {
		d, err := r.s.Temporal.DescribeWorkflowExecution(t.Context(), rampart.SegmentID(r.env, segment), "")
		require.NoError(t, err)
		return d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	}
	apply("a")
	first := run()
	for _, round := range []string{"b", "c", "d", "e", "f"} {
		apply(round)
	}
	require.Eventually(t, func() bool { return run() != first }, time.Minute, 50*time.Millisecond, "continued as new")
	r.redis.Restart()
	require.NoError(t, r.s.RestoreSegment(t.Context(), segment, "the store had lost everything"))
	stored, err := r.s.Store.Segment(t.Context(), segment)
	require.NoError(t, err)
	require.Equal(t, keys, stored.Keys)
}
