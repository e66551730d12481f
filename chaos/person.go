package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/ledger"
	"github.com/rampart-dev/rampart/starter"
)

// Who does what.
const (
	starts   = "rita"
	killer   = "oncall"
	restores = "sam"
	meddles  = "bo"
)

// A person starts one launch after the other, and does to each what its plot says.
type person struct {
	*soak
	place  int
	chance *rand.Rand
	flag   string
	flags  int           // so many names were used
	from   rampart.Phase // of the next launch; empty: the first
}

func newPerson(s *soak, place int) *person {
	return &person{soak: s, place: place, chance: rand.New(rand.NewPCG(s.seed, uint64(1000+place)))} // #nosec G404 -- chance, not a secret
}

// live starts launches until no more are to be started.
func (p *person) live(ctx context.Context, calm chan<- struct{}) {
	p.rename()
	first := p.place
	for ctx.Err() == nil && !p.over() {
		l := p.launch(ctx, first)
		if l == nil {
			continue
		}
		l.see(ctx)
		l.leave(ctx)
		if first >= 0 {
			calm <- struct{}{}
			first = -1
		}
	}
}

// rename takes up a new flag.
func (p *person) rename() {
	if p.flag != "" {
		p.wish(p.flag, wish{Idle: true})
	}
	p.flags++
	p.flag = fmt.Sprintf("f%d-%d", p.place+1, p.flags)
	p.wish(p.flag, wish{})
}

// A launch is one that a person has started, and what is to become of it.
type launch struct {
	*person
	walk  *ledger.Walk
	plan  rampart.Plan
	plot  plot
	names []string // who may consent

	reached  time.Time // the rung of the plot
	done     bool      // the plot
	asked    int64     // when the way back was asked for
	paused   time.Time
	meddled  map[rampart.Phase]bool // the starter has tried to approve
	moved    time.Time              // the launch went on
	was      string
	amended  bool
	taken    func(int64) // tells the ledger that the plan was amended
	progress rampart.Progress
}

// launch starts a launch; nil: the soak is over.
func (p *person) launch(ctx context.Context, first int) *launch {
	l := &launch{
		person: p, plan: newPlan(p.flag, p.chance), plot: newPlot(first, p.chance), names: []string{"ann", "eve", "bob"},
		meddled: map[rampart.Phase]bool{}, moved: time.Now(),
	}
	from := p.from
	p.from = ""
	l.walk = p.ledger.Start(l.plan, from, now())
	p.begins(l.walk)
	p.story.tell(p.flag, "launch %d starts %s; it %s at rung %d", l.walk.Number, from, l.plot.what, l.plot.rung)
	for ctx.Err() == nil {
		started, err := p.people.Start(ctx, starter.Launching{Plan: l.plan, By: starts, From: from})
		if err == nil {
			p.ledger.Running(l.walk, started.Run)
			return l
		}
		p.story.tell(p.flag, "cannot be started: %v", err)
		// What was asked for may have been done all the same.
		if got, err := p.people.Progress(ctx, p.flag); err == nil && got.StartedAt >= l.walk.Started {
			p.ledger.Running(l.walk, got.Run)
			return l
		}
		open, unknown := p.people.Open(ctx, rampart.LaunchID(environment, p.flag))
		if from != "" && rampart.KindOf(err) == rampart.Refused && unknown == nil && !open {
			p.ledger.Withdraw(l.walk)
			return nil // from the beginning, then
		}
		pause(ctx, time.Second)
	}
	return nil
}

// see looks at the launch again and again, and does what is to be done, until it has
// ended.
func (l *launch) see(ctx context.Context) {
	for pause(ctx, 300*time.Millisecond) {
		got, err := l.people.ProgressOf(ctx, l.flag, l.walk.Run)
		if err != nil {
			continue // somebody is away
		}
		l.progress = got
		l.notice(got)
		if got.State == rampart.Failed && got.Outcome == nil { // refused before it had the pen
			l.progress.Outcome = &rampart.Outcome{State: rampart.Failed, Reason: got.Note}
			got = l.progress
		}
		if got.State.Ended() && got.Outcome != nil {
			l.story.tell(l.flag, "launch %d ended %s: %s", l.walk.Number, got.State, got.Outcome.Reason)
			return
		}
		if starter.Broken(got.State) {
			l.story.tell(l.flag, "launch %d was ended from outside", l.walk.Number)
			l.awaitSwept(ctx)
			return
		}
		l.act(ctx, got)
	}
}

