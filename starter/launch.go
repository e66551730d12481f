package starter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/workflows"
)

// Launching asks for a launch.
type Launching struct {
	Plan   rampart.Plan
	Source rampart.Source
	By     string
	From   rampart.Phase // of a relaunch: the phase to begin with

	// Warnings are what was found about the plan elsewhere, such as by asking a
	// Prometheus. The launch keeps them beside what validation warns of.
	Warnings []string
}

// Started is a launch that has begun.
type Started struct {
	Flag        string        `json:"flag"`
	Environment string        `json:"environment"`
	Workflow    string        `json:"workflow"`
	Run         string        `json:"run"`
	Phase       rampart.Phase `json:"phase"`
	URL         string        `json:"url,omitempty"`
	Warnings    []string      `json:"warnings,omitempty"`
}

// Start registers the flag if it is new, and starts its launch. It is refused while
// the flag is killed, being launched, or exposed above the plan's first step.
func (s *Starter) Start(ctx context.Context, in Launching) (Started, error) {
	plan := in.Plan.WithDefaults()
	if err := s.mayStart(ctx, plan, in); err != nil {
		return Started{}, err
	}
	if _, err := s.Register(ctx, rampart.FlagChange{Flag: plan.NewFlag(), By: in.By, Reason: "first launch"}); err != nil {
		return Started{}, err
	}
	input := workflows.LaunchInput{Plan: plan, Source: in.Source, StartedBy: in.By, From: in.From}
	for _, w := range plan.Validate().Warnings() {
		input.Warnings = append(input.Warnings, w.Path+": "+w.Msg)
	}
	input.Warnings = append(input.Warnings, in.Warnings...)
	call, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	run, err := s.Temporal.ExecuteWorkflow(call, s.startOptions(plan, in.By), workflows.Launch, input)
	var running *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &running) {
		return Started{}, s.already(plan.Flag)
	}
	if err != nil {
		return Started{}, s.told(err, plan.Flag)
	}
	started := Started{
		Flag: plan.Flag, Environment: plan.Environment, Workflow: run.GetID(), Run: run.GetRunID(),
		Phase: plan.Stages[plan.StageOf(in.From)].Phase, URL: s.URL(run.GetID(), run.GetRunID()), Warnings: input.Warnings,
	}
	return started, s.accepted(ctx, run)
}

func (s *Starter) already(flag string) error {
	return rampart.Errorf(rampart.Refused, "a launch of %s is under way in %s", flag, s.Environment()).
		WithHint("rampart status %s shows it; rampart turn-back %s ends it", flag, flag)
}

// mayStart refuses, with the sentences that a person needs, what the workflow would
// refuse later and more tersely.
func (s *Starter) mayStart(ctx context.Context, plan rampart.Plan, in Launching) error {
	if in.By == "" {
		return rampart.Errorf(rampart.Invalid, "a launch must know who starts it").WithHint("say so with --as or RAMPART_USER")
	}
	if err := s.walkable(plan); err != nil {
		return err
	}
	if err := s.guard(ctx); err != nil {
		return err
	}
	if open, err := s.Open(ctx, rampart.LaunchID(s.Environment(), plan.Flag)); err != nil || open {
		if open {
			return s.already(plan.Flag)
		}
		return err
	}
	if err := s.mayLeaveOut(ctx, plan); err != nil {
		return err
	}
	first := plan.Stages[plan.StageOf(in.From)].Steps[0].Percent
	entry, err := s.Store.Get(ctx, plan.Flag)
	switch {
	case rampart.KindOf(err) == rampart.NotFound && in.From != "":
		_, err = plan.Relaunch(in.From, nil)
		return err
	case rampart.KindOf(err) == rampart.NotFound:
		return nil
	case err != nil:
		return err
	case entry.Kill != nil && entry.Kill.Killed:
		return rampart.Errorf(rampart.Refused, "%s is killed (by %s: %s)", plan.Flag, entry.Kill.By, entry.Kill.Reason).
			WithHint("somebody other than %s restores it first: rampart restore %s --reason …", entry.Kill.By, plan.Flag)
	case entry.Flag.Exposure > first:
		return rampart.Errorf(rampart.Refused, "%s is exposed at %s already, above the plan's first step of %s",
			plan.Flag, entry.Flag.Exposure, first).
			WithHint("rampart flag disable %s takes it to its baseline first", plan.Flag)
	}
	return s.mayRelaunch(ctx, plan, in.From)
}

