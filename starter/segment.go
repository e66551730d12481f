package starter

import (
	"context"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/workflows"
)

// ApplySegment makes a segment what the change says, and returns it as stored. Its own
// workflow is started if there is none, and takes up what the store may have already.
func (s *Starter) ApplySegment(ctx context.Context, c rampart.SegmentChange) (rampart.Segment, error) {
	g := c.Segment
	if err := rampart.CheckSegment(g); err != nil {
		return g, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	id := rampart.SegmentID(s.Environment(), g.Name)
	handle, err := s.Temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: s.Temporal.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
			ID: id, TaskQueue: rampart.LaunchQueue(s.Environment()),
			WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			StaticSummary:            "segment " + g.Name + " in " + s.Environment(),
		}, workflows.Segment, workflows.SegmentInput{Environment: s.Environment(), Name: g.Name}),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: id, UpdateName: rampart.UpdateApply, Args: []any{c}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	var applied rampart.SegmentApplied
	if err == nil {
		err = handle.Get(ctx, &applied)
	}
	g.Format, g.Version, g.ChangedAt, g.ChangedBy = g.NeedsFormat(), applied.Version, applied.ChangedAt, applied.ChangedBy
	return g, s.told(err, g.Name)
}

// SegmentsMeant returns for each segment that has a workflow of its own which document
// that answers for, from Temporal's index.
func (s *Starter) SegmentsMeant(ctx context.Context) (map[string]string, error) {
	return s.attestations(ctx, "Segment", rampart.SegmentID(s.Environment(), ""))
}

// RestoreSegment asks a segment's workflow to write its document again.
func (s *Starter) RestoreSegment(ctx context.Context, segment, why string) error {
	var done bool
	return s.update(ctx, segment, rampart.SegmentID(s.Environment(), segment), rampart.UpdateRestore, why, &done)
}
