package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/bench/figure"
)

// turningBack takes the time from the verdict to the flag off in Redis, on real
// parts that have nothing else to do: from the watch's finding, by the worker's
// clock, to the store's acknowledgement of the baseline, by the same clock. Both are
// read from the launch's history. The watch that found harm writes the baseline; where
// it could not, the launch does, and that is what counts.
var turningBack = benchmark{names: []string{"verdict_to_off_p99_ms"}, run: turnBack}

func turnBack(ctx context.Context, b *bench) ([]figure.Figure, error) {
	s, err := b.site(ctx)
	if err != nil {
		return nil, err
	}
	var found, scheduled, off figure.Samples
	for i := range b.samples(100, 20) + warmups {
		t, err := s.breach(ctx, fmt.Sprintf("turned-back-%d", i))
		if err != nil {
			return nil, err
		}
		if i < warmups { // the first ones load what the others find loaded
			continue
		}
		found = append(found, ms(t.found.Sub(t.tick)))
		scheduled = append(scheduled, ms(t.scheduled.Sub(t.found)))
		off = append(off, ms(t.off.Sub(t.found)))
	}
	b.say(fmt.Sprintf("%d launches breached in mid-watch, one after the other", len(off)))
	b.table("\tp50 ms\tp99 ms\tlargest ms",
		"tick to verdict\t"+spread(found),
		"verdict to off in Redis\t"+spread(off),
		"verdict to the decision in Temporal\t"+spread(scheduled))
	return []figure.Figure{{Name: "verdict_to_off_p99_ms", Value: off.Quantile(0.99), Most: 50}}, nil
}

const warmups = 5

// turned is when a launch was turned back.
type turned struct{ tick, found, scheduled, off time.Time }

// breach launches a flag, breaks its metric while a step is watched, and returns
// when what happened.
func (s *site) breach(ctx context.Context, flag string) (turned, error) {
	if _, err := s.launch(ctx, rampart.Plan{
		Flag: flag,
		Stages: []rampart.Stage{{
			Phase: rampart.Debug, Steps: []rampart.Step{{Percent: 1000, Hold: rampart.Duration(time.Hour)}},
		}},
	}); err != nil {
		return turned{}, err
	}
	watched := func(p rampart.Progress) bool { return p.State == rampart.Watching && p.Looks > 0 }
	if _, err := s.until(ctx, flag, watched); err != nil {
		return turned{}, err
	}
	s.broken.Store(query(flag), true)
	return s.turnedBack(ctx, flag)
}

// turnedBack waits until a launch has found harm and ended, and returns when what
// happened.
func (s *site) turnedBack(ctx context.Context, flag string) (turned, error) {
	out, err := s.starter.Wait(ctx, flag)
	if err != nil {
		return turned{}, err
	}
	if out.State != rampart.TurnedBack || out.Cause != rampart.CauseBreach {
		return turned{}, fmt.Errorf("%s was not turned back: %s: %s", flag, out.State, out.Reason)
	}
	entry, err := s.starter.Store.Get(ctx, flag)
	if err != nil {
		return turned{}, err
	}
	if entry.Flag.Exposure != 0 {
		return turned{}, fmt.Errorf("%s is at %s after it was turned back", flag, entry.Flag.Exposure)
	}
	events, err := s.history(ctx, rampart.LaunchID(s.starter.Environment(), flag), "")
	if err != nil {
		return turned{}, err
	}
	t, err := timesOf(events)
	t.tick = time.UnixMilli(out.Receipt.BreachAt)
	return t, err
}

func (s *site) history(ctx context.Context, id, run string) ([]*historypb.HistoryEvent, error) {
	var events []*historypb.HistoryEvent
	all := s.starter.Temporal.GetWorkflowHistory(ctx, id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for all.HasNext() {
		e, err := all.Next()
		if err != nil {
			return nil, fmt.Errorf("read the history of %s: %w", id, err)
		}
		events = append(events, e)
	}
	return events, nil
}

// timesOf finds the watch that ended with a breach, and the write that answered it.
func timesOf(events []*historypb.HistoryEvent) (t turned, err error) {
	for _, e := range events {
		done := e.GetActivityTaskCompletedEventAttributes()
		if done == nil {
			continue
		}
		scheduled := events[slices.IndexFunc(events, func(x *historypb.HistoryEvent) bool { return x.GetEventId() == done.GetScheduledEventId() })]
		switch kind := scheduled.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName(); {
		case kind == "Watch":
			var w activities.Watched
			if err := converter.GetDefaultDataConverter().FromPayloads(done.GetResult(), &w); err != nil {
				return t, err
			}
			if w.Found == activities.FoundBreach {
				t.found = time.UnixMilli(w.At)
			}
			if w.Withdrawn != nil {
				t.off = time.UnixMilli(w.Withdrawn.At)
			}
		case kind == "Expose" && !t.found.IsZero():
			var x activities.Exposed
			if err := converter.GetDefaultDataConverter().FromPayloads(done.GetResult(), &x); err != nil {
				return t, err
			}
			t.scheduled = scheduled.GetEventTime().AsTime()
			if t.off.IsZero() {
				t.off = time.UnixMilli(x.At)
			}
			return t, nil
		}
	}
	return t, fmt.Errorf("the history has no breach that was answered")
}
