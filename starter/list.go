package starter

import (
	"context"
	"fmt"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/rampart-dev/rampart"
)

// Listing selects launches.
type Listing struct {
	All   bool // also those that have ended
	Flag  string
	State rampart.State
	Limit int // at most this many; 0: 100
}

// Row is one launch in a list.
type Row struct {
	Flag        string          `json:"flag"`
	Environment string          `json:"environment"`
	Owner       string          `json:"owner"`
	Phase       rampart.Phase   `json:"phase"`
	State       rampart.State   `json:"state"`
	Exposure    rampart.Percent `json:"exposure"`
	Started     time.Time       `json:"started"`
	Ended       time.Time       `json:"ended,omitzero"`
	Run         string          `json:"run"`
	URL         string          `json:"url,omitempty"`
}

// List lists the launches of the environment, newest first, from Temporal's index.
func (s *Starter) List(ctx context.Context, l Listing) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	if l.Limit <= 0 {
		l.Limit = 100
	}
	query, err := s.listQuery(l)
	if err != nil {
		return nil, err
	}
	var rows []Row
	var page []byte
	for len(rows) < l.Limit {
		got, err := s.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: int32(min(l.Limit-len(rows), 1000)), NextPageToken: page,
		})
		if err != nil {
			return nil, s.told(err, l.Flag)
		}
		for _, e := range got.GetExecutions() {
			row := Row{Started: e.GetStartTime().AsTime(), Run: e.GetExecution().GetRunId(), URL: s.URL(e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId())}
			if e.GetCloseTime() != nil {
				row.Ended = e.GetCloseTime().AsTime()
			}
			row.read(e.GetSearchAttributes().GetIndexedFields())
			if e.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING && !row.State.Ended() {
				row.State = rampart.State(strings.ToLower(e.GetStatus().String())) // terminated or timed out: swept later
			}
			rows = append(rows, row)
		}
		if page = got.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	return rows, nil
}

func (s *Starter) listQuery(l Listing) (string, error) {
	query := fmt.Sprintf("WorkflowType = 'Launch' AND %s = '%s'", rampart.AttributeEnvironment, s.Environment())
	if !l.All && l.State == "" {
		query += " AND ExecutionStatus = 'Running'"
	}
	if l.State != "" {
		if err := rampart.CheckName("a state", string(l.State)); err != nil {
			return "", err
		}
		query += fmt.Sprintf(" AND %s = '%s'", rampart.AttributeState, l.State)
	}
	if l.Flag != "" {
		if err := rampart.CheckName("a flag", l.Flag); err != nil {
			return "", err
		}
		query += fmt.Sprintf(" AND %s = '%s'", rampart.AttributeFlag, l.Flag)
	}
	return query, nil
}

func (r *Row) read(fields map[string]*commonpb.Payload) {
	text := func(name string) string {
		var v string
		if p := fields[name]; p != nil {
			_ = converter.GetDefaultDataConverter().FromPayload(p, &v)
		}
		return v
	}
	r.Flag, r.Environment, r.Owner = text(rampart.AttributeFlag), text(rampart.AttributeEnvironment), text(rampart.AttributeOwner)
	r.Phase, r.State = rampart.Phase(text(rampart.AttributePhase)), rampart.State(text(rampart.AttributeState))
	var percent float64
	if p := fields[rampart.AttributePercent]; p != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(p, &percent)
	}
	r.Exposure, _ = rampart.PercentOf(percent)
}

// Describe returns Temporal's own description of a flag's launch, for its pending
// activity: what the watch said last.
func (s *Starter) Describe(ctx context.Context, flag string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	d, err := s.Temporal.DescribeWorkflowExecution(ctx, rampart.LaunchID(s.Environment(), flag), "")
	if err != nil {
		return "", s.told(err, flag)
	}
	for _, a := range d.GetPendingActivities() {
		if m := a.GetLastFailure().GetMessage(); m != "" {
			return m, nil
		}
	}
	return "", nil
}
