package flagstore_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

func TestPutAnswers(t *testing.T) {
	ctx := context.Background()
	const hour = int64(time.Hour / time.Millisecond)
	type world struct {
		*testing.T
		*flagstore.Store
		*redistest.Server
	}
	first := expose(10, 500)
	stored := func(w world) { put(w.T, w.Store, first) }
	killed := func(w world) {
		stored(w)
		_, err := w.Store.Kill(ctx, "f", "ann", "fire")
		require.NoError(w, err)
	}
	tests := []struct {
		name  string
		given func(world)
		write flagstore.Write
		want  error
		then  int64 // fence stored afterwards
	}{
		{name: "a new flag is written", write: first, then: 10},
		{name: "a later fence writes", given: stored, write: expose(11, 700), then: 11},
		{name: "the same write again is a retry", given: stored, write: first, then: 10},
		{name: "an earlier fence is a zombie", given: stored, write: expose(9, 9000), want: flagstore.ErrStale, then: 10},
		{name: "another document under the same version is drift", given: stored, write: expose(10, 600), want: flagstore.ErrDrift, then: 10},
		{
			name: "a document edited by hand is drift", write: first, want: flagstore.ErrDrift, then: 10,
			given: func(w world) {
				stored(w)
				field, err := w.Client().HGet(ctx, state, "f:f").Result()
				require.NoError(w, err)
				require.NoError(w, w.Client().HSet(ctx, state, "f:f", strings.Replace(field, `"exposure":5`, `"exposure":50`, 1)).Err())
			},
		},
		{
			name: "a store emptied since the last write has lost it", write: with(expose(11, 700), acknowledged(10)), want: flagstore.ErrLost,
			given: func(w world) { stored(w); require.NoError(w, w.Client().FlushAll(ctx).Err()) },
		},
		{
			name: "a failover to an older state is loss", given: stored, write: with(expose(30, 700), acknowledged(20)),
			want: flagstore.ErrLost, then: 10,
		},
		{
			name: "loss shows even where an older state names another owner", write: with(expose(30, 700), acknowledged(20)), want: flagstore.ErrLost, then: 10,
			given: func(w world) { put(w.T, w.Store, with(first, by(own))) },
		},
		{
			name: "a field that cannot be read is loss", write: with(expose(11, 700), acknowledged(10)), want: flagstore.ErrLost,
			given: func(w world) { stored(w); require.NoError(w, w.Client().HSet(ctx, state, "f:f", "rubbish").Err()) },
		},
		{
			name: "who accepts the loss writes again, before the store is set up", write: expose(11, 700), then: 11,
			given: func(w world) { stored(w); require.NoError(w, w.Client().FlushAll(ctx).Err()) },
		},
		{name: "another owner holds the pen", given: stored, write: with(expose(11, 700), by("launch/test/other")), want: flagstore.ErrOwned, then: 10},
		{name: "another owner holds the pen, whatever the fence", given: stored, write: with(expose(9, 700), by("x")), want: flagstore.ErrOwned, then: 10},
		{
			name: "a pen that nobody holds is taken", write: with(expose(11, 700), by("x")), then: 11,
			given: func(w world) { stored(w); require.NoError(w, w.Client().Del(ctx, "rampart:{test}:pens").Err()) },
		},
		{name: "a clock that is wrong by two hours is refused", given: stored, write: expose(2*hour, 700), want: flagstore.ErrAhead, then: 10},
		{name: "a clock that is wrong by half an hour is not", given: stored, write: expose(hour/2, 700), then: hour / 2},
		{
			name: "the version after a stored one from the future is let through", write: expose(5*hour+1, 0), then: 5*hour + 1,
			given: func(w world) {
				require.NoError(w, w.Client().HSet(ctx, state, "f:f", strconv.FormatInt(began+5*hour, 10)+" {}").Err())
			},
		},
		{name: "a killed flag is not raised", given: killed, write: expose(11, 600), want: flagstore.ErrKilled, then: 10},
		{name: "a killed flag is lowered", given: killed, write: expose(11, 400), then: 11},
		{name: "a killed flag is written at what it has", given: killed, write: expose(11, 500), then: 11},
		{name: "a killed flag goes to the baseline", given: killed, write: expose(11, 0), then: 11},
		{name: "a killed flag gets no audience by rule", given: killed, write: with(expose(11, 0), include("internal")), want: flagstore.ErrKilled, then: 10},
		{
			name: "a killed flag keeps its audience by rule", write: with(expose(12, 300), include("internal")), then: 12,
			given: func(w world) {
				put(w.T, w.Store, with(expose(10, 500), include("internal")))
				_, err := w.Store.Kill(ctx, "f", "ann", "fire")
				require.NoError(w, err)
			},
		},
		{
			name: "a killed flag is not shown to other regions", write: with(expose(12, 500), where("eu", "us")), want: flagstore.ErrKilled, then: 10,
			given: func(w world) {
				put(w.T, w.Store, with(expose(10, 500), where("eu")))
				_, err := w.Store.Kill(ctx, "f", "ann", "fire")
				require.NoError(w, err)
			},
		},
		{
			name: "the document of a killed flag is written again where it is lost", write: expose(11, 700), then: 11,
			given: func(w world) { killed(w); require.NoError(w, w.Client().HDel(ctx, state, "f:f").Err()) },
		},
		{
			name: "a killed flag is not raised where its document is lost", write: with(expose(11, 500), raises), want: flagstore.ErrKilled,
			given: func(w world) { killed(w); require.NoError(w, w.Client().HDel(ctx, state, "f:f").Err()) },
		},
		{
			name: "a killed flag is not raised below what a hand has written", write: with(expose(11, 600), raises), want: flagstore.ErrKilled, then: 10,
			given: func(w world) {
				killed(w)
				require.NoError(w, w.Client().HSet(ctx, state, "f:f", strconv.FormatInt(began+10, 10)+` {"exposure":90}`).Err())
			},
		},
		{
			name: "a lifted kill is no kill", write: expose(11, 600), then: 11,
			given: func(w world) {
				killed(w)
				k, _, err := w.Store.Killed(ctx, "f")
				require.NoError(w, err)
				_, err = w.Lift(ctx, "f", "ben", "water", k.Version)
				require.NoError(w, err)
			},
		},
	}
	s, srv := open(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			empty(t, s, srv)
			if test.given != nil {
				test.given(world{t, s, srv})
			}
			ack, err := s.Put(ctx, test.write)
			if test.want != nil {
				require.ErrorIs(t, err, test.want)
				require.Equal(t, rampart.Refused, rampart.KindOf(err))
				require.NotEmpty(t, rampart.HintOf(err))
			} else {
				require.NoError(t, err)
				require.Positive(t, ack.Revision)
			}
			if test.then == 0 {
				require.Zero(t, ack.Version)
				return
			}
			require.Equal(t, began+test.then, ack.Version)
			if test.then != 10 || test.want == nil {
				require.Equal(t, test.write.Flag.Exposure, get(t, s, "f").Flag.Exposure)
			}
		})
	}
}
