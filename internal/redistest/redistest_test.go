package redistest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/internal/redistest"
)

func TestServerForgetsEverythingAtARestartAndKeepsItsAddress(t *testing.T) {
	ctx := context.Background()
	srv := redistest.Start(t)
	addr := srv.Addr()
	require.NoError(t, srv.Client().Set(ctx, "k", "v", 0).Err())

	srv.Restart()

	require.Equal(t, addr, srv.Addr())
	n, err := srv.Client().DBSize(ctx).Result()
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestStoppedServerDoesNotAnswer(t *testing.T) {
	srv := redistest.Start(t)
	srv.Stop()
	require.Error(t, srv.Client().Ping(context.Background()).Err())
	srv.Stop() // stopping what is down is no mistake
}

func TestFrozenServerDoesNotAnswerUntilThawed(t *testing.T) {
	srv := redistest.Start(t)
	srv.Freeze()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, srv.Client().Ping(ctx).Err())
	srv.Thaw()
	require.NoError(t, srv.Client().Ping(context.Background()).Err())
}

func TestServerTakesArgumentsAndItsPassword(t *testing.T) {
	srv := redistest.Start(t, "--requirepass", "secret")
	require.NoError(t, srv.Client().Ping(context.Background()).Err())
}
