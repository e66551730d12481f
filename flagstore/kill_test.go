package flagstore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

func kill(t *testing.T, s *flagstore.Store, by, reason string) flagstore.Killed {
	t.Helper()
	k, err := s.Kill(context.Background(), "f", by, reason)
	require.NoError(t, err)
	return k
}

// killReplicated kills until a replica has it within the second that a kill waits.
func killReplicated(t *testing.T, s *flagstore.Store, by, reason string) (k flagstore.Killed) {
	t.Helper()
	require.Eventually(t, func() bool {
		k = kill(t, s, by, reason)
		return k.Replicated == 1
	}, patience, 10*time.Millisecond)
	return k
}

func register(t *testing.T, s *flagstore.Store) rampart.Kill {
	t.Helper()
	k, found, err := s.Killed(context.Background(), "f")
	require.NoError(t, err)
	require.True(t, found)
	return k
}

func TestKillIsReadAsItWasWritten(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	put(t, s, expose(1, 500))
	sub := follow(t, s)
	for _, words := range []string{
		"ann", "", "fire\nand smoke", `","reason":"`, `"}`, `,"by":"ben`, `\`, `\","reason":"\`, "<b> & co", "Łódź 🔥", "\x00", "\u2028",
	} {
		killed := kill(t, s, words, "because of "+words).Kill
		require.Equal(t, words, killed.By)
		require.Equal(t, "because of "+words, killed.Reason)
		require.Equal(t, killed, register(t, s))
		require.Equal(t, killed, *next(t, sub).Kill)
	}
	for _, c := range []struct{ name, text string }{
		{"another order", `{"at":7,"version":9,"by":"ann","killed":true,"reason":"fire"}`},
		{"spaces", `{ "version": 9, "at": 7, "flag": "f", "killed": true, "by": "ann", "reason": "fire" }`},
		{"something new", `{"version":9,"at":7,"flag":"f","killed":true,"by":"ann","reason":"fire","since":3}`},
		{"a new word", `{"version":9,"at":7,"flag":"f","killed":true,"by":"ann","reason":"fire","where":"eu"}`},
		{"a new word between", `{"version":9,"at":7,"flag":"f","killed":true,"by":"ann","where":"eu","reason":"fire"}`},
		{"something new between", `{"version":9,"at":7,"flag":"f","killed":true,"since":3,"by":"ann","reason":"fire"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, srv.Client().Publish(ctx, "rampart:{test}:changes", "1 1 2 . k f 9\n"+c.text).Err())
			require.Equal(t, rampart.Kill{Flag: "f", Version: 9, At: 7, Killed: true, By: "ann", Reason: "fire"}, *next(t, sub).Kill)
		})
	}
}

func TestKillSetsItsRegisterAndLeavesTheDocumentAlone(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	put(t, s, expose(1, 500))
	_, found, err := s.Killed(ctx, "f")
	require.NoError(t, err)
	require.False(t, found)

	got := kill(t, s, "ann", "support queue on fire")
	require.True(t, got.Kill.Killed)
	require.Equal(t, got.Kill, register(t, s))
	require.Equal(t, got.Kill.Version, got.Kill.At)
	require.Positive(t, got.Revision)
	require.Positive(t, got.Took)
	require.Zero(t, got.Replicas)
	e := get(t, s, "f")
	require.Equal(t, got.Kill, *e.Kill)
	require.Equal(t, began+1, e.Flag.Version)
	require.Equal(t, rampart.Percent(500), e.Flag.Exposure)

	history, err := s.History(ctx, "f", 1)
	require.NoError(t, err)
	require.Equal(t, "kill", history[0].Verb)
	require.Equal(t, "support queue on fire", history[0].Reason)
	require.Equal(t, got.Kill.Version, history[0].Version)
}

func TestKillRefusesOnlyWhatNobodyCanHold(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	_, err := s.Kill(ctx, "f", "ann", "")
	require.Equal(t, rampart.NotFound, rampart.KindOf(err))
	_, err = s.Kill(ctx, "no such name!", "ann", "")
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))

	require.NoError(t, srv.Client().FlushAll(ctx).Err())
	kill(t, s, "ann", "readers still serve it")
	require.True(t, register(t, s).Killed)
}

