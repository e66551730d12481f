package relay_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/relay"
)

func TestRelayThatStartsWhileTheStoreIsAwayHandsOnWhatTheLastOneKnew(t *testing.T) {
	s := newStand(t)
	s.config.Bootstrap = filepath.Join(t.TempDir(), "relay.json")
	s.write(checkout(1, rampart.Full))
	dead := checkout(1, rampart.Full)
	dead.Name = "dead"
	s.write(dead)
	leased := checkout(1, rampart.Full)
	leased.Name = "leased"
	s.write(leased, func(w *flagstore.Write) { w.Lease = 6 * time.Second })
	_, err := s.store.Kill(t.Context(), "dead", "ann@example.com", "fire")
	require.NoError(t, err)
	first := s.process()
	before := s.read(func(o *client.Options) { o.StaleAfter = time.Second })
	require.True(t, before.On("leased", ann))
	eventually(t, "the state is kept, and its lease", func() bool {
		text, _ := os.ReadFile(s.config.Bootstrap)
		return strings.Contains(string(text), `k:dead`) && strings.Contains(string(text), `"terms":[{"flag":"leased"`)
	})
	kill(first)
	s.redis.Freeze()
	eventually(t, "the lease ends", func() bool { return before.Decide("leased", ann).Reason == rampart.ReasonLeaseEnded })

	s.process()
	late := s.read(func(o *client.Options) { o.StaleAfter = time.Second })
	require.True(t, late.On("checkout-v2", ann))
	require.Equal(t, rampart.ReasonKilled, late.Decide("dead", ann).Reason)
	require.Equal(t, rampart.ReasonLeaseEnded, late.Decide("leased", ann).Reason, "it does not begin anew")
	require.Equal(t, client.Stale, late.Status().State, "it knows how old that is")
	_, _, err = s.feed().Revision(t.Context())
	require.ErrorContains(t, err, "has not heard of the store")

	s.redis.Thaw()
	_, err = s.store.Kill(t.Context(), "checkout-v2", "ann@example.com", "fire")
	require.NoError(t, err)
	for _, c := range []*client.Client{before, late} {
		eventually(t, "they are current again", func() bool {
			return c.Status().State == client.Current && c.Decide("checkout-v2", ann).Reason == rampart.ReasonKilled
		})
	}
}

// A file that was written yesterday is no reason to do without a relay.
func TestBootstrapFileThatCannotBeUsedIsNot(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": "{", "of another environment": `{"format":1,"environment":"staging"}`, "of a later format": `{"format":2,"environment":"production"}`,
		"without a state": `{"format":1,"environment":"production"}`,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "relay.json")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			r, err := relay.Open(t.Context(), relay.Options{
				Store: flagstore.Options{URL: "redis://127.0.0.1:1", Environment: production}, Bootstrap: file, Log: zap.NewNop(),
			})
			require.NoError(t, err)
			require.Equal(t, client.Starting, r.Status().State)
			require.NoError(t, r.Close())
			kept, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, text, string(kept), "nothing is known that would be better")
		})
	}
}
