package starter

import (
	"context"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/rampart-dev/rampart"
)

// Count returns how many launches are in a state, from Temporal's index.
func (s *Starter) Count(ctx context.Context, state rampart.State) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	query, err := s.listQuery(Listing{State: state})
	if err != nil {
		return 0, err
	}
	if !state.Ended() {
		query += " AND ExecutionStatus = 'Running'" // one that was terminated keeps its last state
	}
	got, err := s.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	if err != nil {
		return 0, s.told(err, "")
	}
	return got.GetCount(), nil
}
