package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// do names activities without calling them.
var do *activities.Activities

// forever is more attempts than there will ever be. It is written out because the
// test environment reads 0, which means no limit, as ten.
const forever = 1<<31 - 1

// steadily is the pace of what says itself when to look again.
var steadily = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1, MaximumAttempts: forever}

// patiently retries for as long as it takes.
var patiently = &temporal.RetryPolicy{
	InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second, MaximumAttempts: forever,
}

// launch is the state of one launch. Message handlers set its fields; the walk
// waits for them.
type launch struct {
	id, runID string
	plan      rampart.Plan
	source    rampart.Source
	startedBy string
	startedAt time.Time
	warnings  []string
	from      rampart.Phase // of a relaunch
	first     int           // stage that the launch began with
	trust     rampart.Trust
	version   workflow.Version // of the walk: see walkVersion
	revised   int              // how often the plan was amended
	amenders  map[string]bool  // who did that

	// The flag, and the right to write it.
	flag         rampart.Flag
	acquired     bool
	urgent       bool   // writes overtake routine work
	handing      bool   // the next write hands the pen on
	astray       bool   // the pen may be back with the flag's own workflow
	clockAhead   bool   // of the store's: fences come from what is stored, not from the time
	fence        int64  // of the last write that was tried
	acknowledged int64  // of the last write that the store acknowledged
	revision     int64  // of the store, after that write
	digest       string // of the document of that write, by which the guard knows it again
	highest      rampart.Percent
	offAt        int64 // ms: when the last write was acknowledged
	killed       *rampart.Kill

	// Where the walk is.
	at           int // stage
	phase        rampart.Phase
	step         int
	inside       bool        // the stage was entered
	exposed      bool        // the step's exposure was written
	raising      bool        // a higher one is being written
	unwanted     func() bool // calls off the write under way
	baking       bool
	cooling      bool
	shadowing    bool // arms are assigned, and everybody is served off
	shadowed     bool // they were, for as long as the plan says
	retries      int  // how often it may step back; the error budget is shared out by it
	backs        int  // how often it has
	stepSince    time.Time
	firstExposed time.Time
	notBefore    time.Time       // the pen was taken, of a flag that was exposed before
	before       rampart.Percent // the highest exposure of earlier launches
	held         rampart.Duration
	holding      bool // a step is being held, which a person may end early
	stale        bool // since the last look that spoke for a raise, the gates were only guarded
	memory       activities.Memory
	told         map[string]int64
	parachute    *rampart.Confirmed

	// What the evidence says about the walk.
	mismatch   string                // of the sample ratio, that nobody has acknowledged yet
	acks       int                   // how often somebody has
	decision   *rampart.RampDecision // at the end of the maximum power ramp
	stageSince time.Time             // the first step of the stage was exposed
	extended   rampart.Duration      // by which the ramp is held longer than planned
	waited     rampart.Duration      // by which a step is, because no more is recommended
	chosen     int                   // the step that is recommended next; 0: the plan's next

	// What people want.
	stopped *stop
	paused  *rampart.Ask
	resumed time.Time // when somebody last ended a pause or a hold
	onHold  *holdUp
	advance *advance
	hurried bool   // the hold before was ended early by a person
	lost    string // why the document must be written again
	moved   int    // counts interventions, so that waits notice them
	voided  int    // counts the times that approvals were voided
	asking  int    // stage whose approval is awaited; none: of none

	reconsent bool    // to the stage that the launch stands in, because it was amended
	awaits    awaited // besides people
	stood     int     // counts stays at an exposure
	inbox     []arrival
	approved  []rampart.Approval

	// What people see.
	state      rampart.State
	waitingFor string
	note       string
	story      []rampart.Chapter
	notices    []rampart.NoticeSent
	pending    int // notices under way
	seq        int // numbers them
	shown      shown
	outcome    *rampart.Outcome
}

// A stop is whatever ends the walk short of its goal.
type stop struct {
	state  rampart.State
	cause  rampart.Cause
	reason string
	by     string
	gate   string
	at     int64 // ms: when it was found
	offAt  int64 // ms: when the watch that found it had turned the flag back; 0: it had not
}

func (s *stop) Error() string { return string(s.state) + ": " + s.reason }

