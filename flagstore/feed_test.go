package flagstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

func follow(t *testing.T, s *flagstore.Store) flagstore.Subscription {
	t.Helper()
	sub, err := s.Follow(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { _ = sub.Close() })
	return sub
}

func next(t *testing.T, sub flagstore.Subscription) flagstore.Change {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := sub.Next(ctx)
	require.NoError(t, err)
	return c
}

func TestFeedTellsEveryChangeInOrder(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	before, err := s.Load(ctx)
	require.NoError(t, err)
	sub := follow(t, s)

	put(t, s, expose(1, 500))
	put(t, s, expose(1, 500)) // a retry is no change
	_, err = s.PutSegment(ctx, rampart.Segment{Name: "internal", Keys: []string{"ann\nben"}}, "ann", "new")
	require.NoError(t, err)
	killed := kill(t, s, "ann", "fire")
	put(t, s, with(expose(2, 0), func(w *flagstore.Write) { w.Confirm = true }))
	require.NoError(t, s.RestoreKill(ctx, rampart.Kill{Flag: "f", Version: killed.Kill.Version + 5, By: "ann"}))

	want := []string{"flag", "segment", "kill!", "flag!", "kill!"}
	previous := before.Revision
	for i, kind := range want {
		c := next(t, sub)
		require.Equal(t, previous, c.Previous)
		require.Greater(t, c.Revision, previous)
		previous = c.Revision
		require.Equal(t, kind, describe(c), "change %d", i)
	}
	after, err := s.Load(ctx)
	require.NoError(t, err)
	require.Equal(t, previous, after.Revision)
}

func describe(c flagstore.Change) string {
	var s string
	if c.Flag != nil {
		s += "flag"
	}
	if c.Segment != nil {
		s += "segment"
	}
	if c.Kill != nil {
		s += "kill"
	}
	if c.Confirm {
		s += "!"
	}
	return s
}

func TestChangeCarriesWhatIsStored(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	sub := follow(t, s)
	w := expose(1, 500)
	w.Flag.Purpose, w.Flag.On = "two\nlines \u2028 and 日本語", json.RawMessage(`{"a":[1,"\n"]}`)
	put(t, s, w)
	_, err := s.PutSegment(ctx, rampart.Segment{Name: "internal", Keys: []string{"ann\nben"}}, "ann", "")
	require.NoError(t, err)
	k := kill(t, s, "ann", "fire\nand smoke").Kill

	snap, err := s.Load(ctx)
	require.NoError(t, err)
	require.Equal(t, snap.Flags, []flagstore.Document{*next(t, sub).Flag})
	require.Equal(t, snap.Segments, []flagstore.Document{*next(t, sub).Segment})
	require.Equal(t, snap.Kills, []rampart.Kill{*next(t, sub).Kill})
	require.Equal(t, []rampart.Kill{k}, snap.Kills)
	f, err := rampart.DecodeFlag(snap.Flags[0].JSON)
	require.NoError(t, err)
	require.Equal(t, snap.Flags[0].Version, f.Version)
	require.Equal(t, w.Flag.Purpose, f.Purpose)
	require.WithinDuration(t, time.Now(), snap.Now, time.Minute)
}

func TestMessageThatNobodyUnderstandsIsAGap(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	sub := follow(t, s)
	for _, message := range []string{
		"", "\n", "hello", "2 1 2 . f f 3\n{}", "1 1 2 . x f 3\n{}", "1 1 2 . k f 3\nrubbish", "1 1 2 .", "1 x y . z\n{}",
	} {
		require.NoError(t, srv.Client().Publish(ctx, "rampart:{test}:changes", message).Err())
		require.Equal(t, flagstore.Change{}, next(t, sub), "%q", message)
	}
	put(t, s, expose(1, 500))
	require.NotNil(t, next(t, sub).Flag, "the subscription goes on")
}

