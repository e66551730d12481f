package flagstore_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

const (
	env       = "test"
	namespace = "namespace-1"
	launch    = "launch/test/f"
	own       = "flag/test/f" // the workflow of flag f
	state     = "rampart:{test}:state"
)

// open returns a store that is set up on a Redis of the test's own, for the user with
// the least rights that the guide names.
func open(t testing.TB, args ...string) (*flagstore.Store, *redistest.Server) {
	t.Helper()
	srv := redistest.Start(t, append(redistest.Users(t, env), args...)...)
	s := dialed(t, srv.WriterURL())
	require.NoError(t, s.Setup(context.Background(), namespace))
	return s, srv
}

// empty gives the next case a store as new.
func empty(t *testing.T, s *flagstore.Store, srv *redistest.Server) {
	t.Helper()
	require.NoError(t, srv.Client().FlushAll(context.Background()).Err())
	require.NoError(t, s.Setup(context.Background(), namespace))
}

func TestMain(m *testing.M) {
	flagstore.SilenceDriver()
	os.Exit(m.Run())
}

func flag(name string, exposure rampart.Percent) rampart.Flag {
	return rampart.Flag{
		Format: rampart.FlagFormat, Name: name, Exposure: exposure, Salt: name, HashVersion: rampart.HashVersion,
		Off: json.RawMessage("false"), On: json.RawMessage("true"), Unit: rampart.User, Type: rampart.Release, Lifecycle: rampart.Ramping,
	}
}

// expose is a write of flag f by its launch, some milliseconds after the test began.
func expose(fence int64, exposure rampart.Percent) flagstore.Write {
	return flagstore.Write{Flag: flag("f", exposure), Pen: rampart.Pen{Owner: launch, Fence: began + fence}, Verb: "expose", By: "ann", Reason: "step"}
}

// began is the first version in the tests.
var began = time.Now().UnixMilli()

func put(t testing.TB, s *flagstore.Store, w flagstore.Write) flagstore.Ack {
	t.Helper()
	ack, err := s.Put(context.Background(), w)
	require.NoError(t, err)
	return ack
}

func get(t testing.TB, s *flagstore.Store, name string) flagstore.Entry {
	t.Helper()
	e, err := s.Get(context.Background(), name)
	require.NoError(t, err)
	return e
}

