package worker_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

// TestNothingThatAWorkerSaysHoldsASecret gives the worker a secret wherever it
// takes one, has every part fail, and reads all that it says.
func TestNothingThatAWorkerSaysHoldsASecret(t *testing.T) {
	const secret = "t0ps3cret"
	s := newSite(t, "--requirepass", secret)
	s.config.Parts.RedisPassword = secret
	s.config.Prometheus.Username, s.config.Prometheus.Password = "rampart", secret
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no: "+r.URL.String(), http.StatusInternalServerError)
	}))
	t.Cleanup(failing.Close)
	host := strings.TrimPrefix(failing.URL, "http://")
	s.config.Notify = []string{
		"hook=webhook+http://" + host + "/" + secret + "?secret-file=" + secretFile(t),
		"chat=generic://" + host + "/" + secret + "?disabletls=yes",
	}
	s.setup()
	w := s.work().awaitReady()
	_, err := s.starter.Start(t.Context(), starter.Launching{By: "rita", Plan: s.plan("hook", "chat")})
	require.NoError(t, err)
	s.prometheus.Close()
	require.Eventually(t, func() bool {
		failed := map[any]bool{}
		for _, e := range s.logged.FilterMessage("activity failed").All() {
			text, _ := e.ContextMap()["error"].(string)
			failed["hook"] = failed["hook"] || strings.Contains(text, "the webhook hook answers")
			failed["chat"] = failed["chat"] || strings.Contains(text, "the channel chat did not take")
		}
		return failed["hook"] && failed["chat"]
	}, patience, tick)
	require.Eventually(t, func() bool {
		p, err := s.starter.Progress(t.Context(), "checkout-v2")
		return err == nil && p.Verdict != nil && p.Verdict.Word == rampart.Blind
	}, patience, tick)
	s.redis.Freeze()
	w.await("without a store", func(status int, r report) bool { return status == http.StatusServiceUnavailable })
	s.redis.Thaw()

	for _, path := range []string{"/readyz", "/metrics", "/healthz"} {
		_, body := w.get(path)
		require.NotContains(t, body, secret)
	}
	history := s.starter.Temporal.GetWorkflowHistory(t.Context(), rampart.LaunchID(s.config.Parts.Environment, "checkout-v2"), "", false, 0)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(t, err)
		require.NotContains(t, event.String(), secret)
	}
	require.NoError(t, w.stop())
	require.Positive(t, s.logged.Len())
	for _, e := range s.logged.All() {
		fields, err := json.Marshal(e.ContextMap())
		require.NoError(t, err)
		require.NotContains(t, e.Message+string(fields), secret)
	}
}
