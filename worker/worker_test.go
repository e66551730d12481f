package worker_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/temporaltest"
	"github.com/rampart-dev/rampart/starter"
	"github.com/rampart-dev/rampart/worker"
)

func TestWorkerBecomesReadyExportsMetricsAndStopsInOrder(t *testing.T) {
	s := newSite(t).setup()
	w := s.work().awaitReady()

	status, body := w.get("/healthz")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ok\n", body)
	_, r := w.readiness()
	require.Equal(t, s.config.Parts.Environment, r.Environment)
	require.Equal(t, "working", r.State)
	require.Len(t, r.Parts, 3)

	var metrics string
	require.Eventually(t, func() bool { // the sweep is the first to be worked on
		_, metrics = w.get("/metrics")
		return len(s.logged.FilterMessage("working").All()) == 1 && containsAll(metrics,
			"go_goroutines ", "process_start_time_seconds ", "rampart_look_lateness_seconds_count ",
			`rampart_last_sweep_timestamp_seconds{environment="`+r.Environment+`"}`,
			`rampart_worker_info{build="",deployment="",environment="`+r.Environment+`",version=""} 1`,
			`rampart_launches{environment="`+r.Environment+`",state="held"} 0`,
			`rampart_readers{environment="`+r.Environment+`"} 0`, `rampart_readers_behind{environment="`+r.Environment+`"} 0`,
			`temporal_request_latency_seconds_bucket{`, `temporal_num_pollers{`, `task_queue="gates/`+r.Environment+`"`,
			`temporal_worker_start_total{`)
	}, patience, tick, "%s", &metrics)

	require.NoError(t, w.stop())
	require.NoFileExists(t, s.config.AddressFile)
	require.Equal(t, 1, s.logged.FilterMessage("stopped").Len())
}

func TestLaunchIsWalkedByAWorker(t *testing.T) {
	s := newSite(t).setup()
	s.config.Notify = []string{"dev=log:"}
	s.work().awaitReady()
	started, err := s.starter.Start(t.Context(), starter.Launching{Plan: s.plan("dev", "nowhere"), By: "rita"})
	require.NoError(t, err)
	require.Equal(t, rampart.LaunchID(s.config.Parts.Environment, "checkout-v2"), started.Workflow)
	require.Eventually(t, func() bool {
		p, err := s.starter.Progress(t.Context(), "checkout-v2")
		return err == nil && p.State == rampart.Watching && p.Exposure == 1000
	}, patience, tick)

	out, err := s.starter.Wait(t.Context(), "checkout-v2")
	require.NoError(t, err)
	require.Equal(t, rampart.Launched, out.State)
	require.Positive(t, s.logged.FilterMessage("notice").Len())

	failed := s.logged.FilterMessage("activity failed").All()
	require.NotEmpty(t, failed, "a channel that is not there is a failure")
	fields := failed[0].ContextMap()
	require.Equal(t, "Notify", fields["activity"])
	require.Equal(t, started.Workflow, fields["workflow"])
	require.Contains(t, fields["error"], "knows no channel nowhere")
	for _, f := range failed {
		require.NotEqual(t, "Watch", f.ContextMap()["activity"], "a benign failure is none")
	}
}

func TestAttemptUnderWayIsFinishedAtAStop(t *testing.T) {
	s := newSite(t).setup()
	asked, answer := make(chan struct{}, 100), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("query") == "errors" { // and not a question of readiness
			asked <- struct{}{}
			<-answer
		}
		s.prometheus.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	s.config.Prometheus.Address = slow.URL
	w := s.work().awaitReady()
	_, err := s.starter.Start(t.Context(), starter.Launching{Plan: s.plan(), By: "rita"})
	require.NoError(t, err)

	<-asked // a look is under way
	w.cancel()
	w.await("draining", func(status int, r report) bool {
		return status == http.StatusServiceUnavailable && r.State == "draining"
	})
	close(answer)
	<-w.done
	require.NoError(t, w.err)
	_, evidence, err := s.starter.Store.Evidence(t.Context(), "checkout-v2", s.run())
	require.NoError(t, err)
	require.NotEmpty(t, evidence, "the look was finished, and remembered")
	require.Zero(t, s.logged.FilterMessage("activity failed").Len())
}

func TestStoreOfAnotherPairIsRefused(t *testing.T) {
	s := newSite(t).setup()
	for _, c := range []struct {
		name   string
		change func(*starter.Options)
		kind   rampart.Kind
		says   error
		hint   string
	}{
		{"another Temporal namespace", func(o *starter.Options) { o.Namespace = "other" }, rampart.Refused, flagstore.ErrForeign, "another --env"},
		{"an environment that was never set up", func(o *starter.Options) { o.Environment = "elsewhere" }, rampart.Refused, flagstore.ErrNotSetUp, "rampart setup"},
		{"a namespace that is not there", func(o *starter.Options) { o.Namespace = "nowhere" }, rampart.NotFound, nil, "--namespace"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := s.config
			c.change(&config.Parts)
			err := worker.Run(t.Context(), config)
			require.Error(t, err)
			require.Equal(t, c.kind, rampart.KindOf(err))
			require.Contains(t, rampart.HintOf(err), c.hint)
			if c.says != nil {
				require.ErrorIs(t, err, c.says)
			}
		})
	}
}