// mayLeaveOut refuses slots of a layer that another flag has, and a holdout that is not
// there.
func (s *Starter) mayLeaveOut(ctx context.Context, plan rampart.Plan) error {
	if plan.Holdout != "" {
		segments, err := s.Store.Segments(ctx)
		if err != nil {
			return err
		}
		if err := plan.CheckHoldout(segments); err != nil {
			return err
		}
	}
	flag := plan.NewFlag()
	flag.Layer = plan.Layer
	return s.Store.Conflict(ctx, flag)
}

func (s *Starter) mayRelaunch(ctx context.Context, plan rampart.Plan, from rampart.Phase) error {
	if from == "" {
		return nil
	}
	intent, err := s.Intent(ctx, plan.Flag)
	if err != nil {
		return err
	}
	_, err = plan.Relaunch(from, intent.Last)
	return err
}

// walkable refuses a plan that no launch here could walk.
func (s *Starter) walkable(plan rampart.Plan) error {
	if bad := plan.Validate().Errors(); len(bad) > 0 {
		return &rampart.Error{Kind: rampart.Invalid, Msg: "the plan cannot be walked", Hint: "rampart plan check FILE shows the places", Err: bad}
	}
	if plan.Environment != s.Environment() {
		return rampart.Errorf(rampart.Refused, "the plan is for %s, and this is %s", plan.Environment, s.Environment()).
			WithHint("use --env %s", plan.Environment)
	}
	return nil
}

// guard refuses a store and a Temporal that were not set up for each other.
func (s *Starter) guard(ctx context.Context) error {
	id, err := s.NamespaceID(ctx)
	if err != nil {
		return err
	}
	return s.Store.Guard(ctx, id)
}

// Open reports whether a workflow is running. One that Temporal does not know is not.
func (s *Starter) Open(ctx context.Context, workflowID string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	d, err := s.Temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	if told := s.told(err, ""); rampart.KindOf(told) == rampart.NotFound {
		var space *serviceerror.NamespaceNotFound
		if errors.As(err, &space) {
			return false, told
		}
		return false, nil
	}
	return d.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING, s.told(err, "")
}

func (s *Starter) startOptions(plan rampart.Plan, by string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                                       rampart.LaunchID(plan.Environment, plan.Flag),
		TaskQueue:                                rampart.LaunchQueue(plan.Environment),
		WorkflowIDConflictPolicy:                 enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            fmt.Sprintf("launch %s in %s", plan.Flag, plan.Environment),
		StaticDetails:                            fmt.Sprintf("%s\n\nowner %s, started by %s", plan.Purpose, plan.Owner, by),
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(rampart.AttributeFlag).ValueSet(plan.Flag),
			temporal.NewSearchAttributeKeyKeyword(rampart.AttributeEnvironment).ValueSet(plan.Environment),
			temporal.NewSearchAttributeKeyKeyword(rampart.AttributeOwner).ValueSet(plan.Owner),
		),
	}
}

// accepted waits until the launch has the pen, so that a refusal is told to the
// person who started it. A launch that is merely slow is not an error.
func (s *Starter) accepted(ctx context.Context, run client.WorkflowRun) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	for {
		p, err := s.query(ctx, run.GetID(), run.GetRunID())
		if err != nil || p.Version > 0 || p.State.Ended() {
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(20 * time.Millisecond):
		}
	}
	d, err := s.Temporal.DescribeWorkflowExecution(ctx, run.GetID(), run.GetRunID())
	if err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_FAILED {
		return s.told(run.Get(ctx, nil), "")
	}
	return nil
}

