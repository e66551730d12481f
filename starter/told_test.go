package starter_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/internal/temporaltest"
	"github.com/rampart-dev/rampart/starter"
)

func dial(t *testing.T, o starter.Options) *starter.Starter {
	t.Helper()
	s, err := starter.Dial(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// verbs are all that asks something of a launch or of a flag.
func verbs(s *starter.Starter) map[string]func(context.Context) error {
	a := rampart.Ask{By: "ann", Reason: "because"}
	return map[string]func(context.Context) error{
		"progress": func(ctx context.Context) error { _, err := s.Progress(ctx, "checkout-v2"); return err },
		"pause":    func(ctx context.Context) error { _, err := s.Pause(ctx, "checkout-v2", a); return err },
		"advance":  func(ctx context.Context) error { _, err := s.Advance(ctx, "checkout-v2", a); return err },
		"approve": func(ctx context.Context) error {
			_, err := s.Approve(ctx, "checkout-v2", rampart.Approval{Phase: rampart.Debug, By: "ann"})
			return err
		},
		"disable": func(ctx context.Context) error { _, err := s.Disable(ctx, "checkout-v2", a); return err },
		"list":    func(ctx context.Context) error { _, err := s.List(ctx, starter.Listing{}); return err },
	}
}

func TestATemporalThatIsAwayIsToldWithItsAddress(t *testing.T) {
	at := closedPort(t)
	s := dial(t, starter.Options{Temporal: at, Redis: redistest.Start(t).URL()})
	for name, do := range verbs(s) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := do(t.Context())
			require.Equal(t, rampart.Unreachable, rampart.KindOf(err), "%v", err)
			require.ErrorContains(t, err, "Temporal at "+at+" does not answer")
			require.Contains(t, rampart.HintOf(err), "--temporal")
		})
	}
}

func TestWhatIsNotThereIsToldAsNotFound(t *testing.T) {
	s := dial(t, starter.Options{Temporal: temporaltest.Shared(t).Address(), Environment: "empty", Redis: redistest.Start(t).URL()})
	_, err := s.Setup(t.Context())
	require.NoError(t, err)
	for name, do := range verbs(s) {
		if name == "list" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			err := do(t.Context())
			require.Equal(t, rampart.NotFound, rampart.KindOf(err), "%v", err)
			require.NotEmpty(t, rampart.HintOf(err))
		})
	}
	open, err := s.Open(t.Context(), "launch/empty/checkout-v2")
	require.NoError(t, err)
	require.False(t, open)
}

func TestAKillNeedsNoTemporal(t *testing.T) {
	redis := redistest.Start(t)
	s := dial(t, starter.Options{Temporal: closedPort(t), Redis: redis.URL()})
	_, err := s.Kill(t.Context(), "checkout-v2", "oncall", "fire", time.Millisecond) // a store that was never set up
	require.NoError(t, err)
	k, found, err := s.Store.Killed(t.Context(), "checkout-v2")
	require.NoError(t, err)
	require.True(t, found && k.Killed)
}

func TestLinksLeadToTemporalUI(t *testing.T) {
	s := &starter.Starter{UI: "http://localhost:8233/", Space: "default"}
	require.Equal(t, "http://localhost:8233/namespaces/default/workflows/launch%2Fproduction%2Fcheckout-v2", s.URL("launch/production/checkout-v2", ""))
	require.Equal(t, "http://localhost:8233/namespaces/default/workflows/flag%2Fproduction%2Fx/r/history", s.URL("flag/production/x", "r"))
	require.Empty(t, (&starter.Starter{}).URL("launch/production/x", ""))
}

func TestAListIsAskedForByNamesOnly(t *testing.T) {
	s := dial(t, starter.Options{Temporal: closedPort(t), Redis: redistest.Start(t).URL()})
	for _, l := range []starter.Listing{{Flag: "x' OR 'a'='a"}, {State: "x' OR 'a'='a"}} {
		_, err := s.List(t.Context(), l)
		require.Equal(t, rampart.Invalid, rampart.KindOf(err), "%v", err)
	}
}
