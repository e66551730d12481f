package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

func TestFaultsCanBeInjectedFromThisMachineOnly(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:8081": true, "[::1]:8081": true, "localhost:8081": true,
		":8081": false, "0.0.0.0:8081": false, "192.0.2.1:8081": false, "shop.example:8081": false, "8081": false,
	} {
		err := loopbackOnly(address)
		require.Equal(t, ok, err == nil, address)
		if !ok {
			require.Equal(t, rampart.Invalid, rampart.KindOf(err))
			require.EqualError(t, run(t.Context(), settings{faults: address}), err.Error(), "before anything is opened")
		}
	}
}

func TestPasswordOfTheFlagStoreIsReadFromAFile(t *testing.T) {
	redis := redistest.Start(t, "--requirepass", "s3cret")
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("s3cret\n"), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, settings{redis: "redis://" + redis.Addr(), passwordFile: file, environment: "production", listen: "127.0.0.1:0"})
	}()
	store, err := flagstore.Open(flagstore.Options{URL: "redis://" + redis.Addr(), Environment: "production", Password: "s3cret"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	require.Eventually(t, func() bool {
		readers, err := store.Readers(t.Context())
		return err == nil && len(readers) == 1
	}, 30*time.Second, 20*time.Millisecond, "the shop reads flags")
	stop()
	require.NoError(t, <-done)

	require.ErrorContains(t, run(t.Context(), settings{passwordFile: "/not/there"}), "cannot be read")
}
