package worker_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/internal/temporaltest"
	"github.com/rampart-dev/rampart/starter"
	"github.com/rampart-dev/rampart/worker"
)

func TestMain(m *testing.M) {
	flagstore.SilenceDriver()
	os.Exit(temporaltest.Run(m, "--namespace", "other"))
}

const (
	patience = 30 * time.Second // for what a loaded machine does slowly
	tick     = 20 * time.Millisecond
)

// site is where workers of one test work: an environment of its own in the shared
// Temporal, a Redis and a Prometheus of its own.
type site struct {
	t          *testing.T
	temporal   *temporaltest.Server
	redis      *redistest.Server
	prometheus *httptest.Server
	config     worker.Config
	starter    *starter.Starter
	logged     *observer.ObservedLogs
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// environment returns a name that no other test has used, nor an earlier run of
// this one: the shared Temporal remembers.
func environment(t *testing.T) string {
	return notInNames.ReplaceAllString(strings.ToLower(t.Name()), "-") + "-" + strings.ToLower(rand.Text()[:6])
}

func newSite(t *testing.T, redisArgs ...string) *site {
	t.Helper()
	s := &site{t: t, temporal: temporaltest.Shared(t), redis: redistest.Start(t, redisArgs...), prometheus: metricsProvider(t)}
	core, logged := observer.New(zap.DebugLevel)
	s.logged = logged
	s.config = worker.Config{
		Parts: starter.Options{
			Environment: environment(t),
			Temporal:    s.temporal.Address(), Redis: s.redis.URL(),
		},
		Prometheus:  gates.PrometheusOptions{Address: s.prometheus.URL},
		ScrapeLag:   time.Millisecond,
		SweepEvery:  time.Second,
		Listen:      "127.0.0.1:0",
		AddressFile: filepath.Join(t.TempDir(), "address"),
		Log:         zap.New(core),
	}
	return s
}

// metricsProvider answers every query with 0, which is within every bound that is used here.
func metricsProvider(t *testing.T) *httptest.Server {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0"]}]}}`)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// setup makes the environment ready, and returns the site for chaining.
func (s *site) setup() *site {
	s.t.Helper()
	s.dial()
	_, err := s.starter.Setup(s.t.Context())
	require.NoError(s.t, err)
	return s
}

func (s *site) dial() {
	s.t.Helper()
	var err error
	s.starter, err = starter.Dial(s.config.Parts)
	require.NoError(s.t, err)
	s.starter.Patience = patience
	s.t.Cleanup(func() { _ = s.starter.Close() })
}

// plan is a launch of two holds, of two seconds each.
func (s *site) plan(notify ...string) rampart.Plan {
	return rampart.Plan{
		Flag: "checkout-v2", Owner: "team-payments", Purpose: "See a worker work", Environment: s.config.Parts.Environment,
		RetireBy: "2099-12-31", Every: rampart.Duration(time.Second), Notify: notify,
		Gates: []rampart.Gate{{Name: "errors", Threshold: &rampart.Threshold{Query: "errors", Max: new(float64)}}},
		Stages: []rampart.Stage{{
			Phase: rampart.Debug, Steps: []rampart.Step{{Percent: 1000, Hold: rampart.Duration(2 * time.Second)}},
		}},
		Finish: &rampart.Finish{Percent: rampart.Full, Bake: rampart.Duration(2 * time.Second)},
	}
}

// run returns the run of the launch, which Temporal knows without a worker.
func (s *site) run() string {
	s.t.Helper()
	d, err := s.starter.Temporal.DescribeWorkflowExecution(s.t.Context(), rampart.LaunchID(s.config.Parts.Environment, "checkout-v2"), "")
	require.NoError(s.t, err)
	return d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}

// running is a worker at work.
type running struct {
	t       *testing.T
	address string
	cancel  context.CancelFunc
	done    chan struct{}
	err     error // once done is closed
}

// work starts a worker and waits until it listens.
func (s *site) work() *running {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &running{t: s.t, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.err = worker.Run(ctx, s.config)
	}()
	s.t.Cleanup(func() { cancel(); <-w.done })
	require.Eventually(s.t, func() bool {
		b, err := os.ReadFile(s.config.AddressFile)
		w.address = strings.TrimSpace(string(b))
		return err == nil
	}, patience, tick)
	return w
}

// stop tells the worker to stop and returns what Run returned.
func (w *running) stop() error {
	w.cancel()
	<-w.done
	return w.err
}

// get returns what the worker answers on a path.
func (w *running) get(path string) (status int, body string) {
	resp, err := http.Get("http://" + w.address + path)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return resp.StatusCode, string(b)
}

type report struct {
	Ready       bool
	Environment string
	State       string
	Parts       map[string]struct {
		OK    bool
		Error string
		Hint  string
	}
}

func (w *running) readiness() (int, report) {
	var r report
	status, body := w.get("/readyz")
	_ = json.Unmarshal([]byte(body), &r)
	return status, r
}

// awaitReady waits until the worker is ready.
func (w *running) awaitReady() *running {
	w.t.Helper()
	w.await("ready", func(status int, r report) bool { return status == http.StatusOK && r.Ready })
	return w
}

func (w *running) await(what string, is func(status int, r report) bool) {
	w.t.Helper()
	var last string
	require.Eventually(w.t, func() bool {
		select {
		case <-w.done:
			return true
		default:
		}
		status, r := w.readiness()
		last = fmt.Sprintf("%d %+v", status, r)
		return is(status, r)
	}, patience, tick, "not %s: %s", what, &last)
	select {
	case <-w.done:
		require.NoError(w.t, w.err, "the worker ended before it was %s", what)
	default:
	}
}

// secretFile returns a file with a webhook's secret.
func secretFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlISE=\n"), 0o600))
	return file
}

func containsAll(text string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}