func TestSubscriptionEnds(t *testing.T) {
	s, srv := open(t)
	result := make(chan error, 1)

	t.Run("when its reader goes away", func(t *testing.T) {
		sub := follow(t, s)
		ctx, cancel := context.WithCancel(context.Background())
		go func() { _, err := sub.Next(ctx); result <- err }()
		cancel()
		require.ErrorIs(t, <-result, context.Canceled)
	})
	t.Run("when it is closed", func(t *testing.T) {
		sub := follow(t, s)
		go func() { _, err := sub.Next(context.Background()); result <- err }()
		require.NoError(t, sub.Close())
		require.Error(t, <-result)
	})
	t.Run("when Redis closes it", func(t *testing.T) {
		sub := follow(t, s)
		go func() { _, err := sub.Next(context.Background()); result <- err }()
		require.NoError(t, srv.Client().ClientKillByFilter(context.Background(), "TYPE", "pubsub").Err())
		require.Equal(t, rampart.Unreachable, rampart.KindOf(<-result))
		_, err := sub.Next(context.Background())
		require.Error(t, err, "and does not come back by itself")
	})
	t.Run("when Redis is gone", func(t *testing.T) {
		sub := follow(t, s)
		go func() { _, err := sub.Next(context.Background()); result <- err }()
		srv.Kill()
		require.Equal(t, rampart.Unreachable, rampart.KindOf(<-result))
		_, err := s.Follow(context.Background())
		require.Equal(t, rampart.Unreachable, rampart.KindOf(err))
	})
}

// A reader that loads and then applies the feed must end where the store is,
// however load and writes interleave.
func TestLoadAndFeedTogetherMissNothing(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	const flags, writes = 5, 200
	writer := make(chan error, 1)
	go func() {
		var failed error
		for i := range int64(writes) {
			name := fmt.Sprintf("f%d", i%flags)
			w := expose(1+i, rampart.Percent(i))
			w.Flag.Name = name
			if _, err := s.Put(ctx, w); err != nil {
				failed = err
			}
		}
		writer <- failed
	}()
	sub := follow(t, s)
	snap, err := s.Load(ctx)
	require.NoError(t, err)
	have, revision := map[string]int64{}, snap.Revision
	for _, f := range snap.Flags {
		have[f.Name] = f.Version
	}
	require.NoError(t, <-writer)
	last, err := s.Load(ctx)
	require.NoError(t, err)
	for revision < last.Revision {
		c := next(t, sub)
		if c.Revision <= revision {
			continue // loaded already
		}
		require.Equal(t, revision, c.Previous, "no gap")
		require.Greater(t, c.Flag.Version, have[c.Flag.Name])
		have[c.Flag.Name], revision = c.Flag.Version, c.Revision
	}
	for _, f := range last.Flags {
		require.Equal(t, f.Version, have[f.Name])
	}
	require.Len(t, have, flags)
}

func TestRevisionAndEpochAfterLoss(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	before := put(t, s, expose(1, 500))
	epoch, revision, err := s.Revision(ctx)
	require.NoError(t, err)
	require.Equal(t, before.Revision, revision)
	require.NotEmpty(t, epoch)

	srv.Restart()
	require.Eventually(t, func() bool { return s.Ping(ctx) == nil }, 20*time.Second, time.Millisecond)
	snap, err := s.Load(ctx)
	require.NoError(t, err)
	require.Empty(t, snap.Epoch)
	require.Zero(t, snap.Revision)
	require.Empty(t, snap.Flags)

	after := put(t, s, expose(2, 500))
	require.Greater(t, after.Revision, before.Revision, "the revision goes on")
	epoch2, _, err := s.Revision(ctx)
	require.NoError(t, err)
	require.Empty(t, epoch2, "the store is not whole yet")
	require.NoError(t, s.RestoreMeta(ctx, namespace))
	epoch3, _, err := s.Revision(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, epoch3)
	require.NotEqual(t, epoch, epoch3)
	require.NoError(t, s.Guard(ctx, namespace))
}

func TestSnapshotSkipsWhatIsNoRegister(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	put(t, s, expose(1, 500))
	require.NoError(t, srv.Client().HSet(ctx, state, "f:bad", "rubbish", "k:bad", "7 rubbish", "z:new", "1 {}", "note", "x", "f:odd", `7 {"format":`).Err())
	snap, err := s.Load(ctx)
	require.NoError(t, err)
	require.Len(t, snap.Flags, 2, "one that cannot be decoded is for the reader to judge")
	require.Empty(t, snap.Kills)

	all, err := s.List(ctx)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "f", all[0].Flag.Name)
	require.Empty(t, all[0].Unreadable)
	require.Equal(t, "odd", all[1].Flag.Name)
	require.NotEmpty(t, all[1].Unreadable)
}