// Progress tells where a launch stands: the open one, or else the last. The verdict
// is that of the last look, which the workflow itself has not been told of.
func (s *Starter) Progress(ctx context.Context, flag string) (rampart.Progress, error) {
	return s.ProgressOf(ctx, flag, "")
}

// ProgressOf is Progress of one run of the launch's workflow; an empty run is the
// open one, or else the last.
func (s *Starter) ProgressOf(ctx context.Context, flag, run string) (rampart.Progress, error) {
	if err := rampart.CheckName("a flag", flag); err != nil {
		return rampart.Progress{}, err
	}
	call, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	id := rampart.LaunchID(s.Environment(), flag)
	p, err := s.query(call, id, run)
	if err != nil {
		return p, s.told(err, flag)
	}
	if _, blob, err := s.Store.Evidence(ctx, flag, p.Run); err == nil && len(blob) > 0 {
		var m activities.Memory
		if json.Unmarshal(blob, &m) == nil && m.Attempt == p.Attempt && (p.Verdict == nil || m.Tick >= p.Verdict.At) {
			p.Verdict, p.Looks, p.Share = &m.Verdict, m.Looks, m.Share()
			if m.Step == p.StepName {
				p.Held = m.Held
			}
		}
	}
	if !p.State.Ended() {
		s.broken(call, id, &p)
	}
	return p, nil
}

// broken finds a launch that was ended past us, in which nobody turned anything
// back: its own account still says what it said last.
func (s *Starter) broken(ctx context.Context, id string, p *rampart.Progress) {
	d, err := s.Temporal.DescribeWorkflowExecution(ctx, id, p.Run)
	if err != nil {
		return
	}
	if state := rampart.State(strings.ToLower(d.GetWorkflowExecutionInfo().GetStatus().String())); Broken(state) {
		p.State, p.WaitingFor, p.Asking = state, "", ""
		p.Note = "the workflow was ended from outside; nobody guards the exposure, until it is swept, or its lease ends"
		s.swept(ctx, p)
	}
}

// swept finds out whether what a launch has left behind was turned back since. Only the
// flag's own workflow knows.
func (s *Starter) swept(ctx context.Context, p *rampart.Progress) {
	intent, err := s.Intent(ctx, p.Flag)
	if out := intent.Last; err == nil && out != nil && out.Cause == rampart.CauseSwept && out.Receipt.EndedAt >= p.StartedAt {
		p.State, p.Outcome, p.Note, p.Exposure = out.State, out, out.Receipt.Text, 0
		return
	}
	e, err := s.Store.Get(ctx, p.Flag)
	if err == nil && e.Owner == rampart.FlagID(s.Environment(), p.Flag) && e.Flag.Exposure == 0 && len(e.Flag.Include) == 0 {
		p.Note, p.Exposure = "the workflow was ended from outside; its flag is at the baseline", 0
	}
}

// Broken reports whether a state is that of a workflow which was ended from outside.
func Broken(s rampart.State) bool { return s == "terminated" || s == "timedout" }

func (s *Starter) query(ctx context.Context, workflowID, runID string) (rampart.Progress, error) {
	var p rampart.Progress
	v, err := s.Temporal.QueryWorkflow(ctx, workflowID, runID, rampart.QueryProgress)
	if err != nil {
		return p, err
	}
	return p, v.Get(&p)
}

// Wait waits until the launch of a flag has ended.
func (s *Starter) Wait(ctx context.Context, flag string) (rampart.Outcome, error) {
	var out rampart.Outcome
	err := s.Temporal.GetWorkflow(ctx, rampart.LaunchID(s.Environment(), flag), "").Get(ctx, &out)
	if temporal.IsCanceledError(err) {
		return rampart.Outcome{State: rampart.Cancelled, Reason: "the workflow was cancelled"}, nil
	}
	return out, s.told(err, flag)
}
