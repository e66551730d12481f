package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/bench/figure"
)

// walking counts the events in the history of the standard plan, walked to the end
// with five approvals and with notices: once with short holds, and once with holds
// five times as long. What the longer one has more of is counted without workflow
// tasks, of which there is one less wherever two things happen to come in together.
var walking = benchmark{names: []string{"launch_history_events", "launch_history_growth"}, run: walk}

func walk(ctx context.Context, b *bench) ([]figure.Figure, error) {
	s, err := b.site(ctx)
	if err != nil {
		return nil, err
	}
	short := time.Duration(b.samples(2, 1)) * time.Second
	holds := []time.Duration{short, 5 * short}
	walked := make([]walked, len(holds))
	all, every := errgroup.WithContext(ctx)
	for i, hold := range holds {
		all.Go(func() (err error) {
			walked[i], err = s.walk(every, fmt.Sprintf("walked-%d", i), hold)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	rows := []string{"holds of\tlooks at the gates\tapprovals\tnotices\tevents\tbut those of workflow tasks"}
	for i, w := range walked {
		rows = append(rows, fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%d", holds[i], w.looks, w.approvals, w.notices, w.total(), w.lasting()))
	}
	b.table(rows...)
	if d := difference(walked[0].events, walked[1].events); d != "" {
		b.say("with the shorter and the longer holds: " + d)
	}
	return []figure.Figure{
		{Name: "launch_history_events", Value: float64(max(walked[0].total(), walked[1].total())), Most: 399},
		{Name: "launch_history_growth", Value: float64(walked[1].lasting() - walked[0].lasting()), Most: 0},
	}, nil
}

// walked is a launch that has ended well.
type walked struct {
	looks              int64
	approvals, notices int
	events             map[string]int // by type
}

func (w walked) total() (n int) {
	for _, count := range w.events {
		n += count
	}
	return n
}

// lasting is the total without workflow tasks.
func (w walked) lasting() (n int) {
	for kind, count := range w.events {
		if !strings.HasPrefix(kind, "WorkflowTask") {
			n += count
		}
	}
	return n
}

// walk launches a flag by the standard plan, with the same hold at every step, and
// gives every approval that it asks for.
func (s *site) walk(ctx context.Context, flag string, hold time.Duration) (walked, error) {
	stages := rampart.StandardStages()
	for i := range stages {
		stages[i].Approvals = &rampart.Approvals{Count: 1}
		for j := range stages[i].Steps {
			stages[i].Steps[j].Hold = rampart.Duration(hold)
		}
	}
	started, err := s.launch(ctx, rampart.Plan{
		Flag: flag, Stages: stages, Notify: []string{channel},
		Finish: &rampart.Finish{Percent: rampart.Full, Bake: rampart.Duration(hold)},
	})
	if err != nil {
		return walked{}, err
	}
	for _, stage := range stages {
		asks := func(p rampart.Progress) bool { return p.Asking == stage.Phase }
		if _, err := s.until(ctx, flag, asks); err != nil {
			return walked{}, err
		}
		if _, err := s.starter.Approve(ctx, flag, rampart.Approval{Phase: stage.Phase, By: "ann"}); err != nil {
			return walked{}, err
		}
	}
	out, err := s.starter.Wait(ctx, flag)
	if err != nil {
		return walked{}, err
	}
	if out.State != rampart.Launched {
		return walked{}, fmt.Errorf("%s was not launched: %s: %s", flag, out.State, out.Reason)
	}
	p, err := s.starter.ProgressOf(ctx, flag, started.Run)
	if err != nil {
		return walked{}, err
	}
	events, err := s.history(ctx, started.Workflow, started.Run)
	if err != nil {
		return walked{}, err
	}
	w := walked{looks: out.Receipt.Looks, approvals: len(p.Approvals), notices: len(p.Notices), events: map[string]int{}}
	for _, e := range events {
		w.events[e.GetEventType().String()]++
	}
	return w, nil
}

// difference tells which events the one has more or fewer of than the other.
func difference(one, other map[string]int) string {
	kinds := maps.Clone(one)
	maps.Copy(kinds, other)
	var told []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if one[kind] != other[kind] {
			told = append(told, fmt.Sprintf("%d and %d %s", one[kind], other[kind], kind))
		}
	}
	return strings.Join(told, ", ")
}
