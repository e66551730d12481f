package starter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/workflows"
)

// AllowSweep lets one pass of the environment's sweep turn back more flags at once than
// it does without asking. It returns what the sweep answers.
func (s *Starter) AllowSweep(ctx context.Context, a rampart.Allowance) (string, error) {
	var answer string
	err := s.update(ctx, "", rampart.SweepID(s.Environment()), rampart.UpdateAllow, a, &answer)
	if rampart.KindOf(err) == rampart.NotFound {
		return "", rampart.Errorf(rampart.NotFound, "nobody sweeps %s", s.Environment()).
			WithHint("a worker starts the sweep: rampart worker --env %s", s.Environment())
	}
	return answer, err
}

// Hasten has the sweep make its next pass now, where it would else wait for longer than
// its workers now want: its last pass was at another pace.
func (s *Starter) Hasten(ctx context.Context, every time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	id := rampart.SweepID(s.Environment())
	d, err := s.Temporal.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return s.told(err, "")
	}
	for _, a := range d.GetPendingActivities() {
		next := a.GetNextAttemptScheduleTime()
		if a.GetState() != enums.PENDING_ACTIVITY_STATE_SCHEDULED || next == nil || time.Until(next.AsTime()) <= every {
			continue
		}
		_, err := s.Temporal.WorkflowService().ResetActivity(ctx, &workflowservice.ResetActivityRequest{
			Namespace: s.Space, Execution: d.GetWorkflowExecutionInfo().GetExecution(),
			Activity: &workflowservice.ResetActivityRequest_Id{Id: a.GetActivityId()}, // and keep what it has seen
		})
		if err != nil {
			return s.told(err, "")
		}
	}
	return nil
}

// Allowance returns what the sweep was allowed last.
func (s *Starter) Allowance(ctx context.Context) (rampart.Allowance, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	var a rampart.Allowance
	v, err := s.Temporal.QueryWorkflow(ctx, rampart.SweepID(s.Environment()), "", rampart.QueryAllowance)
	if err != nil {
		return a, s.told(err, "")
	}
	return a, v.Get(&a)
}

// Running lists the launches that Temporal's index has as running, by workflow ID.
func (s *Starter) Running(ctx context.Context) (map[string]bool, error) {
	running := map[string]bool{}
	err := s.index(ctx, "Launch", func(e *workflowpb.WorkflowExecutionInfo) { running[e.GetExecution().GetWorkflowId()] = true })
	return running, err
}

// Standing says how a workflow stands, from its own record and not from the index.
func (s *Starter) Standing(ctx context.Context, workflowID string) (activities.Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	d, err := s.Temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return activities.Standing{Missing: true}, nil
	}
	if err != nil {
		return activities.Standing{}, s.told(err, "")
	}
	status := d.GetWorkflowExecutionInfo().GetStatus()
	return activities.Standing{Running: status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING, Status: inWords(status)}, nil
}

func inWords(status enums.WorkflowExecutionStatus) string {
	if status == enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT {
		return "timed out"
	}
	return strings.ToLower(status.String())
}

// SweepFlag has a flag's own workflow, which is started if there is none, take the flag
// back from a launch that is gone. The channels of that launch's plan are told besides
// those that are named, as far as its record can still be read.
func (s *Starter) SweepFlag(ctx context.Context, flag string, in rampart.Sweeping) error {
	if p, err := s.Progress(ctx, flag); err == nil {
		in.Notify = merged(p.Plan.Notify, in.Notify)
	}
	call, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	id := rampart.FlagID(s.Environment(), flag)
	handle, err := s.Temporal.UpdateWithStartWorkflow(call, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: s.Temporal.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
			ID: id, TaskQueue: rampart.LaunchQueue(s.Environment()),
			WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			StaticSummary:            "flag " + flag + " in " + s.Environment(),
		}, workflows.Flag, workflows.FlagInput{Environment: s.Environment(), Name: flag}),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: id, UpdateName: rampart.UpdateSweep, Args: []any{in}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err == nil {
		var doc rampart.Flag
		err = handle.Get(call, &doc)
	}
	return s.told(err, flag)
}

// merged joins two lists of channels; nobody is told twice.
func merged(lists ...[]string) []string {
	var all []string
	there := map[string]bool{}
	for _, list := range lists {
		for _, name := range list {
			if !there[name] {
				there[name] = true
				all = append(all, name)
			}
		}
	}
	return all
}

// Attested returns for each flag that has a workflow of its own which document that
// answers for, from Temporal's index.
func (s *Starter) Attested(ctx context.Context) (map[string]string, error) {
	return s.attestations(ctx, "Flag", rampart.FlagID(s.Environment(), ""))
}

// attestations reads the memos of all open workflows of a type, by what follows the
// prefix in their IDs.
func (s *Starter) attestations(ctx context.Context, kind, prefix string) (map[string]string, error) {
	meant := map[string]string{}
	err := s.index(ctx, kind, func(e *workflowpb.WorkflowExecutionInfo) {
		name, ok := strings.CutPrefix(e.GetExecution().GetWorkflowId(), prefix)
		if !ok {
			return
		}
		document := activities.Unattested
		if p := e.GetMemo().GetFields()[rampart.MemoDocument]; p != nil {
			_ = converter.GetDefaultDataConverter().FromPayload(p, &document)
		}
		meant[name] = document
	})
	return meant, err
}

// Attest asks a flag's workflow to show from now on which document it answers for.
func (s *Starter) Attest(ctx context.Context, flag string) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	handle, err := s.Temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: rampart.FlagID(s.Environment(), flag), UpdateName: rampart.UpdateAttest, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	return s.told(err, flag)
}

// index calls one for each running workflow of a type and of this environment.
func (s *Starter) index(ctx context.Context, workflowType string, one func(*workflowpb.WorkflowExecutionInfo)) error {
	var page []byte
	for {
		call, cancel := context.WithTimeout(ctx, s.patience())
		got, err := s.Temporal.ListWorkflow(call, &workflowservice.ListWorkflowExecutionsRequest{
			Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND %s = '%s'",
				workflowType, rampart.AttributeEnvironment, s.Environment()),
			PageSize: 1000, NextPageToken: page,
		})
		cancel()
		if err != nil {
			return s.told(err, "")
		}
		for _, e := range got.GetExecutions() {
			one(e)
		}
		if page = got.GetNextPageToken(); len(page) == 0 {
			return nil
		}
	}
}