func TestOpenRefusesWhatIsNoAddressAndNeverQuotesThePassword(t *testing.T) {
	for name, opts := range map[string]flagstore.Options{
		"an environment that is no name": {URL: "redis://127.0.0.1:1", Environment: "a}b"},
		"another scheme":                 {URL: "http://ann:hunter2@127.0.0.1:1", Environment: env},
		"a port that is no number":       {URL: "redis://ann:hunter2@127.0.0.1:port", Environment: env},
		"a database that is no number":   {URL: "redis://ann:hunter2@127.0.0.1:1/x", Environment: env},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := flagstore.Open(opts)
			require.Equal(t, rampart.Invalid, rampart.KindOf(err))
			require.NotEmpty(t, rampart.HintOf(err))
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestStoreThatDoesNotAnswerIsUnreachableAndNamed(t *testing.T) {
	srv := redistest.Start(t)
	s, err := flagstore.Open(flagstore.Options{URL: "redis://ann:hunter2@" + srv.Addr(), Environment: env, Timeout: 200 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	s2, err := flagstore.Open(flagstore.Options{URL: srv.URL(), Environment: env, Timeout: 200 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s2.Close() })
	require.NoError(t, s2.Ping(context.Background()))

	check := func(t *testing.T, s *flagstore.Store) {
		t.Helper()
		_, put := s.Put(context.Background(), expose(1, 100))
		_, get := s.Get(context.Background(), "f")
		_, load := s.Load(context.Background())
		_, follow := s.Follow(context.Background())
		_, kill := s.Kill(context.Background(), "f", "ann", "")
		_, renew := s.RenewLease(context.Background(), "f", 1, 0)
		for _, err := range []error{s.Ping(context.Background()), put, get, load, follow, kill, renew} {
			require.Equal(t, rampart.Unreachable, rampart.KindOf(err), "%v", err)
			require.Contains(t, err.Error(), srv.Addr())
			require.NotContains(t, err.Error(), "hunter2")
			require.NotEmpty(t, rampart.HintOf(err))
		}
	}
	t.Run("a user that Redis does not know", func(t *testing.T) { check(t, s) })
	srv.Freeze()
	t.Run("a Redis that hangs", func(t *testing.T) { check(t, s2) })
	srv.Thaw()
	srv.Stop()
	t.Run("a Redis that is gone", func(t *testing.T) { check(t, s2) })
	srv.Restart()
	require.NoError(t, s2.Ping(context.Background()), "the store is found again")
}

func TestOpenTakesThePasswordFromOptions(t *testing.T) {
	srv := redistest.Start(t, "--requirepass", "hunter2")
	s, err := flagstore.Open(flagstore.Options{URL: srv.URL(), Password: "hunter2", Environment: env})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	require.NoError(t, s.Ping(context.Background()))
	require.Equal(t, srv.Addr(), s.Address())
	require.Equal(t, env, s.Environment())
}

func TestSetupBelongsToOneEnvironmentAndNamespace(t *testing.T) {
	ctx := context.Background()
	srv := redistest.Start(t)
	s := flagstore.New(srv.Client(), env)

	require.ErrorIs(t, s.Guard(ctx, namespace), flagstore.ErrNotSetUp)
	require.NoError(t, s.Setup(ctx, namespace))
	require.NoError(t, s.Guard(ctx, namespace))
	before, err := s.Meta(ctx)
	require.NoError(t, err)
	require.Equal(t, namespace, before.Namespace)
	require.Equal(t, env, before.Environment)
	require.NotEmpty(t, before.Epoch)
	require.Positive(t, before.Revision)

	require.NoError(t, s.Setup(ctx, namespace), "again")
	after, err := s.Meta(ctx)
	require.NoError(t, err)
	require.Equal(t, before, after)

	stranger := flagstore.New(srv.Client(), env)
	require.ErrorIs(t, stranger.Setup(ctx, "namespace-2"), flagstore.ErrForeign)
	require.ErrorIs(t, stranger.Guard(ctx, "namespace-2"), flagstore.ErrForeign)
	require.Equal(t, rampart.Refused, rampart.KindOf(stranger.Guard(ctx, "namespace-2")))
	require.Equal(t, rampart.Invalid, rampart.KindOf(stranger.Setup(ctx, "")))
}

func TestWriterOfAnotherNamespaceChangesNothing(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	put(t, s, expose(1, 100))
	before, err := s.Load(ctx)
	require.NoError(t, err)

	stranger := flagstore.New(srv.Client(), env)
	require.Error(t, stranger.Guard(ctx, "namespace-2"))
	_, writes := stranger.Put(ctx, expose(2, 200))
	_, acquires := stranger.Acquire(ctx, flagstore.AcquireInput{Flag: "f", Owner: launch, At: began + 2, Restore: true})
	_, kills := stranger.Kill(ctx, "f", "ann", "")
	_, renews := stranger.RenewLease(ctx, "f", began+1, 0)
	_, segments := stranger.PutSegment(ctx, rampart.Segment{Name: "s"}, "ann", "")
	rejoins := stranger.RestoreKill(ctx, rampart.Kill{Flag: "f", Version: 1})
	for _, err := range []error{writes, acquires, kills, renews, segments, rejoins} {
		require.ErrorIs(t, err, flagstore.ErrForeign)
	}

	after, err := s.Load(ctx)
	require.NoError(t, err)
	after.Now = before.Now
	require.Equal(t, before, after)
}

func TestEnvironmentsOnOneRedisDoNotSeeEachOther(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	other := flagstore.New(srv.Client(), "other")
	require.NoError(t, other.Setup(ctx, "namespace-2"))
	put(t, s, expose(1, 100))

	_, err := other.Get(ctx, "f")
	require.Equal(t, rampart.NotFound, rampart.KindOf(err))
}

// tour uses everything that the store offers.
func tour(t *testing.T, s *flagstore.Store) {
	t.Helper()
	ctx := context.Background()
	require.NoError(t, s.Ping(ctx))
	require.NoError(t, s.Setup(ctx, namespace))
	sub, err := s.Follow(ctx)
	require.NoError(t, err)
	defer func() { _ = sub.Close() }()
	base := flag("f", 0)
	got, err := s.Acquire(ctx, flagstore.AcquireInput{Flag: "f", Owner: launch, At: began, Baseline: &base})
	require.NoError(t, err)
	w := expose(1, 500)
	w.Acknowledged, w.Lease = got.Version, time.Hour
	ack := put(t, s, w)
	_, err = s.RenewLease(ctx, "f", ack.Version, time.Hour)
	require.NoError(t, err)
	require.NoError(t, s.PutEvidence(ctx, "f", "run-1", began, []byte("{}")))
	_, _, err = s.Evidence(ctx, "f", "run-1")
	require.NoError(t, err)
	_, err = s.PutSegment(ctx, rampart.Segment{Name: "internal", Keys: []string{"ann"}}, "ann", "new")
	require.NoError(t, err)
	_, err = s.Segments(ctx)
	require.NoError(t, err)
	n, err := s.Confirm(ctx, flagstore.Reader{ID: "r", Service: "shop", Revision: ack.Revision})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, lagging, err := s.WaitConfirmed(ctx, ack.Revision, time.Minute)
	require.NoError(t, err)
	require.Empty(t, lagging)
	readers, err := s.Readers(ctx)
	require.NoError(t, err)
	require.Len(t, readers, 1)
	killed, err := s.Kill(ctx, "f", "ann", "fire")
	require.NoError(t, err)
	_, err = s.Lift(ctx, "f", "ben", "water", killed.Kill.Version)
	require.NoError(t, err)
	all, err := s.List(ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
	history, err := s.History(ctx, "f", 10)
	require.NoError(t, err)
	require.Len(t, history, 4)
	events, err := s.Events(ctx, "", 10)
	require.NoError(t, err)
	require.Len(t, events, 5)
	_, err = s.Load(ctx)
	require.NoError(t, err)
	_, _, err = s.Leases(ctx)
	require.NoError(t, err)
	for range 5 {
		_, err := sub.Next(ctx)
		require.NoError(t, err)
	}
}

func TestAllKeysOfAnEnvironmentShareOneHashTag(t *testing.T) {
	srv := redistest.Start(t)
	tour(t, flagstore.New(srv.Client(), env))
	keys, err := srv.Client().Keys(context.Background(), "*").Result()
	require.NoError(t, err)
	require.NotEmpty(t, keys)
	for _, key := range keys {
		require.True(t, strings.HasPrefix(key, "rampart:{test}:"), key)
	}
}

func TestStoreWorksOnACluster(t *testing.T) {
	ctx := context.Background()
	srv := redistest.Start(t, "--cluster-enabled", "yes")
	require.NoError(t, srv.Client().ClusterAddSlotsRange(ctx, 0, 16383).Err())
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{srv.Addr()}})
	t.Cleanup(func() { _ = rdb.Close() })
	require.Eventually(t, func() bool {
		info, err := srv.Client().ClusterInfo(ctx).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	}, 20*time.Second, 10*time.Millisecond)
	tour(t, flagstore.New(rdb, env))
}
