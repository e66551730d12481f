package acceptance_test

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/promtest"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/internal/temporaltest"
	"github.com/rampart-dev/rampart/starter"
)

// A stack is what one test launches flags on: an environment of its own in Temporal,
// with a Redis and a Prometheus of its own.
type stack struct {
	t          *testing.T
	env        string
	temporal   *temporaltest.Server
	redis      *redistest.Server // nil where the store is several servers
	store      addresses
	prometheus *promtest.Server
	people     *starter.Starter

	targets []promtest.Target
	slow    time.Duration // what a launch may take to get somewhere, where that is more than patience

	mu      sync.Mutex
	ceiling map[string]rampart.Percent // the highest exposure that is allowed now
}

// addresses are those of a store, for the users that the guide for operators makes.
type addresses struct {
	writer string // for workers and people
	reader string // for services

	// How they are reached, where an address is not enough.
	variables []string          // of programs
	people    starter.Options   // of the test
	services  flagstore.Options //
}

var (
	notInNames = regexp.MustCompile(`[^a-z0-9]+`)
	stacks     atomic.Int64 // so many were started
)

// newEnvironment returns a name of which Temporal knows nothing yet, also where a test
// is run again.
func newEnvironment(t *testing.T) string {
	return fmt.Sprintf("%s-%d", strings.Trim(notInNames.ReplaceAllString(strings.ToLower(t.Name()), "-"), "-"), stacks.Add(1))
}

// newStack starts what a test needs, on the Temporal that tests share.
func newStack(t *testing.T) *stack {
	t.Helper()
	return newStackOn(t, temporaltest.Shared(t))
}

// newStackOn does so on a Temporal of the test's own, which may be stopped.
func newStackOn(t *testing.T, temporal *temporaltest.Server) *stack {
	t.Helper()
	env := newEnvironment(t)
	redis := redistest.Start(t, redistest.Users(t, env)...)
	s := newStackOver(t, temporal, env, addresses{writer: redis.WriterURL(), reader: redis.ReaderURL()})
	s.redis = redis
	return s
}

// newStackOver does so over a store of the test's own, whatever its form.
func newStackOver(t *testing.T, temporal *temporaltest.Server, env string, store addresses) *stack {
	t.Helper()
	s := &stack{
		t: t, env: env, temporal: temporal, store: store,
		prometheus: promtest.Start(t), ceiling: map[string]rampart.Percent{},
	}
	var err error
	o := store.people
	o.Environment, o.Temporal, o.Redis = s.env, temporal.Address(), store.writer
	s.people, err = starter.Dial(o)
	require.NoError(t, err)
	s.people.Patience = time.Minute // the machine may be busy with other tests
	t.Cleanup(func() { _ = s.people.Close() })
	_, err = s.people.Setup(t.Context())
	require.NoError(t, err)
	return s
}

// environ is how programs find the stack.
func (s *stack) environ() []string {
	return append([]string{
		"RAMPART_ENV=" + s.env,
		"RAMPART_TEMPORAL_ADDRESS=" + s.temporal.Address(),
		"RAMPART_REDIS=" + s.store.writer,
		"RAMPART_PROMETHEUS_URL=" + s.prometheus.URL(),
	}, s.store.variables...)
}

// scrape has Prometheus ask one more address for metrics, and waits until it does.
func (s *stack) scrape(address string) {
	s.t.Helper()
	s.targets = append(s.targets, promtest.Target{Address: address})
	s.prometheus.Scrape(s.targets...)
	eventually(s.t, "prometheus scrapes "+address, func() (bool, any) {
		v, err := s.query(`up{instance="` + address + `"}`)
		return err == nil && v == 1, err
	})
}

// allow says up to which exposure a flag may be seen from now on.
func (s *stack) allow(flag string, most rampart.Percent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ceiling[flag] = most
}

func (s *stack) allowed(flag string) rampart.Percent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ceiling[flag]
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
