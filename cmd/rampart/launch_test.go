package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/promtest"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/internal/temporaltest"
	"github.com/rampart-dev/rampart/starter"
	"github.com/rampart-dev/rampart/worker"
)

const (
	patience = 40 * time.Second // for what a loaded machine does slowly
	tick     = 50 * time.Millisecond
)

// TestLaunches runs the scripts of testdata/launch on real parts. Each has an
// environment of its own, which has the name of the script.
func TestLaunches(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "launch", "*.txtar"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	temporal, prometheus := temporaltest.Shared(t), promtest.Start(t)
	for _, file := range files {
		environment := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(environment, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t)
			work(t, environment, temporal, redis, prometheus)
			runScript(t, file, map[string]string{
				"RAMPART_REDIS": redis.URL(), "RAMPART_TEMPORAL_ADDRESS": temporal.Address(), "RAMPART_ENV": environment,
				"RAMPART_UI": "http://ui.example.com", "PROMETHEUS": prometheus.URL(),
			})
		})
	}
}

// work sets an environment up and runs a worker for it until the test is over.
func work(t *testing.T, environment string, temporal *temporaltest.Server, redis *redistest.Server, prometheus *promtest.Server) starter.Options {
	t.Helper()
	parts := starter.Options{Environment: environment, Temporal: temporal.Address(), Redis: redis.URL()}
	s, err := starter.Dial(parts)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Setup(context.Background())
	require.NoError(t, err)

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- worker.Run(ctx, worker.Config{
			Parts: parts, Prometheus: gates.PrometheusOptions{Address: prometheus.URL()}, Listen: "127.0.0.1:0", Log: zap.NewNop(),
		})
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return parts
}

// until is the command "until PATTERN PROGRAM ARGS...": it runs the program again
// and again until its output matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN PROGRAM ARGS...")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	for end := time.Now().Add(patience); ; {
		err := ts.Exec(args[1], args[2:]...)
		if out := ts.ReadFile("stdout"); pattern.MatchString(out) {
			return
		} else if time.Now().After(end) {
			ts.Fatalf("no match for %s after %s (%v) in\n%s", args[0], patience, err, out)
		}
		<-time.After(tick)
	}
}

// outside is the command "outside cancel|terminate FLAG": what somebody does to a
// launch past Rampart, in Temporal itself.
func outside(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: outside cancel|terminate FLAG")
	}
	c, err := client.Dial(client.Options{HostPort: ts.Getenv("RAMPART_TEMPORAL_ADDRESS")})
	ts.Check(err)
	defer c.Close()
	id := rampart.LaunchID(ts.Getenv("RAMPART_ENV"), args[1])
	switch args[0] {
	case "cancel":
		ts.Check(c.CancelWorkflow(context.Background(), id, ""))
	case "terminate":
		ts.Check(c.TerminateWorkflow(context.Background(), id, "", "by hand"))
	}
}

func TestWatchGoesOnWhileTemporalIsAway(t *testing.T) {
	temporal, redis, prometheus := temporaltest.Start(t), redistest.Start(t), promtest.Start(t)
	work(t, "away", temporal, redis, prometheus)
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	require.NoError(t, os.WriteFile(plan, []byte(`
flag: checkout-v2
owner: team-payments
purpose: One-page checkout
environment: away
retireBy: 2027-03-31
every: 1s
gates: [{name: load, threshold: {query: vector(3), max: 50}}]
stages: [{phase: debug, steps: [{percent: 10, hold: 1h}]}]
`), 0o600))
	where := []string{"--env", "away", "--temporal", temporal.Address(), "--redis", redis.URL()}
	require.Zero(t, run(context.Background(), append(where, "start", plan, "--as", "ann"), streams{nil, io.Discard, io.Discard}))

	var out buffer
	ctx, stop := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() { code <- run(ctx, append(where, "watch", "checkout-v2"), streams{nil, &out, &out}) }()
	says := func(text string) {
		t.Helper()
		if !assert.Eventually(t, func() bool { return strings.Contains(out.String(), text) }, patience, tick) {
			require.FailNow(t, "watch does not say: "+text, out.String())
		}
	}
	says("debug: 10 %")
	temporal.Kill()
	says("does not answer")
	says("the launch goes on without us, trying again")
	temporal.Restart()
	says("answered again")
	stop()
	require.Equal(t, exitInterrupted, <-code)
	says("interrupted")
}

func TestWorkersThatAreMissingAreToldFromATemporalThatIs(t *testing.T) {
	t.Parallel()
	temporal, redis := temporaltest.Shared(t), redistest.Start(t)
	var out buffer
	rampart := func(args ...string) int {
		where := []string{"--env", "nobody", "--temporal", temporal.Address(), "--redis", redis.URL()}
		return run(context.Background(), append(where, args...), streams{nil, &out, &out})
	}
	require.Zero(t, rampart("setup"), out.String())
	require.Equal(t, exitUnreachable, rampart("flag", "create", "x", "--owner", "me", "--purpose", "none"))
	require.Contains(t, out.String(), "error: no worker answers for nobody")
	require.Contains(t, out.String(), "nobody works on the queue launches/nobody: start one with rampart worker --env nobody")
}

// buffer is a bytes.Buffer that one writes while another reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