// A holdUp is why the launch will not go on until a person decides.
type holdUp struct {
	reason    string
	undecided bool
	cause     string // that lasts, or comes again
}

// An advance is a person's wish to end a hold early, and what became of it.
type advance struct {
	rampart.Ask
	answered bool
	refusal  string
}

// walkVersion tells launches that began with this code from those of histories that
// are older, which go on as they began. Since version 1 consent lasts until a stage is
// entered, so that what is found meanwhile voids it; approvals are taken in while
// another is verified; and a write that is not wanted any more is called off. Since
// version 2 a step back voids consent to the exposure that broke wherever it was found,
// and ends nothing that a person is to decide; and what an amendment makes of the hold,
// or of the stages before the finish, counts at once. Since version 3 the maximum power
// ramp ends in a decision, which may extend it or hold the launch, a stage may have its next
// step recommended, and a launch may begin with a shadow period.
const walkVersion = 3

func newLaunch(ctx workflow.Context, in LaunchInput) (*launch, error) {
	plan := in.Plan // what it leaves open comes with the pen
	info := workflow.GetInfo(ctx)
	l := &launch{
		id: info.WorkflowExecution.ID, runID: info.FirstRunID,
		plan: plan, source: in.Source, startedBy: in.StartedBy, startedAt: workflow.Now(ctx), warnings: in.Warnings,
		version: workflow.GetVersion(ctx, "walk", workflow.DefaultVersion, walkVersion),
		from:    in.From, amenders: map[string]bool{}, told: map[string]int64{}, asking: none,
	}
	if l.runID == "" {
		l.runID = info.WorkflowExecution.RunID
	}
	l.flag.Name = plan.Flag
	if err := l.listen(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// await waits for ok, for whatever stops the launch, or for cancellation.
func (l *launch) await(ctx workflow.Context, ok func() bool) error {
	if err := workflow.Await(ctx, func() bool { return l.stopped != nil || ok() }); err != nil {
		return err
	}
	if l.stopped != nil {
		return l.stopped
	}
	return nil
}

// stopBy returns the stop that an error stands for.
func (l *launch) stopBy(err error) *stop {
	var s *stop
	switch {
	case errors.As(err, &s):
		return s
	case temporal.IsCanceledError(err):
		return &stop{state: rampart.Cancelled, cause: rampart.CausePerson, reason: "the workflow was cancelled"}
	}
	return &stop{state: rampart.TurnedBack, reason: "the launch could not go on: " + message(err)}
}

// gaveUp reports whether an activity that is tried again and again ran out of time. Of
// that the server tells with the last failure, not with a timeout, unless an attempt
// was under way.
func gaveUp(err error) bool {
	var failed *temporal.ActivityError
	var app *temporal.ApplicationError
	refused := errors.As(err, &app) && app.Type() == activities.TypeRefused
	return errors.As(err, &failed) && !refused && !temporal.IsCanceledError(err)
}

func message(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	return err.Error()
}

// writing are the options of activities that change the flag: short attempts, and
// as many as it takes.
func (l *launch) writing(ctx workflow.Context, summary string) workflow.Context {
	options := workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, Summary: summary, RetryPolicy: patiently, WaitForCancellation: l.unwanted != nil,
		ScheduleToCloseTimeout: workflow.GetActivityOptions(ctx).ScheduleToCloseTimeout, // of a raise
	}
	if l.urgent {
		options.Priority = temporal.Priority{PriorityKey: 1}
	}
	return workflow.WithActivityOptions(ctx, options)
}

func (l *launch) stage() rampart.Stage {
	if l.at < len(l.plan.Stages) {
		return l.plan.Stages[l.at]
	}
	return rampart.Stage{} // the plan comes with the pen
}

func exposing(f rampart.Flag) bool { return f.Exposure > 0 || len(f.Include) > 0 }

// reach says in words whom a document exposes.
func reach(f rampart.Flag) string {
	switch {
	case f.Exposure == 0 && len(f.Include) > 0:
		return fmt.Sprintf("%s and whoever is included", f.Exposure)
	case f.Exposure == 0:
		return "nobody"
	case f.Layer != nil:
		return fmt.Sprintf("%s of those in layer %s", f.Exposure, f.Layer)
	}
	return f.Exposure.String()
}