func TestKillTwice(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	put(t, s, expose(1, 500))
	first := kill(t, s, "ann", "fire")
	again := kill(t, s, "ann", "fire") // the reply was lost
	require.Equal(t, first.Kill, again.Kill)
	require.GreaterOrEqual(t, again.Revision, first.Revision)
	other := kill(t, s, "ben", "smoke")
	require.Greater(t, other.Kill.Version, first.Kill.Version)
	require.Equal(t, "ben", register(t, s).By)
	require.Equal(t, "cho", kill(t, s, "cho", "smoke").Kill.By)
	history, err := s.History(ctx, "f", 10)
	require.NoError(t, err)
	require.Len(t, history, 4, "a write and three kills")
}

func TestKillRemembersAllWhoKilledSinceTheLastRestore(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	put(t, s, expose(1, 500))
	sub := follow(t, s)
	for _, c := range []struct {
		by, reason string
		want       []string
	}{
		{"ann", "fire", []string{"ann"}},
		{"ann", "more fire", []string{"ann"}},
		{`b"o\`, "smoke", []string{`b"o\`, "ann"}},
		{"łódź 🔥 </x>", "smoke", []string{"łódź 🔥 </x>", `b"o\`, "ann"}},
		{"ann", "still", []string{"ann", "łódź 🔥 </x>", `b"o\`}},
		{"", "nobody", []string{"", "ann", "łódź 🔥 </x>", `b"o\`}},
		{"ann", "again", []string{"ann", "łódź 🔥 </x>", `b"o\`}},
	} {
		k := kill(t, s, c.by, c.reason).Kill
		require.Equal(t, c.want, k.Killers(), c.reason)
		require.Equal(t, c.reason, k.Reason)
		require.Equal(t, k, register(t, s))
		require.Equal(t, k, *next(t, sub).Kill)
		require.Equal(t, k, kill(t, s, c.by, c.reason).Kill, "a retry")
	}
	last := register(t, s)
	require.NoError(t, srv.Client().HDel(ctx, state, "k:f").Err())
	require.NoError(t, s.RestoreKill(ctx, last))
	require.Equal(t, last, register(t, s), "what is restored remembers them too")

	for i := range 2 * rampart.MaxKillers {
		kill(t, s, fmt.Sprintf("person-%d", i), "fire")
	}
	require.Len(t, register(t, s).Also, rampart.MaxKillers)
	require.Equal(t, fmt.Sprintf("person-%d", 2*rampart.MaxKillers-2), register(t, s).Also[0])

	lifted, err := s.Lift(ctx, "f", "dan", "water", register(t, s).Version)
	require.NoError(t, err)
	require.Empty(t, lifted.Killers())
	require.Equal(t, []string{"ann"}, kill(t, s, "ann", "fire").Kill.Killers(), "what was lifted counts no more")
}

func TestRegisterOfAnEarlierVersionIsReadAndAddedTo(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	put(t, s, expose(1, 500))
	require.NoError(t, srv.Client().HSet(ctx, state, "k:f", `7 {"version":7,"at":7,"flag":"f","killed":true,"by":"ann","reason":"fire"}`).Err())
	require.Equal(t, []string{"ann"}, register(t, s).Killers())
	require.Equal(t, []string{"ben", "ann"}, kill(t, s, "ben", "smoke").Kill.Killers())
}

func TestKillKeepsWhatPeopleWriteAsItIs(t *testing.T) {
	s, _ := open(t)
	put(t, s, expose(1, 500))
	for _, reason := range []string{"", "a\nb", `"quoted" \ <tag> & 'more'`, "日本語 🔥", "nul \x00 here", `{"killed":false}`} {
		kill(t, s, "ann", reason)
		require.Equal(t, reason, register(t, s).Reason)
		require.Equal(t, kill(t, s, "ann", reason).Kill, register(t, s), "a retry")
	}
	kill(t, s, "ann", "broken \xff utf-8")
	require.Equal(t, "broken  utf-8", register(t, s).Reason)
	kill(t, s, "ann", strings.Repeat("x", 5000))
	require.Less(t, len(register(t, s).Reason), 1100)
}

func TestLift(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	put(t, s, expose(1, 500))
	k, err := s.Lift(ctx, "f", "ben", "water", 0)
	require.NoError(t, err, "there is nothing to lift")
	require.False(t, k.Killed)

	first := kill(t, s, "ann", "fire")
	second := kill(t, s, "cho", "smoke")
	_, err = s.Lift(ctx, "f", "ben", "water", first.Kill.Version)
	require.ErrorIs(t, err, flagstore.ErrMoved)
	require.ErrorContains(t, err, "cho")
	require.True(t, register(t, s).Killed)

	lifted, err := s.Lift(ctx, "f", "ben", "water", second.Kill.Version)
	require.NoError(t, err)
	require.False(t, lifted.Killed)
	require.Greater(t, lifted.Version, second.Kill.Version)
	again, err := s.Lift(ctx, "f", "ben", "water", second.Kill.Version)
	require.NoError(t, err, "a retry")
	require.Equal(t, lifted, again)
	require.Equal(t, lifted, register(t, s))

	require.Greater(t, kill(t, s, "ben", "again").Kill.Version, lifted.Version)
}

func TestRestoredKillNeverReplacesALaterOne(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	put(t, s, expose(1, 500))
	first := kill(t, s, "ann", "fire").Kill
	lifted, err := s.Lift(ctx, "f", "ben", "water", first.Version)
	require.NoError(t, err)

	require.NoError(t, s.RestoreKill(ctx, first))
	require.Equal(t, lifted, register(t, s))

	require.NoError(t, srv.Client().FlushAll(ctx).Err())
	require.NoError(t, s.RestoreKill(ctx, first))
	require.Equal(t, first, register(t, s))
	require.NoError(t, s.RestoreKill(ctx, lifted))
	require.Equal(t, lifted, register(t, s))
	require.Equal(t, rampart.Invalid, rampart.KindOf(s.RestoreKill(ctx, rampart.Kill{Flag: "f"})))
}

func TestKillWinsOverEveryWriteInFlight(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	put(t, s, expose(1, 100))
	const raises = 400
	refused := make(chan int64)
	go func() {
		first := int64(0)
		for i := int64(2); i <= raises; i++ {
			_, err := s.Put(ctx, expose(i, rampart.Percent(100+i)))
			if errors.Is(err, flagstore.ErrKilled) && first == 0 {
				first = i
			}
		}
		refused <- first
	}()
	require.Eventually(t, func() bool { return get(t, s, "f").Flag.Version > began+20 }, 10*time.Second, time.Millisecond)
	kill(t, s, "ann", "fire")
	at := get(t, s, "f").Flag
	first := <-refused
	if first == 0 {
		require.Equal(t, began+raises, at.Version, "all raises came before the kill")
	}
	e := get(t, s, "f")
	require.Equal(t, at, e.Flag, "no raise came after the kill")
	require.True(t, e.Kill.Killed)
}

func TestKillSaysWhetherAReplicaHasIt(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t, "--repl-diskless-sync-delay", "0")
	put(t, s, expose(1, 500))
	host, port, err := net.SplitHostPort(srv.Addr())
	require.NoError(t, err)
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	require.Eventually(t, func() bool {
		info, err := srv.Client().Info(ctx, "replication").Result()
		return err == nil && strings.Contains(info, "state=online")
	}, 20*time.Second, 10*time.Millisecond)

	got := killReplicated(t, s, "ann", "fire")
	require.Equal(t, 1, got.Replicas)
	require.Equal(t, got.Kill, register(t, flagstore.New(replica.Client(), env)))
	require.Equal(t, got.Kill, killReplicated(t, s, "ann", "fire").Kill, "a retry is waited for too")

	hasty, err := flagstore.Open(flagstore.Options{Client: srv.Client(), Environment: env, Timeout: 400 * time.Millisecond})
	require.NoError(t, err)
	replica.Freeze()
	for _, again := range []string{"a kill that no replica has", "its retry"} {
		got = kill(t, hasty, "ben", "smoke")
		require.Equal(t, 1, got.Replicas, again)
		require.Zero(t, got.Replicated, again)
		require.True(t, got.Kill.Killed, "it stands all the same")
	}
	replica.Thaw()

	_, err = flagstore.New(replica.Client(), env).Kill(ctx, "f", "ann", "")
	require.Equal(t, rampart.Unreachable, rampart.KindOf(err), "a replica is no place to write")
}