func TestPartThatIsAwayAtTheStartIsWaitedForAndThenNamed(t *testing.T) {
	s := newSite(t).setup()
	t.Run("it is back in time", func(t *testing.T) {
		s.redis.Freeze()
		w := s.work()
		w.await("starting without a store", func(status int, r report) bool {
			return status == http.StatusServiceUnavailable && r.State == "starting" && !r.Parts["store"].OK && r.Parts["temporal"].OK
		})
		s.redis.Thaw()
		w.awaitReady()
		require.NoError(t, w.stop())
	})
	t.Run("the store is not", func(t *testing.T) {
		s.redis.Stop()
		config := s.config
		config.StartTimeout = 300 * time.Millisecond
		err := worker.Run(t.Context(), config)
		require.Equal(t, rampart.Unreachable, rampart.KindOf(err))
		require.ErrorContains(t, err, s.redis.Addr())
		require.NotEmpty(t, rampart.HintOf(err))
	})
	t.Run("Temporal is not", func(t *testing.T) {
		config := s.config
		config.StartTimeout = 300 * time.Millisecond
		config.Parts.Temporal = s.redis.Addr() // nobody is there
		err := worker.Run(t.Context(), config)
		require.Equal(t, rampart.Unreachable, rampart.KindOf(err))
		require.ErrorContains(t, err, s.redis.Addr())
		require.Contains(t, rampart.HintOf(err), "RAMPART_TEMPORAL_ADDRESS")
	})
}

func TestWorkerThatIsToldToStopWhileItWaitsIsDone(t *testing.T) {
	s := newSite(t)
	s.redis.Stop()
	w := s.work()
	w.await("waiting", func(_ int, r report) bool { return r.State == "starting" })
	require.NoError(t, w.stop())
}

func TestWorkerOutlivesItsParts(t *testing.T) {
	s := newSite(t)
	s.temporal = temporaltest.Start(t)
	s.config.Parts.Temporal = s.temporal.Address()
	s.setup()
	w := s.work().awaitReady()

	s.prometheus.Close()
	w.await("blind", func(status int, r report) bool {
		return status == http.StatusOK && !r.Parts["prometheus"].OK
	})
	s.redis.Freeze()
	w.await("without a store", func(status int, r report) bool {
		return status == http.StatusServiceUnavailable && !r.Parts["store"].OK && r.Parts["temporal"].OK
	})
	s.redis.Thaw()
	w.awaitReady()
	s.temporal.Kill()
	w.await("without Temporal", func(status int, r report) bool {
		return status == http.StatusServiceUnavailable && !r.Parts["temporal"].OK && r.Parts["store"].OK
	})
	s.temporal.Restart()
	w.awaitReady()
	require.NoError(t, w.stop())
}

func TestWorkerThatFindsItsStoreEmptyRestoresIt(t *testing.T) {
	s := newSite(t).setup()
	w := s.work().awaitReady()
	_, err := s.starter.Register(t.Context(), rampart.FlagChange{By: "rita", Flag: rampart.Plan{
		Flag: "checkout-v2", Owner: "team-payments", Purpose: "Come back",
	}.WithDefaults().NewFlag()})
	require.NoError(t, err)
	require.NoError(t, w.stop())

	s.redis.Restart() // empty
	s.work().awaitReady()

	entry, err := s.starter.Store.Get(t.Context(), "checkout-v2")
	require.NoError(t, err)
	require.Equal(t, "team-payments", entry.Flag.Owner)
}

func TestTemporalThatIsAnotherOneThanBeforeEndsTheWork(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*temporaltest.Server)
		kind   rampart.Kind
		says   string
	}{
		{"its namespace is gone", func(srv *temporaltest.Server) {
			_, err := srv.Client("default").OperatorService().DeleteNamespace(t.Context(), &operatorservice.DeleteNamespaceRequest{Namespace: "changing"})
			require.NoError(t, err)
		}, rampart.NotFound, "has no namespace changing"},
		{"it was replaced by an empty one", (*temporaltest.Server).Replace, rampart.Refused, "namespace changing has another id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.temporal = temporaltest.Start(t, "--namespace", "changing")
			s.config.Parts.Temporal, s.config.Parts.Namespace = s.temporal.Address(), "changing"
			s.config.Parts.Environment = "changing"
			s.config.SweepEvery = 50 * time.Millisecond
			s.config.StopTimeout = time.Second
			s.setup()
			w := s.work().awaitReady()
			c.change(s.temporal)
			<-w.done
			require.ErrorContains(t, w.err, "the worker cannot go on")
			require.ErrorContains(t, w.err, c.says)
			require.Equal(t, c.kind, rampart.KindOf(w.err))
		})
	}
}

func TestAddressThatIsTakenIsNamed(t *testing.T) {
	s := newSite(t).setup()
	s.config.Listen = s.redis.Addr()
	err := worker.Run(t.Context(), s.config)
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
	require.ErrorContains(t, err, s.redis.Addr())
	require.Contains(t, rampart.HintOf(err), "--listen")
	_, statErr := os.Stat(s.config.AddressFile)
	require.ErrorIs(t, statErr, os.ErrNotExist)
}
