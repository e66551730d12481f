package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/promtest"
	"github.com/rampart-dev/rampart/internal/redistest"
)

// TestTelemetryOfARealService checks what a service with the client really exports,
// which has nothing that anybody could be told of.
func TestTelemetryOfARealService(t *testing.T) {
	redis := redistest.Start(t)
	store, err := flagstore.Open(flagstore.Options{URL: redis.URL(), Environment: "production"})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	require.NoError(t, store.Setup(t.Context(), "a-namespace"))
	put(t, store, rampart.Flag{Name: "checkout-v2", Exposure: 5000, Phase: rampart.MaxPowerRamp, Launch: rampart.LaunchID("production", "checkout-v2")})

	registry := prometheus.NewRegistry()
	flags, err := client.Open(t.Context(), client.Options{Redis: redis.URL(), Environment: "production", Registerer: registry, Wait: patience})
	require.NoError(t, err)
	defer func() { require.NoError(t, flags.Close()) }()
	exporter := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer exporter.Close()
	srv := promtest.StartConfig(t, promtest.Config{
		Interval: 200 * time.Millisecond, Targets: []promtest.Target{{Address: strings.TrimPrefix(exporter.URL, "http://")}},
	})

	checkout, users := flags.Flag("checkout-v2"), 0
	subject := func(*http.Request) rampart.Subject {
		users++
		return rampart.Subject{Key: "user-" + string(rune('a'+users%26)) + string(rune('a'+users/26%26))}
	}
	shop := client.Middleware(flags, subject)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { checkout.OnContext(r.Context()) }))
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	require.NoError(t, os.WriteFile(plan, []byte("flag: checkout-v2\nowner: team-payments\npurpose: One page\nevery: 1s\n"), 0o600))

	scraped := regexp.MustCompile(`(?m)^rampart_requests_total +errors, overall +\d+ +1 +100 % +\d+s +\d+s +off on +20 on 20 off +0$`)
	var said bytes.Buffer
	check := func(args ...string) int {
		said.Reset()
		return run(t.Context(), append([]string{"telemetry", "check", "--plan", plan, "--against", srv.URL(), "--scrape-interval", "1s"}, args...), streams{out: &said, err: &said})
	}
	require.Eventually(t, func() bool {
		for range 200 {
			shop.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		}
		return check("--strict") == exitDone && scraped.MatchString(said.String())
	}, time.Minute, 50*time.Millisecond, "%s", &said)

	exporter.Close()
	require.Eventually(t, func() bool { return check() == exitRefused }, time.Minute, 50*time.Millisecond, "%s", &said)
	require.Contains(t, said.String(), "problem: rampart_requests_total at 127.0.0.1:")

	srv.Stop()
	require.Equal(t, exitUnreachable, check())
}
