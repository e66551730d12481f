package flagstore_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

func TestASegmentIsWrittenUnderAVersionOfItsWorkflow(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	write := func(version int64, keys ...string) (flagstore.Ack, error) {
		return s.WriteSegment(ctx, flagstore.SegmentWrite{
			Segment: rampart.Segment{Format: rampart.FlagFormat, Name: "beta", Version: version, Keys: keys, ChangedBy: "ann"}, Verb: "segment", By: "ann"})
	}
	first, err := write(1000, "u1")
	require.NoError(t, err)
	require.False(t, first.Duplicate)
	retry, err := write(1000, "u1")
	require.NoError(t, err)
	require.Equal(t, flagstore.Ack{Version: 1000, Revision: first.Revision, Duplicate: true}, retry)
	for _, version := range []int64{999, 1000} {
		ack, err := write(version, "u2")
		require.ErrorIs(t, err, flagstore.ErrStale)
		require.EqualValues(t, 1000, ack.Version)
	}
	_, err = write(0, "u2")
	require.ErrorContains(t, err, "version 0")

	require.NoError(t, srv.Client().FlushAll(ctx).Err())
	_, err = write(1001, "u1")
	require.NoError(t, err, "it is how a store that has lost everything gets its segments back")
	got, err := s.Segment(ctx, "beta")
	require.NoError(t, err)
	require.Equal(t, []string{"u1"}, got.Keys)
	require.EqualValues(t, 1001, got.Version)
}

func TestDigestsOfSegmentsTellTheirDocumentsApart(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	stored, err := s.PutSegment(ctx, rampart.Segment{Name: "beta", Keys: []string{"u1"}}, "ann", "")
	require.NoError(t, err)
	require.NoError(t, srv.Client().HSet(ctx, state, "s:broken", "7 {no JSON").Err())
	got, err := s.SegmentDigests(ctx, "beta", "broken", "absent")
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, flagstore.SegmentDigest{Version: stored.Version, Digest: flagstore.DigestSegment(stored)}, got["beta"])
	require.EqualValues(t, 7, got["broken"].Version)
	edited := stored
	edited.Keys = []string{"u2"}
	require.NotEqual(t, got["beta"].Digest, flagstore.DigestSegment(edited))
}
