package starter

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// defaultPatience bounds one call to Temporal: long enough for a worker that is busy,
// short enough for a person who waits.
const defaultPatience = 8 * time.Second

// Starter is the way in to one environment.
type Starter struct {
	Temporal client.Client
	Address  string // of Temporal, for messages
	Store    *flagstore.Store
	UI       string // address of Temporal UI, for links; may be empty
	Space    string // Temporal namespace

	Patience time.Duration // with one call to Temporal; 0: 8 seconds

	tls *tls.Config // to Temporal; nil: none
}

func (s *Starter) patience() time.Duration {
	if s.Patience > 0 {
		return s.Patience
	}
	return defaultPatience
}

// Environment returns the environment that the starter works on.
func (s *Starter) Environment() string { return s.Store.Environment() }

// URL returns where Temporal UI shows a workflow, or "" where there is no UI.
func (s *Starter) URL(workflowID, runID string) string {
	if s.UI == "" {
		return ""
	}
	url := strings.TrimSuffix(s.UI, "/") + "/namespaces/" + s.Space + "/workflows/" + strings.ReplaceAll(workflowID, "/", "%2F")
	if runID != "" {
		url += "/" + runID + "/history"
	}
	return url
}

// told turns an error of Temporal into one that a person can use.
func (s *Starter) told(err error, flag string) error {
	var (
		mine        *rampart.Error
		notFound    *serviceerror.NotFound
		unavailable *serviceerror.Unavailable
		deadline    *serviceerror.DeadlineExceeded
		app         *temporal.ApplicationError
		namespace   *serviceerror.NamespaceNotFound

		precondition *serviceerror.FailedPrecondition
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mine):
		return err
	case s.barred(err) != nil:
		return s.barred(err)
	case errors.As(err, &namespace):
		return rampart.Errorf(rampart.NotFound, "Temporal at %s has no namespace %s", s.Address, namespace.Namespace).
			WithHint("name another one with --namespace or RAMPART_NAMESPACE, or create it")
	case errors.As(err, &notFound):
		return rampart.Errorf(rampart.NotFound, "no launch of %s is under way in %s", flag, s.Environment()).
			WithHint("rampart list shows the launches; rampart flag list the flags")
	case errors.As(err, &unavailable), errors.As(err, &deadline), errors.Is(err, context.DeadlineExceeded):
		return s.silent(err)
	case errors.As(err, &precondition) && strings.Contains(err.Error(), "no poller"):
		return s.nobodyWorks(err) // as the server says of a query when it has waited for nobody
	case errors.As(err, &app):
		told := rampart.Errorf(rampart.Refused, "%s", app.Message())
		var hint string
		if app.HasDetails() && app.Details(&hint) == nil {
			told.Hint = hint
		}
		return told
	}
	return fmt.Errorf("temporal at %s: %w", s.Address, err)
}

// silent tells a server that cannot be reached from workers that are not there:
// one who mends the wrong one loses minutes.
func (s *Starter) silent(cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if _, err := s.Temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		if barred := s.barred(errors.Join(err, s.greet(ctx))); barred != nil {
			return barred
		}
		return rampart.Errorf(rampart.Unreachable, "Temporal at %s does not answer", s.Address).
			WithHint("is it running? name another address with --temporal or RAMPART_TEMPORAL_ADDRESS; rampart kill works without it").Because(bare(cause))
	}
	return s.nobodyWorks(cause)
}

func (s *Starter) nobodyWorks(cause error) error {
	return rampart.Errorf(rampart.Unreachable, "no worker answers for %s", s.Environment()).
		WithHint("Temporal at %s is there, but nobody works on the queue %s: start one with rampart worker --env %s",
			s.Address, rampart.LaunchQueue(s.Environment()), s.Environment()).Because(cause)
}

// bare takes what a person needs out of an error of gRPC: why the connection failed.
func bare(err error) error {
	const before = "transport: Error while dialing: "
	if _, why, ok := strings.Cut(err.Error(), before); ok {
		return errors.New(strings.TrimSuffix(why, `"`))
	}
	return err
}

// update asks a workflow to do something and decodes its answer.
func (s *Starter) update(ctx context.Context, flag, workflowID, name string, arg, answer any) error {
	return s.updateWithin(ctx, s.patience(), flag, workflowID, name, arg, answer)
}

// updateWithin is update for an answer that may take that long once the workflow has
// accepted to give it.
func (s *Starter) updateWithin(ctx context.Context, patience time.Duration, flag, workflowID, name string, arg, answer any) error {
	call, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	handle, err := s.Temporal.UpdateWorkflow(call, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: name, Args: []any{arg}, WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if err != nil {
		return s.told(err, flag)
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = handle.Get(wait, answer)
	if wait.Err() != nil && ctx.Err() == nil {
		return rampart.Errorf(rampart.Unreachable, "%s has taken the request in, and has not answered it within %s", workflowID, rampart.Duration(patience)).
			WithHint("rampart status %s shows what became of it", flag).Because(err)
	}
	return s.told(err, flag)
}
