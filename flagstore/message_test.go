package flagstore_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

func TestMessagesAreHandedOnAsTheyWereWritten(t *testing.T) {
	s, srv := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	messages, err := s.FollowMessages(ctx)
	require.NoError(t, err)
	defer messages.Close()
	put(t, s, expose(1, 500))
	_, err = s.PutSegment(t.Context(), rampart.Segment{Name: "internal", Keys: []string{"ann", "line\nbreak"}}, "ann", "new")
	require.NoError(t, err)
	_, err = s.Kill(t.Context(), "f", "ann", `a "quoted" reason`)
	require.NoError(t, err)
	// What this version knows nothing of is handed on all the same.
	require.NoError(t, srv.Client().HSet(t.Context(), state, "x:thing", "7 news").Err())
	require.NoError(t, srv.Client().Publish(t.Context(), "rampart:{test}:changes", "1 5 6 . x thing 7\nnews").Err())

	told := map[string]string{}
	for range 4 {
		m, err := messages.Next(t.Context())
		require.NoError(t, err)
		r, ok := m.Register()
		require.True(t, ok)
		require.Equal(t, m, r.Message())
		told[r.Field] = r.Text
	}
	loaded, err := s.LoadState(t.Context())
	require.NoError(t, err)
	stored := map[string]string{}
	for r := range loaded.Registers {
		stored[r.Field] = r.Text
	}
	require.Equal(t, stored, told)
	require.Equal(t, []string{"f:f", "k:f", "s:internal", "x:thing"}, slices.Sorted(maps.Keys(stored)))
}

func FuzzMessage(f *testing.F) {
	f.Add("1 5 6 ! k f 7\n{}")
	f.Add("1 5 6 . f checkout-v2 7\n{\"exposure\":5}")
	f.Add("2 x")
	f.Fuzz(func(t *testing.T, text string) {
		m := flagstore.Message(text)
		_ = m.Change()
		r, ok := m.Register()
		if !ok {
			require.Zero(t, m.Change())
			return
		}
		again, ok := r.Message().Register()
		require.True(t, ok)
		require.Equal(t, r, again, "whoever hands it on changes nothing")
	})
}
