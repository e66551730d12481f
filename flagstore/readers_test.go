package flagstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

func TestReadersConfirm(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	confirm := func(id string, revision int64) {
		t.Helper()
		readers, err := s.Confirm(ctx, flagstore.Reader{ID: id, Service: "shop", Revision: revision})
		require.NoError(t, err)
		require.Positive(t, readers)
	}
	const revision = int64(1_800_000_000_000_001)
	confirm("b", revision)
	confirm("a", revision-1)
	confirm("c", revision+1)

	confirmed, total, err := s.Confirmed(ctx, revision)
	require.NoError(t, err)
	require.Equal(t, []int{2, 3}, []int{confirmed, total})
	got, lagging, err := s.WaitConfirmed(ctx, revision, 20*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, []int{2, 3}, []int{got.Confirmed, got.Readers})
	require.Len(t, lagging, 1)
	require.Equal(t, "a", lagging[0].ID)
	require.Equal(t, revision-1, lagging[0].Revision)

	done := make(chan error, 1)
	go func() {
		got, lagging, err := s.WaitConfirmed(ctx, revision, time.Minute)
		if err == nil && (got.Confirmed != 3 || len(lagging) > 0) {
			err = fmt.Errorf("%+v %v", got, lagging)
		}
		done <- err
	}()
	confirm("a", revision)
	require.NoError(t, <-done)

	silent := time.Now().Add(-2 * flagstore.Silence).UnixMilli()
	require.NoError(t, srv.Client().ZAdd(ctx, "rampart:{test}:readers:seen", redis.Z{Score: float64(silent), Member: "b"}).Err())
	all, err := s.Readers(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "c"}, []string{all[0].ID, all[1].ID})
	require.WithinDuration(t, time.Now(), all[0].At, time.Minute)
	_, total, err = s.Confirmed(ctx, revision)
	require.NoError(t, err)
	require.Equal(t, 2, total, "who is silent for a minute is gone")
	for _, key := range []string{"readers", "readers:seen", "readers:at"} {
		ids, err := srv.Client().Eval(ctx, "return redis.call(redis.call('TYPE', KEYS[1]).ok == 'hash' and 'HLEN' or 'ZCARD', KEYS[1])",
			[]string{"rampart:{test}:" + key}).Int()
		require.NoError(t, err)
		require.Equal(t, 2, ids, key)
	}
}

func TestAReaderThatLeavesIsNotCounted(t *testing.T) {
	s, _ := open(t)
	_, err := s.Confirm(t.Context(), flagstore.Reader{ID: "a", Revision: 5})
	require.NoError(t, err)
	_, err = s.Confirm(t.Context(), flagstore.Reader{ID: "b", Revision: 5})
	require.NoError(t, err)
	require.NoError(t, s.Leave(t.Context(), "a"))
	require.NoError(t, s.Leave(t.Context(), "a"), "leaving twice is fine")
	confirmed, total, err := s.Confirmed(t.Context(), 5)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{confirmed, total})
}

func TestManyReadersConfirmAndLeaveInOneWrite(t *testing.T) {
	s, srv := open(t)
	reader := dialed(t, srv.ReaderURL()) // with the rights that a relay has
	var all []flagstore.Reader
	var gone []string
	for i := range 1200 {
		id := fmt.Sprintf("reader-%d", i)
		all = append(all, flagstore.Reader{ID: id, Service: "shop", Via: "node-1", Revision: int64(10 + i%2)})
		if i < 700 {
			gone = append(gone, id)
		}
	}
	total, err := reader.ConfirmAll(t.Context(), all, nil)
	require.NoError(t, err)
	require.Equal(t, 1200, total)
	confirmed, total, err := s.Confirmed(t.Context(), 11)
	require.NoError(t, err)
	require.Equal(t, []int{600, 1200}, []int{confirmed, total})
	listed, err := s.Readers(t.Context())
	require.NoError(t, err)
	require.Equal(t, "node-1", listed[0].Via)

	total, err = reader.ConfirmAll(t.Context(), all[:1], gone[1:])
	require.NoError(t, err)
	require.Equal(t, 501, total)
	total, err = reader.ConfirmAll(t.Context(), []flagstore.Reader{all[0]}, []string{all[0].ID})
	require.NoError(t, err)
	require.Equal(t, 501, total, "who comes back has not left")
}

func TestConfirmRefusesReadersWithoutAName(t *testing.T) {
	s, _ := open(t)
	for _, r := range []flagstore.Reader{{}, {ID: strings.Repeat("x", 300)}, {ID: "a", Service: strings.Repeat("x", 300)}} {
		_, err := s.Confirm(context.Background(), r)
		require.Equal(t, rampart.Invalid, rampart.KindOf(err))
	}
}

func TestNobodyToWaitForIsNoWait(t *testing.T) {
	s, _ := open(t)
	got, lagging, err := s.WaitConfirmed(context.Background(), 1, time.Hour)
	require.NoError(t, err)
	require.Zero(t, got.Readers)
	require.Empty(t, lagging)
}
