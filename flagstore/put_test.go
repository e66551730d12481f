package flagstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// with changes a write.
func with(w flagstore.Write, change func(*flagstore.Write)) flagstore.Write {
	change(&w)
	return w
}

func by(owner string) func(*flagstore.Write) {
	return func(w *flagstore.Write) { w.Pen.Owner = owner }
}

func acknowledged(fence int64) func(*flagstore.Write) {
	return func(w *flagstore.Write) { w.Acknowledged = began + fence }
}

func include(segment string) func(*flagstore.Write) {
	return func(w *flagstore.Write) { w.Flag.Include = append(w.Flag.Include, rampart.Rule{Segment: segment}) }
}

func where(region ...string) func(*flagstore.Write) {
	return func(w *flagstore.Write) { w.Flag.Where = []rampart.Rule{{Attribute: "region", In: region}} }
}

func TestOwnedNamesTheOwner(t *testing.T) {
	s, _ := open(t)
	put(t, s, with(expose(1, 100), by("launch/test/other")))
	_, err := s.Put(context.Background(), expose(2, 100))
	require.ErrorContains(t, err, "launch/test/other")
}

func TestPutStoresWhatItIsTold(t *testing.T) {
	s, _ := open(t)
	w := expose(1, 500)
	w.Flag.HighWater, w.Flag.Phase, w.Lease = 200, rampart.Debug, time.Hour
	ack := put(t, s, w)

	e := get(t, s, "f")
	require.Equal(t, launch, e.Owner)
	require.Equal(t, began+1, e.Flag.Version)
	require.Equal(t, began+1, e.Flag.ChangedAt)
	require.Equal(t, "ann", e.Flag.ChangedBy)
	require.Equal(t, rampart.Percent(500), e.Flag.HighWater, "nobody exposed is above the high-water mark")
	require.Equal(t, rampart.Duration(time.Hour), e.Flag.Lease)
	require.Equal(t, began+1, e.Lease.Version)

	history, err := s.History(context.Background(), "f", 10)
	require.NoError(t, err)
	require.Len(t, history, 1)
	require.Equal(t, strconv.FormatInt(ack.Revision, 10)+"-0", history[0].ID)
	require.Positive(t, history[0].At)
	history[0].ID, history[0].At = "", 0
	require.Equal(t, rampart.Event{Flag: "f", Verb: "expose", Version: began + 1, Exposure: 500, Phase: rampart.Debug,
		Owner: launch, By: "ann", Reason: "step"}, history[0])
}

func TestRetryIsRecognisedAfterThePenWasHandedOn(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	last := expose(1, 0)
	last.NewOwner = own
	first := put(t, s, last)
	require.False(t, first.Duplicate)
	require.Equal(t, own, get(t, s, "f").Owner)

	again := put(t, s, last) // the reply was lost
	require.True(t, again.Duplicate)
	require.Equal(t, first.Version, again.Version)
	require.GreaterOrEqual(t, again.Revision, first.Revision)
	history, err := s.History(ctx, "f", 10)
	require.NoError(t, err)
	require.Len(t, history, 1)

	_, err = s.Put(ctx, expose(2, 100))
	require.ErrorIs(t, err, flagstore.ErrOwned, "the launch has handed its pen on")
}

func TestRefusedWriteLeavesNoTrace(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	put(t, s, expose(10, 500))
	dump := func() map[string]string {
		all, err := srv.Client().HGetAll(ctx, state).Result()
		require.NoError(t, err)
		pens, err := srv.Client().HGetAll(ctx, "rampart:{test}:pens").Result()
		require.NoError(t, err)
		for k, v := range pens {
			all[k] = v
		}
		n, err := srv.Client().XLen(ctx, "rampart:{test}:audit").Result()
		require.NoError(t, err)
		all["audit"] = strconv.FormatInt(n, 10)
		return all
	}
	before := dump()
	for _, w := range []flagstore.Write{expose(9, 1), expose(10, 1), with(expose(11, 1), by("x")), with(expose(50, 1), acknowledged(20))} {
		_, err := s.Put(ctx, w)
		require.Error(t, err)
	}
	require.Equal(t, before, dump())
}

