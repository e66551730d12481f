package flagstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

func TestHistoryIsNewestFirstAndOneFlagsOwn(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	put(t, s, expose(1, 100))
	put(t, s, with(expose(2, 200), func(w *flagstore.Write) { w.Flag.Name = "g" }))
	kill(t, s, "ann", "fire")
	put(t, s, expose(3, 0))

	verbs := func(all []rampart.Event, err error) []string {
		t.Helper()
		require.NoError(t, err)
		var out []string
		for _, e := range all {
			out = append(out, e.Flag+" "+e.Verb)
		}
		return out
	}
	require.Equal(t, []string{"f expose", "f kill", "f expose"}, verbs(s.History(ctx, "f", 10)))
	require.Equal(t, []string{"f expose"}, verbs(s.History(ctx, "f", 1)))
	require.Equal(t, []string{"f expose"}, verbs(s.History(ctx, "f", -1)))
	require.Equal(t, []string{"f expose", "f kill", "g expose", "f expose"}, verbs(s.Events(ctx, "", 10)))
	page, err := s.Events(ctx, "", 2)
	require.NoError(t, err)
	require.Equal(t, []string{"g expose", "f expose"}, verbs(s.Events(ctx, page[1].ID, 10)))
	require.Empty(t, verbs(s.History(ctx, "nothing", 10)))
	_, err = s.History(ctx, "no*pattern", 10)
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))

	require.NoError(t, srv.Client().XAdd(ctx, &redis.XAddArgs{
		Stream: "rampart:{test}:history:f", ID: "9000000000000000-0", Values: []string{"event", "rubbish"},
	}).Err())
	all, err := s.History(ctx, "f", 1)
	require.NoError(t, err)
	require.Equal(t, "unreadable", all[0].Verb)
	put(t, s, expose(4, 0)) // the stream's last ID is not ours; what counts is written all the same
	require.Equal(t, began+4, get(t, s, "f").Flag.Version)
}

func TestStreamsAreBounded(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	for i := range int64(flagstore.HistoryCap + 500) {
		put(t, s, expose(1+i, 100))
	}
	n, err := srv.Client().XLen(ctx, "rampart:{test}:history:f").Result()
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, int64(flagstore.HistoryCap))
	require.Less(t, n, int64(flagstore.HistoryCap+200))
}

func TestSegments(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	_, err := s.Segment(ctx, "internal")
	require.ErrorIs(t, err, flagstore.ErrNotFound)

	in := rampart.Segment{Name: "internal", Purpose: "ours", Keys: []string{"ann"}, Rules: []rampart.Rule{{Attribute: "staff", In: []string{"yes"}}}}
	first, err := s.PutSegment(ctx, in, "ann", "new")
	require.NoError(t, err)
	require.Positive(t, first.Version)
	require.Equal(t, "ann", first.ChangedBy)
	stored, err := s.Segment(ctx, "internal")
	require.NoError(t, err)
	require.Equal(t, first, stored)

	same, err := s.PutSegment(ctx, in, "ben", "again")
	require.NoError(t, err)
	require.Equal(t, first, same, "what is stored already is left alone")
	in.Keys = append(in.Keys, "ben")
	second, err := s.PutSegment(ctx, in, "ben", "more")
	require.NoError(t, err)
	require.Greater(t, second.Version, first.Version)

	_, err = s.PutSegment(ctx, rampart.Segment{Name: "beta"}, "ann", "")
	require.NoError(t, err)
	all, err := s.Segments(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"beta", "internal"}, []string{all[0].Name, all[1].Name})
	history, err := s.History(ctx, "segment:internal", 10)
	require.NoError(t, err)
	require.Len(t, history, 2)
	require.Equal(t, "ben", history[0].By)

	_, err = s.PutSegment(ctx, rampart.Segment{Name: "beta", Removed: true}, "ann", "")
	require.NoError(t, err)
	_, err = s.Segment(ctx, "beta")
	require.ErrorIs(t, err, flagstore.ErrNotFound)
	back, err := s.PutSegment(ctx, rampart.Segment{Name: "beta"}, "ann", "")
	require.NoError(t, err)
	require.False(t, back.Removed)

	require.NoError(t, srv.Client().HSet(ctx, state, "s:internal", "rubbish").Err())
	_, err = s.PutSegment(ctx, in, "ann", "repaired")
	require.NoError(t, err)
}

func TestSegmentsOnlyGrowUnderManyWriters(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	const writers, each = 4, 20
	done := make(chan error, writers)
	for i := range writers {
		go func() {
			var failed error
			for j := range each {
				_, err := s.PutSegment(ctx, rampart.Segment{Name: "s", Keys: []string{fmt.Sprint(i, j)}}, "ann", "")
				failed = errors.Join(failed, err)
			}
			done <- failed
		}()
	}
	for range writers {
		require.NoError(t, <-done)
	}
	history, err := s.History(ctx, "segment:s", 1000)
	require.NoError(t, err)
	require.Len(t, history, writers*each)
	for i := 1; i < len(history); i++ {
		require.Greater(t, history[i-1].Version, history[i].Version)
	}
}

func TestSegmentsAreBounded(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	for name, g := range map[string]rampart.Segment{
		"no name":              {},
		"too many keys":        {Name: "s", Keys: make([]string, rampart.MaxSegmentKeys+1)},
		"too large":            {Name: "s", Keys: []string{strings.Repeat("x", rampart.MaxSegmentBytes)}},
		"names another":        {Name: "s", Rules: []rampart.Rule{{Segment: "t"}}},
		"a name with a colon":  {Name: "a:b"},
		"a name of a template": {Name: "{s}"},
	} {
		_, err := s.PutSegment(ctx, g, "ann", "")
		require.Equal(t, rampart.Invalid, rampart.KindOf(err), name)
	}
	_, err := s.PutSegment(ctx, rampart.Segment{Name: "s", Keys: slices.Repeat([]string{strings.Repeat("k", 36)}, rampart.MaxSegmentKeys)}, "ann", "")
	require.NoError(t, err)
}

func FuzzNamesAndReasons(f *testing.F) {
	s, _ := open(f)
	ctx := context.Background()
	fence := int64(0)
	f.Add("f", "ann", "fire")
	f.Add("a.b-c_d", "ann smith", "line\nbreak \x00 \" \\ \u2028")
	f.Add("}{", "\xff", "1 2 3 . f f 4\n{}")
	f.Add("f:g", "", strings.Repeat("é", 2000))
	f.Fuzz(func(t *testing.T, name, by, reason string) {
		fence++
		w := with(expose(fence, 100), func(w *flagstore.Write) { w.Flag.Name, w.By, w.Reason = name, by, reason })
		_, err := s.Put(ctx, w)
		if rampart.CheckName("a flag", name) != nil {
			require.Equal(t, rampart.Invalid, rampart.KindOf(err))
			return
		}
		require.NoError(t, err)
		killed, err := s.Kill(ctx, name, by, reason)
		require.NoError(t, err)
		_, err = s.Lift(ctx, name, by, reason, killed.Kill.Version)
		require.NoError(t, err)
		history, err := s.History(ctx, name, 3)
		require.NoError(t, err)
		require.Len(t, history, 3)
		for _, e := range history {
			require.Equal(t, history[0].By, e.By)
			require.Equal(t, history[0].Reason, e.Reason)
			require.True(t, utf8.ValidString(e.Reason))
			if utf8.ValidString(reason) && len(reason) < 1000 {
				require.Equal(t, reason, e.Reason)
			}
		}
		require.Equal(t, history[0].Reason, get(t, s, name).Kill.Reason)
	})
}
