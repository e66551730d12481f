package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReady(t *testing.T) {
	answers := map[string]struct {
		status int
		body   string
	}{
		"/readyz": {http.StatusOK, `{"ready": true}`},
		"/ui":     {http.StatusFound, ""},
		"/starting": {http.StatusServiceUnavailable,
			`{"state": "starting", "parts": {"store": {"needed": true, "error": "Redis does not answer"}, "temporal": {"needed": true, "ok": true}, "prometheus": {}}}`},
		"/broken": {http.StatusInternalServerError, "oh no"},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(answers[r.URL.Path].status)
		_, _ = io.WriteString(w, answers[r.URL.Path].body)
	}))
	t.Cleanup(srv.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")

	for _, c := range []struct {
		name   string
		listen string
		args   []string
		code   int
		says   string
	}{
		{name: "the worker of this machine, at its address", listen: "127.0.0.1:" + port},
		{name: "one that listens everywhere is asked on loopback", listen: ":" + port},
		{name: "so is one that says so with zeros", listen: "0.0.0.0:" + port},
		{name: "an address of one's own", args: []string{srv.URL + "/readyz"}},
		{name: "a redirection is an answer, and is not followed", args: []string{srv.URL + "/ui"}},
		{name: "a worker that is not ready says what is missing", args: []string{srv.URL + "/starting"}, code: exitUnreachable,
			says: "503 Service Unavailable: starting; store: Redis does not answer"},
		{name: "any other bad answer is one", args: []string{srv.URL + "/broken"}, code: exitUnreachable, says: "500"},
		{name: "nobody answers", args: []string{"http://127.0.0.1:1/"}, code: exitUnreachable, says: "nobody answers"},
		{name: "no address", args: []string{"localhost"}, code: exitInvalid, says: "is no address to ask"},
		{name: "a port that only the worker knows", listen: "127.0.0.1:0", code: exitInvalid, says: "does not say where"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("RAMPART_LISTEN", c.listen)
			var said strings.Builder
			code := run(t.Context(), append([]string{"ready"}, c.args...), streams{strings.NewReader(""), &said, &said})
			require.Equal(t, c.code, code, said.String())
			require.Contains(t, said.String(), c.says)
		})
	}
}
