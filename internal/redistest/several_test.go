package redistest_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/internal/redistest"
)

func TestProxyCutsWhomItIsTold(t *testing.T) {
	ctx := context.Background()
	srv := redistest.Start(t)
	proxy := redistest.StartProxy(t)
	client := redis.NewClient(&redis.Options{Addr: proxy.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	require.Error(t, client.Ping(ctx).Err(), "it leads nowhere yet")
	proxy.Lead(srv.Addr())
	require.NoError(t, client.Ping(ctx).Err())

	proxy.Cut(redistest.Replicas, redistest.Sentinels)
	require.NoError(t, client.Ping(ctx).Err(), "a client is neither")
	proxy.Cut(redistest.Clients)
	require.Error(t, client.Ping(ctx).Err())
	proxy.Mend()
	require.Eventually(t, func() bool { return client.Ping(ctx).Err() == nil }, 20*time.Second, 5*time.Millisecond)
}

func TestFailoverLosesWhatTheReplicaHasNotHeard(t *testing.T) {
	ctx := context.Background()
	w := redistest.StartSentinel(t)
	first, second := w.First.Client(), w.Second.Client()
	require.NoError(t, first.Set(ctx, "heard", 1, 0).Err())
	require.Eventually(t, func() bool { return second.Get(ctx, "heard").Err() == nil }, 20*time.Second, 5*time.Millisecond)
	w.First.Proxy.Cut()
	require.NoError(t, first.Set(ctx, "alone", 1, 0).Err(), "the test goes in beside the proxy")

	w.Failover()

	require.NoError(t, second.Set(ctx, "new", 1, 0).Err(), "the replica is primary")
	w.First.Proxy.Mend()
	w.AwaitDemoted(w.First)
	require.ErrorIs(t, first.Get(ctx, "alone").Err(), redis.Nil)
	require.NoError(t, first.Get(ctx, "new").Err())
}

func TestClusterAnswersForEverySlot(t *testing.T) {
	ctx := context.Background()
	c := redistest.StartCluster(t)
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		require.NoError(t, c.Holding(key).Client().Set(ctx, key, 1, 0).Err())
	}
	replica := c.AddReplica(c.Holding("a"))
	c.Promote(replica)
	require.NoError(t, replica.Client().Set(ctx, "a", 2, 0).Err())
}
