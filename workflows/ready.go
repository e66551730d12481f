package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// none is no stage.
const none = -1

// awaited is what a launch waits for besides people and gates.
type awaited struct {
	what  string // rampart.ForCalendar ...; "" of nothing
	why   string // in words
	until time.Time
}

// never is the change that does not come.
func never() bool { return false }

// ready waits until nothing stands in the way of a raise: consent, where it enters a
// stage, the calendar, the requirements, people, and the gates. What held once may not
// hold any more when the last of them does, so they are gone through again until none
// of them makes the launch wait. Where the plan is amended on the way into a stage it
// returns, because another stage may be next.
func (l *launch) ready(ctx workflow.Context, entering int) error {
	defer func() { l.asking = none }()
	for {
		revision, stood := l.revised, l.stood
		changed := func() bool { return l.revised != revision }
		if err := l.consent(ctx, entering, changed); err != nil {
			return err
		}
		for _, wait := range []func(workflow.Context, func() bool) error{l.awaitCalendar, l.awaitRequirements} {
			if err := wait(ctx, changed); err != nil {
				return err
			}
		}
		if entering != none && changed() {
			return nil
		}
		if err := l.clear(ctx); err != nil {
			return err
		}
		if changed() && entering != none || !changed() && l.stood == stood {
			return nil
		}
	}
}

// consent waits until people have consented: once more to the stage that the launch
// stands in, where that was amended, and to the one that it is to enter.
func (l *launch) consent(ctx workflow.Context, entering int, changed func() bool) error {
	if l.reconsent {
		if err := l.consentAgain(ctx, changed); err != nil || changed() {
			return err // the stage to enter may be there no more
		}
	}
	if entering == none || l.plan.Stages[entering].Approvals.Needed() == 0 {
		return nil
	}
	if err := l.ask(ctx, entering, changed); err != nil {
		return err
	}
	if l.version < 1 {
		l.asking = none
	}
	return nil
}

// consentAgain asks for the stage that the launch stands in, keeping what it asks for
// besides.
func (l *launch) consentAgain(ctx workflow.Context, changed func() bool) error {
	asking := l.asking
	defer func() { l.asking = asking }()
	if err := l.ask(ctx, l.at, changed); err != nil || changed() {
		return err
	}
	l.reconsent = false
	return nil
}

