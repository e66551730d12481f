package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// Search attributes, by which launches are found.
var (
	flagKey        = temporal.NewSearchAttributeKeyKeyword(rampart.AttributeFlag)
	environmentKey = temporal.NewSearchAttributeKeyKeyword(rampart.AttributeEnvironment)
	phaseKey       = temporal.NewSearchAttributeKeyKeyword(rampart.AttributePhase)
	stateKey       = temporal.NewSearchAttributeKeyKeyword(rampart.AttributeState)
	ownerKey       = temporal.NewSearchAttributeKeyKeyword(rampart.AttributeOwner)
	percentKey     = temporal.NewSearchAttributeKeyFloat64(rampart.AttributePercent)
)

// maxChapters bounds the story that a launch carries; its history has the rest.
const maxChapters = 200

// shown is what the search attributes say now, so that history has no upsert that
// changes nothing.
type shown struct {
	phase   rampart.Phase
	state   rampart.State
	percent rampart.Percent
	first   bool
}

// register shows the attributes that never change.
func (l *launch) register(ctx workflow.Context) {
	l.upsert(ctx, flagKey.ValueSet(l.plan.Flag), environmentKey.ValueSet(l.plan.Environment), ownerKey.ValueSet(l.plan.Owner))
	l.show(ctx)
}

// enter moves the launch to a stage.
func (l *launch) enter(ctx workflow.Context, i int) {
	l.at, l.phase, l.step, l.inside, l.exposed = i, l.plan.Stages[i].Phase, 0, true, false
	l.record(ctx, "", "enters %s", l.phase)
}

// tell says where the launch stands, to everybody who looks.
func (l *launch) tell(ctx workflow.Context, state rampart.State, format string, args ...any) {
	if l.state, l.note = state, fmt.Sprintf(format, args...); state != rampart.Waiting {
		l.waitingFor = ""
	}
	l.show(ctx)
	workflow.SetCurrentDetails(ctx, l.board())
}

func (l *launch) show(ctx workflow.Context) {
	now := shown{phase: l.phase, state: l.state, percent: l.flag.Exposure, first: true}
	if now == l.shown {
		return
	}
	l.shown = now
	l.upsert(ctx, phaseKey.ValueSet(string(now.phase)), stateKey.ValueSet(string(now.state)), percentKey.ValueSet(now.percent.Float()))
}

func (l *launch) upsert(ctx workflow.Context, attributes ...temporal.SearchAttributeUpdate) {
	if err := workflow.UpsertTypedSearchAttributes(ctx, attributes...); err != nil {
		workflow.GetLogger(ctx).Warn("search attributes were not updated", "error", err)
	}
}

// showStanding tells what the launch is doing while it stands at an exposure.
func (l *launch) showStanding(ctx workflow.Context, s standing) {
	l.waitingFor = ""
	switch {
	case l.paused != nil:
		l.tell(ctx, rampart.Paused, "paused by %s at %s%s", l.paused.By, reach(l.flag), after(": ", l.paused.Reason))
	case l.mismatch != "":
		l.tell(ctx, rampart.Held, "held at %s, because the sample ratio does not match: %s", reach(l.flag), l.mismatch)
	case l.onHold != nil && l.advance == nil:
		l.tell(ctx, rampart.Held, "held at %s: %s", reach(l.flag), l.onHold.reason)
	case l.cooling:
		l.tell(ctx, rampart.Cooling, "cooling down at %s, until %s", reach(l.flag), moment(l.awaits.until))
	case l.asking >= 0 && l.missing() != "":
		l.waitingFor = rampart.ForApproval
		if l.phase == rampart.MaxPowerRamp && l.asking > l.at {
			l.waitingFor = rampart.ForDecision
		}
		l.tell(ctx, rampart.Waiting, "waits at %s for consent to %s: %s", reach(l.flag), l.plan.Stages[l.asking].Phase, l.missing())
	case l.awaits.what != "":
		l.waitingFor = l.awaits.what
		l.tell(ctx, rampart.Waiting, "waits at %s: %s", reach(l.flag), l.awaits.why)
	case l.shadowing:
		l.tell(ctx, rampart.Watching, "learning for %s, with arms assigned and everybody served off", l.plan.Shadow)
	case l.baking:
		l.tell(ctx, rampart.Baking, "baking at %s for %s", reach(l.flag), l.heldStep(s).Hold)
	case s.done != nil:
		l.tell(ctx, rampart.Waiting, "waits at %s for gates that answer, to expose more", reach(l.flag))
	default:
		l.tell(ctx, rampart.Watching, "watching %d gates at %s for %s", len(l.gates()), reach(l.flag), l.heldStep(s).Hold)
	}
}

// record adds a line to the launch's story.
func (l *launch) record(ctx workflow.Context, by, format string, args ...any) {
	l.story = append(l.story, rampart.Chapter{At: workflow.Now(ctx).UnixMilli(), By: line(by, maxName), Text: line(fmt.Sprintf(format, args...), maxText)})
	if len(l.story) > maxChapters {
		l.story = append(l.story[:1], l.story[len(l.story)-maxChapters+1:]...)
	}
	workflow.SetCurrentDetails(ctx, l.board())
}

