package starter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/workflows"
)

// attributes are the search attributes that launches and flags are found by.
var attributes = map[string]enums.IndexedValueType{
	rampart.AttributeFlag:        enums.INDEXED_VALUE_TYPE_KEYWORD,
	rampart.AttributeEnvironment: enums.INDEXED_VALUE_TYPE_KEYWORD,
	rampart.AttributePhase:       enums.INDEXED_VALUE_TYPE_KEYWORD,
	rampart.AttributeState:       enums.INDEXED_VALUE_TYPE_KEYWORD,
	rampart.AttributeOwner:       enums.INDEXED_VALUE_TYPE_KEYWORD,
	rampart.AttributePercent:     enums.INDEXED_VALUE_TYPE_DOUBLE,
}

// Ready says what a setup found or made.
type Ready struct {
	Environment string   `json:"environment"`
	Namespace   string   `json:"namespace"`
	NamespaceID string   `json:"namespaceId"`
	Added       []string `json:"added,omitempty"` // search attributes that were new
}

// Setup makes an environment ready: the search attributes in Temporal, and in the
// store which environment and Temporal namespace it is for. Doing it again changes
// nothing. A store that belongs to another pair is refused.
func (s *Starter) Setup(ctx context.Context) (Ready, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	id, err := s.NamespaceID(ctx)
	if err != nil {
		return Ready{}, err
	}
	ready := Ready{Environment: s.Environment(), Namespace: s.Space, NamespaceID: id}
	if err := s.refuseEmptied(ctx); err != nil {
		return ready, err
	}
	if ready.Added, err = s.addAttributes(ctx); err != nil {
		return ready, err
	}
	return ready, s.Store.Setup(ctx, id)
}

// refuseEmptied keeps a setup from making an emptied store look like a new one: where
// the environment's sweep is running, its workers restore what was lost, and a new
// epoch would tell them that nothing is missing.
func (s *Starter) refuseEmptied(ctx context.Context) error {
	meta, err := s.Store.Meta(ctx)
	if err != nil || meta.Epoch != "" {
		return err
	}
	if swept, err := s.Open(ctx, rampart.SweepID(s.Environment())); err != nil || !swept {
		return err
	}
	return rampart.Errorf(rampart.Refused, "%s is set up in Temporal, and its store is empty: it has lost everything", s.Environment()).
		WithHint("do not set it up again: a worker restores flags, kills and segments from Temporal within seconds (rampart worker --env %s)", s.Environment())
}

// NamespaceID returns the id of the Temporal namespace.
func (s *Starter) NamespaceID(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	d, err := s.Temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: s.Space})
	if err != nil {
		return "", s.told(err, "")
	}
	return d.GetNamespaceInfo().GetId(), nil
}

func (s *Starter) addAttributes(ctx context.Context) ([]string, error) {
	operator := s.Temporal.OperatorService()
	have, err := operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: s.Space})
	if err != nil {
		return nil, s.told(err, "")
	}
	missing := map[string]enums.IndexedValueType{}
	var names []string
	for name, kind := range attributes {
		switch is, there := have.GetCustomAttributes()[name]; {
		case !there:
			missing[name] = kind
			names = append(names, name)
		case is != kind:
			return nil, rampart.Errorf(rampart.Refused, "the search attribute %s is of type %s in namespace %s, not %s", name, is, s.Space, kind).
				WithHint("remove it (temporal operator search-attribute remove), or use another namespace")
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: s.Space, SearchAttributes: missing})
	var exists *serviceerror.AlreadyExists
	if err != nil && !errors.As(err, &exists) {
		return nil, s.notAdded(missing, err)
	}
	return names, s.awaitAttributes(ctx, missing)
}

// notAdded says what a person must add where Temporal does not let this client do it:
// Temporal Cloud never does.
func (s *Starter) notAdded(missing map[string]enums.IndexedValueType, err error) error {
	var denied *serviceerror.PermissionDenied
	var unimplemented *serviceerror.Unimplemented
	if !errors.As(err, &denied) && !errors.As(err, &unimplemented) {
		return fmt.Errorf("add search attributes: %w", s.told(err, ""))
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		list = append(list, name+"="+missing[name].String())
	}
	return rampart.Errorf(rampart.Refused, "namespace %s lacks the search attributes %s, and Temporal at %s does not let this client add them",
		s.Space, strings.Join(list, ", "), s.Address).
		WithHint("have somebody add them who may (temporal operator search-attribute create, or tcld namespace search-attributes add), and run rampart setup again").Because(err)
}

// awaitAttributes waits until the server knows them: it takes a moment, in which a
// start would be refused.
func (s *Starter) awaitAttributes(ctx context.Context, missing map[string]enums.IndexedValueType) error {
	for {
		have, err := s.Temporal.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: s.Space})
		if err != nil {
			return s.told(err, "")
		}
		all := true
		for name := range missing {
			_, there := have.GetCustomAttributes()[name]
			all = all && there
		}
		if all {
			return nil
		}
		select {
		case <-ctx.Done():
			return rampart.Errorf(rampart.Unreachable, "Temporal at %s did not take the search attributes in time", s.Address).
				WithHint("run rampart setup again").Because(ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Sweep starts the environment's sweep, unless it is running.
func (s *Starter) Sweep(ctx context.Context, every time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	_, err := s.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       rampart.SweepID(s.Environment()),
		TaskQueue:                rampart.LaunchQueue(s.Environment()),
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "sweep of " + s.Environment(),
	}, workflows.Sweep, workflows.SweepInput{Environment: s.Environment(), Every: rampart.Duration(every)})
	return s.told(err, "")
}

// Flags lists the flags that have a workflow of their own.
func (s *Starter) Flags(ctx context.Context) ([]string, error) {
	meant, err := s.Attested(ctx)
	return slices.Sorted(maps.Keys(meant)), err
}

// RestoreFlag asks a flag's workflow to write its intent again.
func (s *Starter) RestoreFlag(ctx context.Context, flag, why string) error {
	var done bool
	return s.update(ctx, flag, rampart.FlagID(s.Environment(), flag), rampart.UpdateRestore, why, &done)
}