func TestPutRefusesWhatNoWriterMeans(t *testing.T) {
	s, srv := open(t)
	for name, change := range map[string]func(*flagstore.Write){
		"no name":                     func(w *flagstore.Write) { w.Flag.Name = "" },
		"a name with a brace":         func(w *flagstore.Write) { w.Flag.Name = "a}b" },
		"a name with a line break":    func(w *flagstore.Write) { w.Flag.Name = "a\nb" },
		"no fence":                    func(w *flagstore.Write) { w.Pen.Fence = 0 },
		"a fence beyond exactness":    func(w *flagstore.Write) { w.Pen.Fence = 1 << 53 },
		"no owner":                    func(w *flagstore.Write) { w.Pen.Owner = "" },
		"an owner with a space":       func(w *flagstore.Write) { w.Pen.Owner = "a b" },
		"an heir with a line break":   func(w *flagstore.Write) { w.NewOwner = "a\nb" },
		"more than everybody":         func(w *flagstore.Write) { w.Flag.Exposure = rampart.Full + 1 },
		"less than nobody":            func(w *flagstore.Write) { w.Flag.Exposure = -1 },
		"a lease before its start":    func(w *flagstore.Write) { w.Lease = -1 },
		"a value that is not JSON":    func(w *flagstore.Write) { w.Flag.On = json.RawMessage("{") },
		"a document beyond its limit": func(w *flagstore.Write) { w.Flag.Purpose = strings.Repeat("x", rampart.MaxFlagBytes) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Put(context.Background(), with(expose(1, 100), change))
			require.Equal(t, rampart.Invalid, rampart.KindOf(err), "%v", err)
		})
	}
	n, err := srv.Client().HLen(context.Background(), state).Result()
	require.NoError(t, err)
	require.EqualValues(t, 4, n, "only what setup wrote")
}

func TestBigNumbersKeepAllTheirDigits(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	const big = int64(1)<<53 - 100
	require.NoError(t, srv.Client().HSet(ctx, state, "revision", big, "f:f", strconv.FormatInt(big, 10)+" {}").Err())
	sub, err := s.Follow(ctx)
	require.NoError(t, err)
	defer func() { _ = sub.Close() }()

	w := expose(0, 100)
	w.Pen.Fence, w.Acknowledged = big+1, big
	require.Equal(t, flagstore.Ack{Version: big + 1, Revision: big + 1}, put(t, s, w))
	c, err := sub.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, big, c.Previous)
	require.Equal(t, big+1, c.Revision)
	require.Equal(t, big+1, c.Flag.Version)
	require.Equal(t, big+1, get(t, s, "f").Flag.Version)
}

func TestFencesOnlyGrowUnderManyWriters(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	const writers, each = 8, 30
	done := make(chan error, writers+1)
	go func() {
		for j := range int64(each) {
			if _, err := s.Acquire(ctx, ask(launch, 1+j)); err != nil && !errors.Is(err, flagstore.ErrNotFound) {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := range int64(writers) {
		go func() {
			for j := range int64(each) {
				_, err := s.Put(ctx, expose(1+j*writers+i, rampart.Percent(i)))
				if err != nil && !errors.Is(err, flagstore.ErrStale) && !errors.Is(err, flagstore.ErrDrift) {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range writers + 1 {
		require.NoError(t, <-done)
	}
	require.GreaterOrEqual(t, get(t, s, "f").Flag.Version, began+writers*each)
	history, err := s.History(ctx, "f", 1000)
	require.NoError(t, err)
	for i := 1; i < len(history); i++ {
		require.Greater(t, history[i-1].Version, history[i].Version)
	}
}

func TestTurningBackGoesThroughWhenMemoryIsFull(t *testing.T) {
	ctx := context.Background()
	s, srv := open(t)
	put(t, s, expose(1, 500))
	require.NoError(t, srv.Client().ConfigSet(ctx, "maxmemory", "1").Err())
	put(t, s, expose(2, 0))
	_, err := s.Kill(ctx, "f", "ann", "fire")
	require.NoError(t, err)
}

func raises(w *flagstore.Write) { w.Raises = true }
