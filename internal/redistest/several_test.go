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

func TestProxyTreatsLinesByUserAndSubscription(t *testing.T) {
	ctx := t.Context()
	srv := redistest.Start(t, "--user", "ann", "on", ">sesame", "~*", "&*", "+@all")
	proxy := redistest.StartProxy(t)
	proxy.Lead(srv.Addr())
	dial := func(user, password string) *redis.Client {
		c := redis.NewClient(&redis.Options{Addr: proxy.Addr(), Username: user, Password: password, MaxRetries: -1})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	ann, other := dial("ann", "sesame"), dial("", "")
	follow := func(c *redis.Client) *redis.PubSub {
		sub := c.Subscribe(ctx, "news")
		t.Cleanup(func() { _ = sub.Close() })
		_, err := sub.Receive(ctx)
		require.NoError(t, err)
		return sub
	}
	annHears, otherHears := follow(ann), follow(other)
	isAnn := func(l redistest.Line) bool { return l.User == "ann" }

	require.Zero(t, proxy.Treat(func(l redistest.Line) redistest.Fate {
		return redistest.Fate{Starve: isAnn(l) && l.Listen, Late: time.Millisecond}
	}))
	require.NoError(t, srv.Client().Publish(ctx, "news", "one").Err())
	heard, err := otherHears.ReceiveMessage(ctx)
	require.NoError(t, err)
	require.Equal(t, "one", heard.Payload, "late, but whole")
	require.NoError(t, ann.Ping(ctx).Err(), "all else is answered")

	proxy.Treat(nil)
	require.NoError(t, srv.Client().Publish(ctx, "news", "two").Err())
	heard, err = otherHears.ReceiveMessage(ctx)
	require.NoError(t, err)
	require.Equal(t, "two", heard.Payload)
	_, err = annHears.ReceiveTimeout(ctx, 100*time.Millisecond)
	require.ErrorContains(t, err, "timeout", "what has starved goes on starving")

	require.Positive(t, proxy.Treat(func(l redistest.Line) redistest.Fate { return redistest.Fate{End: isAnn(l)} }))
	require.Error(t, ann.Ping(ctx).Err())
	require.NoError(t, other.Ping(ctx).Err())
}

func TestPromotedServerComesBackEmptyAsAPrimary(t *testing.T) {
	ctx := t.Context()
	w := redistest.StartSentinel(t)
	w.Failover()
	w.AwaitDemoted(w.First)
	require.NoError(t, w.Second.Client().Set(ctx, "k", 1, 0).Err())
	away := false
	w.RestartEmpty(w.Second, func() { away = w.Second.Client().Ping(ctx).Err() != nil })
	require.True(t, away)
	for _, n := range []*redistest.Node{w.First, w.Second} {
		size, err := n.Client().DBSize(ctx).Result()
		require.NoError(t, err)
		require.Zero(t, size)
	}
}