// board is the small table that Temporal UI shows as current details, in Markdown.
func (l *launch) board() string {
	var b strings.Builder
	b.WriteString(fmt.Sprintf("**%s** in %s · %s · **%s** at %s\n\n", l.plan.Flag, l.plan.Environment, l.plan.Owner, l.state, reach(l.flag)))
	phases := make([]string, len(l.plan.Stages))
	for i, s := range l.plan.Stages {
		switch {
		case i < l.at || l.baking || l.state == rampart.Launched:
			phases[i] = "✓ " + string(s.Phase)
		case i == l.at && l.acquired:
			phases[i] = fmt.Sprintf("▶ **%s**", s.Phase)
		default:
			phases[i] = string(s.Phase)
		}
	}
	b.WriteString(strings.Join(phases, " → ") + "\n\n")
	b.WriteString(l.note + "\n\n")
	if n := len(l.story); n > 0 {
		for _, c := range l.story[max(0, n-5):] {
			b.WriteString(fmt.Sprintf("- %s %s%s\n", clock(c.At), c.Text, after(" by ", c.By)))
		}
	}
	return b.String()
}

// notify sends a notice to every channel of the plan, beside the walk and without
// holding it up. A notice that cannot be sent is recorded, and changes nothing.
func (l *launch) notify(ctx workflow.Context, event string, urgent bool, format string, args ...any) {
	l.seq++
	n := activities.Notice{
		ID: fmt.Sprintf("%s/%d", l.runID, l.seq), Event: event, Flag: l.plan.Flag, Environment: l.plan.Environment, Owner: l.plan.Owner,
		Launch: l.id, Phase: l.phase, Exposure: l.flag.Exposure, Text: fmt.Sprintf(format, args...),
		At: workflow.Now(ctx).UnixMilli(), Urgent: urgent,
	}
	if l.outcome != nil {
		n.Receipt = &l.outcome.Receipt
	}
	safe, _ := workflow.NewDisconnectedContext(ctx)
	for _, channel := range l.plan.Notify {
		l.pending++
		workflow.GoNamed(safe, "notify "+channel, func(ctx workflow.Context) {
			defer func() { l.pending-- }()
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
				StartToCloseTimeout: 15 * time.Second, ScheduleToCloseTimeout: 2 * time.Minute, Summary: event + " → " + channel,
				RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumAttempts: 5},
			})
			sent := rampart.NoticeSent{At: n.At, Channel: channel}
			if err := workflow.ExecuteActivity(ctx, do.Notify, activities.NotifyInput{Channel: channel, Notice: n}).Get(ctx, nil); err != nil {
				sent.Error = message(err)
			}
			if l.notices = append(l.notices, sent); len(l.notices) > maxNotices {
				l.notices = l.notices[1:]
			}
		})
	}
}

// progress is the answer to the query.
func (l *launch) progress() rampart.Progress {
	p := rampart.Progress{
		Flag: l.plan.Flag, Environment: l.plan.Environment, Owner: l.plan.Owner, Purpose: l.plan.Purpose,
		StartedBy: l.startedBy, StartedAt: l.startedAt.UnixMilli(), Source: l.source, Plan: l.plan, Revision: 1 + l.revised,
		Entered: l.entered(), From: l.from, Attempt: l.backs, Retries: l.retries,
		State: l.state, WaitingFor: l.waitingFor, Note: l.note, Phase: l.phase, Step: l.step, StepName: l.stepName(), Looks: l.memory.Looks,
		Exposure: l.flag.Exposure, HighWater: l.flag.HighWater, Version: l.acknowledged, Killed: l.killed, Run: l.runID, Baking: l.baking,
		Held: l.held, Hold: l.holdNow(), Approvals: l.approved, Missing: l.missing(), Asking: l.askedPhase(),
		Story: l.story, Parachute: l.parachute, Outcome: l.outcome, Trust: l.trust, Warnings: l.warnings, Notices: l.notices,
		Mismatch: l.mismatch, Decision: l.decision, Extended: l.extended,
	}
	if !l.stepSince.IsZero() {
		p.StepSince = l.stepSince.UnixMilli()
	}
	if !l.firstExposed.IsZero() {
		p.Exposed = l.firstExposed.UnixMilli()
	}
	if !l.awaits.until.IsZero() {
		p.Until = l.awaits.until.UnixMilli()
	}
	if l.memory.Verdict.Word != "" {
		v := l.memory.Verdict
		p.Verdict = &v
	}
	return p
}

func (l *launch) holdNow() rampart.Duration {
	switch {
	case l.shadowing:
		return l.plan.Shadow
	case l.baking:
		return l.plan.Finish.Bake
	}
	if steps := l.stage().Steps; l.step < len(steps) {
		return steps[l.step].Hold + l.extended + l.waited
	}
	return 0
}

func (l *launch) askedPhase() rampart.Phase {
	if l.missing() == "" { // of nobody, or of nobody any more
		return ""
	}
	return l.plan.Stages[l.asking].Phase
}

// planName names the plan as a person would look for it.
func (l *launch) planName() string {
	name := "a plan"
	if l.source.File != "" {
		name = l.source.File
	}
	if len(l.source.Commit) >= 12 {
		name += " of commit " + l.source.Commit[:12]
		if l.source.Dirty {
			name += " (tree dirty)"
		}
	}
	if len(l.source.SHA256) >= 12 {
		name += ", sha256 " + l.source.SHA256[:12]
	}
	return name
}
