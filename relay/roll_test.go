package relay_test

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/relay"
)

// serve relays in this process, and returns what is logged.
func (s *stand) serve() *observer.ObservedLogs {
	s.t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	r, err := relay.Open(s.t.Context(), relay.Options{Store: s.config.Store, Log: zap.New(core)})
	require.NoError(s.t, err)
	server := httptest.NewServer(r)
	s.t.Cleanup(func() {
		r.Stop()
		server.Close()
		require.NoError(s.t, r.Close())
	})
	s.config.Listen = server.URL
	return logs
}

func TestStoreThatCannotBeToldOfReadersIsLoggedOnce(t *testing.T) {
	s := newStand(t)
	s.write(checkout(1, rampart.Full))
	logs := s.serve()
	feed := s.feed()
	revision := int64(0)
	confirm := func() {
		revision++ // news, which is told at once
		_, err := feed.Confirm(t.Context(), flagstore.Reader{ID: "shop-1", Service: "shop", Revision: revision})
		require.NoError(t, err)
	}
	s.redis.Kill()
	eventually(t, "it is tried again and again", func() bool {
		confirm()
		return logs.FilterMessage("the store still cannot be told of readers").Len() >= 3
	})
	require.Equal(t, 1, logs.FilterMessage("the store cannot be told of readers; trying again").FilterLevelExact(zapcore.WarnLevel).Len())

	s.redis.Restart()
	eventually(t, "and it is said when it is back", func() bool {
		confirm()
		return logs.FilterMessage("the store is told of readers again").Len() == 1
	})
}
