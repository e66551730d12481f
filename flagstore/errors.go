package flagstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
)

// What the store answers when it does not do what it is asked. The errors that
// carry these are of kind [rampart.Refused] and have a hint.
var (
	ErrNotSetUp   = errors.New("the store is not set up")
	ErrForeign    = errors.New("the store belongs to another environment or Temporal namespace")
	ErrOwned      = errors.New("somebody else holds the pen")
	ErrStale      = errors.New("overtaken by a later write")
	ErrDrift      = errors.New("another document stands under this version")
	ErrLost       = errors.New("the store has lost what it acknowledged")
	ErrKilled     = errors.New("the flag is killed")
	ErrAhead      = errors.New("the version is more than an hour ahead of the store's clock")
	ErrMoved      = errors.New("the kill register has changed since it was read")
	ErrTaken      = errors.New("another flag has the slots")
	ErrLeaseEnded = errors.New("the lease has ended")
)

// ErrNotFound is carried by errors of kind [rampart.NotFound].
var ErrNotFound = errors.New("not found")

// refused makes an error of a sentinel: what was asked, why not, what to do.
func refused(sentinel error, hint, format string, args ...any) error {
	return &rampart.Error{Kind: rampart.Refused, Msg: fmt.Sprintf(format, args...), Hint: hint, Err: sentinel}
}

func (s *Store) errNotSetUp() error {
	return refused(ErrNotSetUp, "run rampart setup once; a store that was set up and has lost everything is restored by a running worker",
		"environment %s at %s", s.env, s.address)
}

func (s *Store) errForeign(environment, namespace string) error {
	if environment == "" {
		environment = s.env
	}
	return refused(ErrForeign, "use the Redis of this environment and Temporal namespace, or another --env",
		"the store at %s is for environment %s of Temporal namespace %s, not for %s of %s",
		s.address, environment, namespace, s.env, s.namespace())
}

func notFound(what, name string) error {
	return &rampart.Error{Kind: rampart.NotFound, Msg: fmt.Sprintf("%s %s", what, name),
		Hint: fmt.Sprintf("list what there is with rampart %s list", what), Err: ErrNotFound}
}

// refusal turns the words that put and acquire share into errors.
func (s *Store) refusal(do, flag string, a answer) error {
	stored := a.number(1)
	switch a.word() {
	case "OWNED":
		return refused(ErrOwned, fmt.Sprintf("%s answers for %s now", a.text(2), flag), "%s: held by %s", do, a.text(2))
	case "STALE":
		return refused(ErrStale, "who still holds the pen writes again above it", "%s: version %d is stored", do, stored)
	case "DRIFT":
		return refused(ErrDrift, "who holds the pen writes again under a new version", "%s: version %d", do, stored)
	case "LOST":
		return refused(ErrLost, "who holds the pen writes again under a new version", "%s: version %d is stored", do, stored)
	case "KILLED":
		k, _ := readKill(flag, 0, a.text(2))
		return refused(ErrKilled, fmt.Sprintf("a second person lifts it with rampart restore %s", flag), "%s: killed by %s: %s", do, k.By, k.Reason)
	case "AHEAD":
		return refused(ErrAhead, "check the clocks of Redis and of the Temporal server", "%s: the store's clock says %s",
			do, time.UnixMilli(a.number(2)).UTC().Format(time.RFC3339))
	}
	return fmt.Errorf("%s: the store answered %q", do, []string(a))
}

// fault tells a store that cannot be had from one that has answered. Nothing that
// it says contains credentials.
func (s *Store) fault(do string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || rampart.KindOf(err) == rampart.Unreachable {
		return wrap(do, err)
	}
	unreachable := &rampart.Error{Kind: rampart.Unreachable, Msg: fmt.Sprintf("%s: redis at %s does not answer", do, s.address),
		Hint: "check that Redis runs there and that this machine may connect to it, or name another one in RAMPART_REDIS", Err: err}
	var network net.Error
	switch {
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, redis.ErrClosed),
		errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted), errors.Is(err, context.DeadlineExceeded),
		overTLS(err):
		if nodes, ok := s.rdb.(*redis.ClusterClient); ok {
			nodes.ReloadState(context.Background()) // another node may have taken over
		}
		if overTLS(err) {
			unreachable.Hint = "check that Redis speaks TLS there, the roots that sign it, the name in its certificate, and the client's certificate"
		}
		return unreachable
	}
	switch errorWord(err) {
	case "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "READONLY", "NOREPLICAS", "BUSY":
		unreachable.Msg = fmt.Sprintf("%s: redis at %s takes no writes now", do, s.address)
		unreachable.Hint = "check that this is the primary, and its state with redis-cli INFO"
		return unreachable
	case "NOAUTH", "WRONGPASS", "NOPERM":
		unreachable.Msg = fmt.Sprintf("%s: redis at %s refuses this user", do, s.address)
		unreachable.Hint = "check the user name, the password and the user's rights: docs/how-to/redis.md lists the least"
		return unreachable
	}
	return wrap(do, err)
}

// overTLS reports whether a connection failed for what TLS demands. That a client's
// certificate is refused is told when the handshake is over.
func overTLS(err error) bool {
	var handshake handshakeError
	return errors.As(err, &handshake) || strings.Contains(err.Error(), "remote error: tls: ")
}

// errorWord returns the word with which Redis begins an error: "LOADING".
func errorWord(err error) string {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return ""
	}
	word, _, _ := strings.Cut(reply.Error(), " ")
	return word
}

func wrap(do string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", do, err)
}
