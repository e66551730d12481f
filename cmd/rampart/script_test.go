package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/internal/temporaltest"
)

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"rampart": main})
}

// tests runs the tests beside a Temporal that they share.
type tests struct{ m *testing.M }

// Run implements testscript.TestingM.
func (t tests) Run() int { return temporaltest.Run(t.m) }

// TestScripts runs the scripts of testdata/script, which tell what the commands do.
// Each has a Redis of its own, with the flags of seed; nothing listens on $NOWHERE.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			redis := redistest.Start(t)
			seed(t, redis)
			runScript(t, file, map[string]string{
				"RAMPART_REDIS": redis.URL(), "RAMPART_TEMPORAL_ADDRESS": nowhere(t), "RAMPART_ENV": "production",
			})
		})
	}
}

func runScript(t *testing.T, file string, env map[string]string) {
	testscript.Run(t, testscript.Params{
		Files:         []string{file},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds:          commands,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			e.Setenv("RAMPART_USER", "ann")
			e.Setenv("NOWHERE", nowhere(t))
			for name, value := range env {
				e.Setenv(name, value)
			}
			return nil
		},
	})
}

// commands are what scripts can do beside the commands of testscript.
var commands = map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "until": until, "outside": outside}

// exits is the command "exits CODE PROGRAM ARGS...": the program must end with that
// code, and unless it waits for something else, within seconds.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, not %d", got, want)
	}
}

// nowhere returns an address on which nothing listens.
func nowhere(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// seed fills a store as launches and people leave it: checkout-v2 is ramping,
// search-timeout was set by hand, and old-menu is killed.
func seed(t *testing.T, redis *redistest.Server) {
	t.Helper()
	ctx := context.Background()
	s, err := flagstore.Open(flagstore.Options{URL: redis.URL(), Environment: "production"})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Setup(ctx, "a-namespace"))
	_, err = s.PutSegment(ctx, rampart.Segment{Name: "internal", Purpose: "Our own people", Keys: []string{"u7"}}, "ann", "")
	require.NoError(t, err)
	for _, f := range []rampart.Flag{
		{Name: "checkout-v2", Exposure: 1000, Purpose: "One-page checkout", Owner: "team-payments", Type: rampart.Release,
			Lifecycle: rampart.Ramping, Phase: rampart.Debug, Launch: rampart.LaunchID("production", "checkout-v2"),
			Include: []rampart.Rule{{Segment: "internal"}}, Where: []rampart.Rule{{Attribute: "region", In: []string{"eu-west-1"}}}},
		{Name: "search-timeout", Exposure: rampart.Full, Off: []byte("500"), On: []byte("250"), Owner: "team-search",
			Purpose: "A shorter timeout", Type: rampart.Operations, Lifecycle: rampart.Created},
		{Name: "old-menu", Exposure: rampart.Full, Owner: "team-web", Purpose: "The menu of 2025", Type: rampart.Release, Lifecycle: rampart.Released},
	} {
		put(t, s, f)
	}
	_, err = s.Kill(ctx, "old-menu", "bob@example.com", "it covers the cart")
	require.NoError(t, err)
	for _, p := range course("checkout-v2").Points {
		require.NoError(t, s.PutLook(ctx, "checkout-v2", "run-1", []byte("{}"), p))
	}
}

func put(t *testing.T, s *flagstore.Store, f rampart.Flag) {
	t.Helper()
	f.Salt, f.HashVersion, f.Unit = f.Name, rampart.HashVersion, rampart.User
	if f.Off == nil {
		f.Off, f.On = []byte("false"), []byte("true")
	}
	owner := f.Launch
	if owner == "" {
		owner = rampart.FlagID("production", f.Name)
	}
	now := time.Now().UnixMilli()
	_, err := s.Put(context.Background(), flagstore.Write{
		Flag: f, Pen: rampart.Pen{Owner: owner, Fence: now}, Verb: "expose", By: "ann@example.com", Reason: "seeded",
	})
	require.NoError(t, err)
}