// notice tells the ledger what is to be seen of a launch.
func (l *launch) notice(p rampart.Progress) {
	if p.Verdict != nil {
		l.counts(l.walk, p.Verdict)
	}
	is := fmt.Sprint(p.State, p.Phase, p.Step, p.Exposure, p.Looks, len(p.Story))
	if is == l.was {
		return
	}
	if length := time.Since(l.moved); l.was != "" {
		l.mu.Lock()
		if length > l.idle.length {
			l.idle = gap{length: length, flag: fmt.Sprintf("%s, launch %d, %s", l.flag, l.walk.Number, p.State)}
		}
		l.mu.Unlock()
	}
	l.was, l.moved = is, time.Now()
}

// act does what is to be done now.
func (l *launch) act(ctx context.Context, p rampart.Progress) {
	tick, _, err := l.people.Store.Evidence(ctx, l.flag, l.walk.Run)
	if err == nil && p.Verdict != nil && p.Verdict.At == tick {
		l.ledger.Look(l.walk, tick, p.Looks, now())
	}
	switch {
	case l.pausing(ctx, p):
	case l.amending(ctx, p):
	case p.State == rampart.Held:
		l.try("resume", func() error {
			_, err := l.people.Resume(ctx, l.flag, rampart.Ask{By: meddles, Reason: "seen"})
			return err
		})
	case p.Asking != "" && l.plot.cause == ledger.ByReject && l.plot.rung == l.rungOf(p.Asking):
		l.ledger.Ask(l.walk, ledger.ByReject, now())
		if l.try("reject", func() error {
			_, err := l.people.Reject(ctx, l.flag, rampart.Ask{By: meddles, Phase: p.Asking, Reason: "it looks odd"})
			return err
		}) {
			l.ledger.Acknowledge(l.walk, ledger.ByReject, now())
		}
	case p.Asking != "":
		l.consent(ctx, p)
	}
	l.follow(ctx, p)
}

func (l *launch) rungOf(phase rampart.Phase) int {
	for i, r := range l.walk.Rungs {
		if r.Phase == phase {
			return i
		}
	}
	return -1
}

// pausing pauses the launch once, and resumes it; it reports whether it is paused.
func (l *launch) pausing(ctx context.Context, p rampart.Progress) bool {
	switch {
	case p.State == rampart.Paused && time.Since(l.paused) > 2*time.Second:
		l.try("resume", func() error { _, err := l.people.Resume(ctx, l.flag, rampart.Ask{By: meddles}); return err })
		return true
	case p.State == rampart.Watching && l.plot.pause && l.paused.IsZero() && p.Step == 1:
		l.paused = time.Now()
		l.try("pause", func() error {
			_, err := l.people.Pause(ctx, l.flag, rampart.Ask{By: meddles, Reason: "lunch"})
			return err
		})
	}
	return p.State == rampart.Paused
}

// amending amends the plan once, in mid-walk; it reports whether it has tried now.
func (l *launch) amending(ctx context.Context, p rampart.Progress) bool {
	if l.taken != nil && p.Revision > 1 { // whatever the answer was
		l.taken(now())
		l.taken = nil
	}
	if !l.plot.amend || l.amended || p.Exposure != 2500 || p.Phase != rampart.Debug || p.State != rampart.Watching {
		return false
	}
	l.amended = true
	plan := amend(l.plan, l.chance)
	l.taken = l.ledger.Amend(l.walk, plan, rampart.MaxPowerRamp, now())
	l.try("amend", func() error {
		_, err := l.people.Amend(ctx, starter.Amendment{Plan: plan, By: meddles, Reason: "half is too many"})
		return err
	})
	return true
}

// try does something, and tells of it.
func (l *launch) try(what string, do func() error) bool {
	err := do()
	l.story.tell(l.flag, "%s: %v", what, err)
	return err == nil
}
