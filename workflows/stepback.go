package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// A setback is a breach at which the plan steps back, instead of turning back.
type setback struct {
	reason   string
	coolDown time.Duration
	attempts int
}

func (s *setback) Error() string { return "stepping back: " + s.reason }

// mayStepBack returns the setback that a breach is, or nil where the launch is to turn
// back: because the gate says so, or because it was tried often enough. How often the
// plan may step back was settled at the start, with the error budget.
func (l *launch) mayStepBack(got activities.Watched) *setback {
	if !got.StepBack {
		return nil
	}
	for _, g := range l.gates() {
		if p := g.OnBreach; g.Name == got.Gate && p.Action == rampart.ActStepBack && l.backs < min(p.Attempts, l.retries) {
			return &setback{reason: got.Reason, coolDown: p.CoolDown.D(), attempts: min(p.Attempts, l.retries)}
		}
	}
	return nil
}

// stepBack lowers the exposure to that of the step before, and cools down there before
// the walk is tried again. Consent that was given for what broke does not count for
// another attempt.
func (l *launch) stepBack(ctx workflow.Context, s *setback) error {
	from := l.stepName()
	l.backs++
	l.moved++
	l.retreat()
	l.record(ctx, "", "stepping back from %s, %d of %d times: %s", from, l.backs, s.attempts, s.reason)
	l.notify(ctx, "stepped-back", true, "%s steps back from %s, and tries again in %s: %s", l.plan.Flag, from, rampart.Duration(s.coolDown), s.reason)
	if err := l.lower(ctx, s); err != nil {
		return err
	}
	return l.coolDown(ctx, s.coolDown)
}

// retreat moves the launch to the step before, and forgets the evidence: each attempt
// has its own.
func (l *launch) retreat() {
	l.answerAdvance("the launch steps back")
	l.asking = none
	if l.version < 2 || l.onHold != nil && l.onHold.undecided { // whatever else is held, a person decides
		l.onHold = nil
	}
	if l.version >= 2 { // it is the exposure before that broke
		l.undoRaise()
	}
	broke := l.at
	for i := broke; i < len(l.plan.Stages); i++ {
		l.voidApprovals(l.plan.Stages[i].Phase)
	}
	clear(l.told)
	l.memory = activities.Memory{Attempt: l.backs, Tick: l.memory.Tick, Looks: l.memory.Looks, Blind: l.memory.Blind, Acked: l.acks, Gates: l.memory.Gates.Afresh()}
	l.extended, l.waited, l.chosen = 0, 0, 0
	if l.stage().Phase == rampart.MaxPowerRamp { // else what the ramp came to stands
		l.decision = nil
	}
	if l.version < 2 {
		l.undoRaise()
	}
	switch first := l.beginning(); {
	case l.baking:
		l.baking = false
		l.step = len(l.stage().Steps) - 1
	case l.inside && l.step > 0:
		l.step--
	case l.inside && l.at > first:
		l.at--
		l.step = len(l.stage().Steps) - 1
	default: // before the first step there is nobody
		l.inside, l.exposed = false, false
	}
	l.phase = l.stage().Phase
	if l.version >= 2 { // else consent is asked for on the way into the stage
		l.reconsent = l.inside && l.at == broke && l.stage().Approvals.Needed() > 0
	}
}

// beginning returns the stage that the launch began with. An amendment may have put
// another phase there than the one that a relaunch named.
func (l *launch) beginning() int {
	if l.version < 2 {
		return l.plan.StageOf(l.from)
	}
	return l.first
}

// undoRaise moves a launch that was about to raise back to what it exposes.
func (l *launch) undoRaise() {
	switch first := l.beginning(); {
	case l.exposed || !l.inside:
	case l.baking:
		l.baking, l.exposed = false, true
	case l.at > first:
		l.at--
		l.step, l.exposed = len(l.stage().Steps)-1, true
	default:
		l.inside = false
	}
}

// lower writes the exposure of the step that the launch has retreated to. Like a
// turning back it overtakes routine work; unlike one it can be stopped, by a kill.
func (l *launch) lower(ctx workflow.Context, s *setback) error {
	percent := rampart.Percent(0)
	if l.inside {
		percent = l.stage().Steps[l.step].Percent
	}
	f := l.document(ctx, percent)
	f.Reason, f.Shadow = s.reason, l.shadowOf(percent)
	if !l.inside {
		f.Shadow = 0 // nothing is learnt where the launch begins anew
	}
	if exposing(f) {
		f.Lease = rampart.LeaseFor(l.plan, l.stage(), percent)
	}
	l.tell(ctx, rampart.Cooling, "stepping back to %s: %s", reach(f), s.reason)
	if l.version >= 2 {
		defer l.pageIfSlow(ctx)()
	}
	l.urgent = true
	err := l.write(ctx, "step-back", f)
	l.urgent = false
	l.stepSince, l.held = workflow.Now(ctx), 0
	return err
}

// coolDown stands guard for a while before the walk is tried again.
func (l *launch) coolDown(ctx workflow.Context, d time.Duration) error {
	l.cooling, l.awaits = true, awaited{until: workflow.Now(ctx).Add(d)}
	defer func() { l.cooling, l.awaits = false, awaited{} }()
	over, off := l.timer(ctx, d, "cool-down")
	defer off()
	if err := l.stand(ctx, standing{done: func() bool { return over() && l.free() }}); err != nil {
		return err
	}
	l.record(ctx, "", "cooled down; trying again")
	return nil
}
