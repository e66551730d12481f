package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

func TestReadersThatHaveNotConfirmedAreListed(t *testing.T) {
	redis := redistest.Start(t)
	seed(t, redis)
	s, err := flagstore.Open(flagstore.Options{URL: redis.URL(), Environment: "production"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	meta, err := s.Meta(t.Context())
	require.NoError(t, err)
	_, err = s.ConfirmAll(t.Context(), []flagstore.Reader{
		{ID: "shop-1", Service: "shop", Revision: meta.Revision},
		{ID: "shop-2", Service: "shop", Revision: meta.Revision + 1}, // it has seen what a failover has lost
		{ID: "cart-1", Service: "cart", Via: "node-7", Revision: meta.Revision - 1},
	}, nil)
	require.NoError(t, err)
	runScript(t, filepath.Join("testdata", "readers.txtar"), map[string]string{
		"RAMPART_REDIS": redis.URL(), "RAMPART_TEMPORAL_ADDRESS": nowhere(t), "RAMPART_ENV": "production",
	})
}
