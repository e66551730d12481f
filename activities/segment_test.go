package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// segmentsOf implements activities.Segments over workflows that write at once.
type segmentsOf struct {
	w     *world
	meant map[string]rampart.Segment
	asked []string
	after int  // flags that had been restored when the last was asked
	deaf  bool // they do not answer
}

func (s *segmentsOf) SegmentsMeant(context.Context) (map[string]string, error) {
	meant := map[string]string{}
	for name, g := range s.meant {
		meant[name] = activities.SegmentAttestation(g)
	}
	return meant, nil
}

func (s *segmentsOf) RestoreSegment(ctx context.Context, name, why string) error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.asked, s.after = append(s.asked, name), len(s.w.restored)
	if s.deaf {
		return errors.New("nobody answers")
	}
	g := s.meant[name]
	there, err := s.w.LookForSegment(ctx, activities.SegmentLook{Segment: name, Meant: activities.SegmentAttestation(g)})
	if err != nil || there {
		return err
	}
	g.Version++
	s.meant[name] = g
	_, err = s.w.PutSegment(ctx, activities.PutSegmentInput{Segment: g, Verb: "restore", By: "its workflow", Reason: why})
	return err
}

// withSegment has a segment be meant, and stored.
func (w *world) withSegment(name string, keys ...string) *segmentsOf {
	w.t.Helper()
	g := rampart.Segment{Format: rampart.FlagFormat, Name: name, Version: 1000, Keys: keys, ChangedBy: "ann"}
	got, err := w.PutSegment(w.t.Context(), activities.PutSegmentInput{Segment: g, Verb: "segment", By: "ann"})
	require.NoError(w.t, err)
	require.Equal(w.t, activities.Written, got.Answer)
	s := &segmentsOf{w: w, meant: map[string]rampart.Segment{name: g}}
	w.Activities.Segments = s
	return s
}

// passes makes some passes, a minute after each other.
func (w *world) passes(n int) {
	w.t.Helper()
	for range n {
		_, err := w.pass()
		require.NoError(w.t, err)
		w.now = w.now.Add(time.Minute)
	}
}

func (w *world) scribble(field string) {
	w.t.Helper()
	require.NoError(w.t, w.redis.Client().HSet(w.t.Context(), "rampart:{"+env+"}:state", "s:internal", field).Err())
}

func TestASegmentIsWrittenUnderAFence(t *testing.T) {
	w := newWorld(t)
	w.withSegment("internal", "ann")
	put := func(version int64, key string) activities.SegmentPut {
		got, err := w.PutSegment(t.Context(), activities.PutSegmentInput{
			Segment: rampart.Segment{Format: rampart.FlagFormat, Name: "internal", Version: version, Keys: []string{key}}, By: "bo", Verb: "segment"})
		require.NoError(t, err)
		return got
	}
	for _, c := range []struct {
		name    string
		version int64
		key     string
		want    activities.SegmentPut
	}{
		{"a later version is written", 2000, "bo", activities.SegmentPut{Answer: activities.Written, Stored: 2000}},
		{"a retry is recognised", 2000, "bo", activities.SegmentPut{Answer: activities.Written, Stored: 2000}},
		{"another document under the same version is refused", 2000, "eve", activities.SegmentPut{Answer: activities.Stale, Stored: 2000}},
		{"and so is a zombie", 1500, "eve", activities.SegmentPut{Answer: activities.Stale, Stored: 2000}},
	} {
		require.Equal(t, c.want, put(c.version, c.key), c.name)
	}
	g, err := w.Store.Segment(t.Context(), "internal")
	require.NoError(t, err)
	require.Equal(t, []string{"bo"}, g.Keys)
}

func TestASegmentThatIsNotAsMeantTwiceIsRestored(t *testing.T) {
	for what, change := range map[string]func(*world){
		"gone": func(w *world) {
			require.NoError(w.t, w.redis.Client().HDel(w.t.Context(), "rampart:{"+env+"}:state", "s:internal").Err())
		},
		"older":                      func(w *world) { w.scribble(`999 {"format":1,"name":"internal","version":999}`) },
		"edited at the same version": func(w *world) { w.scribble(`1000 {"format":1,"name":"internal","version":1000,"keys":["eve"]}`) },
		"unreadable":                 func(w *world) { w.scribble(`1000 {no JSON`) },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			s := w.withSegment("internal", "ann")
			w.passes(2)
			change(w)
			w.passes(1)
			require.Empty(t, s.asked, "the index may lag")
			w.passes(4)
			require.Equal(t, []string{"internal"}, s.asked)
			g, err := w.Store.Segment(t.Context(), "internal")
			require.NoError(t, err)
			require.Equal(t, []string{"ann"}, g.Keys)
			require.Equal(t, "ann", g.ChangedBy, "who applied it")
		})
	}
}

func TestASegmentThatWasWrittenPastItsWorkflowIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	s := w.withSegment("internal", "ann")
	_, err := w.Store.PutSegment(t.Context(), rampart.Segment{Name: "internal", Keys: []string{"bo"}}, "bo", "by an older rampart")
	require.NoError(t, err)
	w.passes(4)
	require.Empty(t, s.asked)
}

func TestSegmentsAreComparedOnceAMinute(t *testing.T) {
	w := newWorld(t)
	s := w.withSegment("internal", "ann")
	w.scribble(`999 {"format":1,"name":"internal","version":999}`)
	for range 5 {
		_, err := w.pass()
		require.NoError(t, err)
	}
	require.Empty(t, s.asked)
}

func TestAnEmptiedStoreGetsItsSegmentsBackBeforeItsEpoch(t *testing.T) {
	w := newWorld(t)
	s := w.withSegment("internal", "ann")
	w.passes(1)
	s.deaf = true
	require.NoError(t, w.redis.Client().FlushAll(t.Context()).Err())
	_, err := w.pass()
	require.ErrorContains(t, err, "restore segment internal: nobody answers")
	require.Len(t, w.restored, 1, "the flag is restored all the same")
	require.Zero(t, s.after, "and not before whom it may hold out")
	meta, err := w.Store.Meta(t.Context())
	require.NoError(t, err)
	require.Empty(t, meta.Epoch)

	s.deaf = false
	note, err := w.pass()
	require.NoError(t, err)
	require.Equal(t, "the store had lost everything; 1 flags restored, 1 segments", note)
	g, err := w.Store.Segment(t.Context(), "internal")
	require.NoError(t, err)
	require.Equal(t, []string{"ann"}, g.Keys)
	meta, err = w.Store.Meta(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, meta.Epoch)
}