// ask waits, at the exposure of before, until the people whom a stage needs have
// consented. A request that nobody answers in time is held until somebody decides, and
// then made anew.
func (l *launch) ask(ctx workflow.Context, stage int, changed func() bool) error {
	l.asking = stage
	phase, expire := l.plan.Stages[stage].Phase, time.Duration(0)
	if a := l.plan.Stages[stage].Approvals; a != nil {
		expire = a.Expire.D()
	}
	for l.missing() != "" && !changed() {
		l.record(ctx, "", "asking for consent to %s: %s", phase, l.missing())
		l.notify(ctx, "waiting", false, "%s asks for consent to %s: %s%s", l.plan.Flag, phase, l.missing(), l.decided())
		expired, off := l.timer(ctx, expire, "consent to "+string(phase)+" expires")
		err := l.stand(ctx, standing{done: func() bool {
			return changed() || expired() || l.free() && len(l.inbox) == 0 && l.missing() == ""
		}})
		late := expired() && l.missing() != ""
		off()
		if err == nil && late && !changed() {
			l.holdOn(ctx, fmt.Sprintf("nobody answered the request for consent to %s within %s: %s", phase, rampart.Duration(expire), l.missing()))
			err = l.stand(ctx, standing{done: l.free})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// timer starts a timer that can be asked whether it is over, and called off. One of no
// time is never over.
func (l *launch) timer(ctx workflow.Context, d time.Duration, summary string) (over func() bool, off func()) {
	if d <= 0 {
		return never, func() {}
	}
	ctx, cancel := workflow.WithCancel(ctx)
	f := workflow.NewTimerWithOptions(ctx, d, workflow.TimerOptions{Summary: summary})
	return f.IsReady, cancel
}

// awaitCalendar waits until the calendar lets exposure be raised.
func (l *launch) awaitCalendar(ctx workflow.Context, changed func() bool) error {
	defer func() { l.awaits = awaited{} }()
	for l.plan.Calendar != nil && !changed() {
		open, err := l.opens(ctx)
		if err != nil {
			return err
		}
		if open.For == "" {
			return nil
		}
		if l.awaits.what == "" {
			l.record(ctx, "", "waits until %s: %s", moment(open.At), open.Why)
		}
		l.awaits = awaited{what: open.For, why: open.Why, until: open.At}
		over, off := l.timer(ctx, open.At.Sub(workflow.Now(ctx)), "the calendar opens")
		err = l.stand(ctx, standing{done: func() bool { return over() || changed() }})
		off()
		if err != nil {
			return err
		}
	}
	return nil
}

// opens asks the calendar. What it says is kept in history: another worker may have
// another edition of the time zones.
func (l *launch) opens(ctx workflow.Context) (rampart.Opening, error) {
	type answer struct {
		Opening rampart.Opening
		Error   string
	}
	var got answer
	now, calendar := workflow.Now(ctx), *l.plan.Calendar
	err := workflow.SideEffect(ctx, func(workflow.Context) any {
		open, err := calendar.Opens(now)
		if err != nil {
			return answer{Error: err.Error()}
		}
		return answer{Opening: open}
	}).Get(&got)
	if err != nil || got.Error == "" {
		return got.Opening, err
	}
	// A worker without time zones is soon replaced by one that has them.
	return rampart.Opening{At: now.Add(time.Minute), For: rampart.ForCalendar, Why: got.Error}, nil
}

// awaitRequirements waits until what the plan requires holds.
func (l *launch) awaitRequirements(ctx workflow.Context, changed func() bool) error {
	defer func() { l.awaits = awaited{} }()
	in := activities.RequireInput{Requires: l.plan.Requires, Every: l.plan.Every}
	for len(in.Requires) > 0 && !changed() {
		got, err := l.require(ctx, in, changed)
		if err != nil || got.Unmet == "" {
			return err
		}
		if in.Told != got.Unmet {
			l.record(ctx, "", "waits for what the plan requires: %s", got.Unmet)
		}
		l.awaits = awaited{what: rampart.ForRequirement, why: got.Unmet}
		in.Told, in.Tellings = got.Unmet, in.Tellings+1
	}
	return nil
}

// require asks once, and of what was unmet again and again, until that changes. The
// first answer takes a moment; for those that follow the launch stands guard.
func (l *launch) require(ctx workflow.Context, in activities.RequireInput, changed func() bool) (activities.Required, error) {
	asking, cancel := workflow.WithCancel(ctx)
	defer cancel()
	var got activities.Required
	f := workflow.ExecuteActivity(l.requiring(asking, in.Told), do.Require, in)
	if in.Told == "" {
		if err := l.await(ctx, f.IsReady); err != nil {
			return got, err
		}
	} else if err := l.stand(ctx, standing{done: func() bool { return f.IsReady() || changed() }}); err != nil || !f.IsReady() {
		return activities.Required{Unmet: in.Told}, err
	}
	err := f.Get(ctx, &got)
	if gaveUp(err) {
		return activities.Required{Unmet: "nobody could say whether it holds"}, nil
	}
	return got, err
}

func (l *launch) requiring(ctx workflow.Context, told string) workflow.Context {
	options := workflow.ActivityOptions{
		TaskQueue: rampart.GateQueue(l.plan.Environment), StartToCloseTimeout: 15 * time.Second,
		Summary: "does what the plan requires hold?", RetryPolicy: steadily,
	}
	if told == "" {
		options.ScheduleToCloseTimeout = raisePatience
	}
	return workflow.WithActivityOptions(ctx, options)
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
