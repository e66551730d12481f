package flagstore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

func TestReaderOfTheGuideCanChangeNoFlag(t *testing.T) {
	ctx := t.Context()
	s, srv := open(t)
	put(t, s, expose(1, 500))
	reader := dialed(t, srv.ReaderURL())
	loaded, err := reader.Load(ctx)
	require.NoError(t, err)

	_, puts := reader.Put(ctx, expose(2, 600))
	_, acquires := reader.Acquire(ctx, ask(launch, 3))
	_, kills := reader.Kill(ctx, "f", "ann", "fire")
	_, lifts := reader.Lift(ctx, "f", "ann", "water", 1)
	_, renews := reader.RenewLease(ctx, "f", began+1, 0)
	_, segments := reader.PutSegment(ctx, rampart.Segment{Name: "internal", Keys: []string{"ann"}}, "ann", "new")
	for what, err := range map[string]error{
		"put": puts, "acquire": acquires, "kill": kills, "lift": lifts, "renew a lease": renews, "write a segment": segments,
		"restore a kill": reader.RestoreKill(ctx, rampart.Kill{Flag: "f", Version: began + 5, By: "ann"}),
		"set up":         reader.Setup(ctx, "namespace-2"),
		"keep evidence":  reader.PutEvidence(ctx, "f", "run", began, nil),
		"keep a look":    reader.PutLook(ctx, "f", "run", nil, point(1)),
	} {
		require.Equal(t, rampart.Unreachable, rampart.KindOf(err), "%s: %v", what, err)
		require.ErrorContains(t, err, "refuses this user", what)
		require.Contains(t, rampart.HintOf(err), "redis.md", what)
	}

	// Nor by going round the store: a message that nobody has stored would be believed.
	rdb := srv.As("rampart-reader", "READER-PASSWORD")
	for _, command := range []string{
		"hset " + state + " f:f 9", "del " + state, "flushall", "config get *", "keys *", "publish rampart:{test}:changes x",
		"hgetall rampart:{test}:pens", "hgetall rampart:{other}:state", "subscribe rampart:{other}:changes",
		"xadd rampart:{test}:audit * a b", "script flush",
	} {
		var args []any
		for _, word := range strings.Fields(command) {
			args = append(args, word)
		}
		require.ErrorContains(t, rdb.Do(ctx, args...).Err(), "NOPERM", command)
	}
	for _, script := range []string{
		"return redis.call('HSET', KEYS[1], 'f:f', '9')",
		"return redis.call('PUBLISH', 'rampart:{test}:changes', 'x')",
	} {
		for _, key := range []string{state, "rampart:{test}:readers"} {
			_, err := rdb.Eval(ctx, strings.ReplaceAll(script, "KEYS[1]", "'"+state+"'"), []string{key}).Result()
			require.Error(t, err)
		}
	}
	after, err := reader.Load(ctx)
	require.NoError(t, err)
	require.Equal(t, loaded.Flags, after.Flags)
	require.Equal(t, loaded.Revision, after.Revision)
}

func TestUsersOfTheGuideSeeNoOtherEnvironment(t *testing.T) {
	_, srv := open(t)
	for _, url := range []string{srv.WriterURL(), srv.ReaderURL()} {
		other, err := flagstore.Open(flagstore.Options{URL: url, Environment: "other"})
		require.NoError(t, err)
		_, err = other.Load(context.Background())
		require.ErrorContains(t, err, "refuses this user")
		require.NoError(t, other.Close())
	}
}

func TestCommandsOfTheGuideCanBeGivenToAServerThatRuns(t *testing.T) {
	srv := redistest.Start(t)
	for range 2 { // again changes nothing
		for name, rules := range redistest.Commands(t, env) {
			require.NoError(t, srv.Client().Do(t.Context(), append([]any{"acl", "setuser", name}, rules...)...).Err())
		}
	}
	walk(t, dialed(t, srv.WriterURL()), dialed(t, srv.ReaderURL()))
}
