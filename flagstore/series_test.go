package flagstore_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// point returns that of the nth look at a launch.
func point(n int) flagstore.Point {
	return flagstore.Point{At: began + int64(n)*1000, Phase: rampart.Debug, Exposure: 500, Word: rampart.Holding}
}

// full returns a point of a plan with that many gates that compare the arms.
func full(n, gates int) flagstore.Point {
	p := point(n)
	p.Share, p.SampleRatio = 0.0312, &flagstore.RatioPoint{On: 61_200, Off: 1_163_000, LogE: -3.25}
	for i := range gates {
		p.Gates = append(p.Gates, flagstore.GatePoint{
			Gate: fmt.Sprintf("errors-of-part-%d", i), Kind: rampart.KindRatio, Word: rampart.Undecided,
			Value: ptr(1.04), Low: ptr(0.9123), High: ptr(1.187), LogE: -1.5, Share: 0.03, OnN: 61_234, OffN: 1_163_446, Phi: 1.8,
		})
	}
	return p
}

// looks keeps that many looks at a launch, one after the other.
func looks(t *testing.T, s *flagstore.Store, n int, look func(int) flagstore.Point) {
	t.Helper()
	for i := range n {
		require.NoError(t, s.PutLook(t.Context(), "f", "run-1", []byte("blob"), look(i)))
	}
}

func series(t *testing.T, s *flagstore.Store) []flagstore.Point {
	t.Helper()
	got, err := s.Series(t.Context(), "f", "run-1")
	require.NoError(t, err)
	return got
}

func TestPointIsReadAsItWasWritten(t *testing.T) {
	with := func(change func(*flagstore.Point)) flagstore.Point {
		p := full(1, 2)
		change(&p)
		return p
	}
	for _, c := range []struct {
		name          string
		written, want flagstore.Point
	}{
		{"without gates", point(1), point(1)},
		{"with all that there is", full(1, 3), full(1, 3)},
		{"of a gate that counts nothing", with(func(p *flagstore.Point) {
			p.Gates[1] = flagstore.GatePoint{Gate: "pool", Kind: rampart.KindThreshold, Word: rampart.Breach, Value: ptr(61.0)}
		}), with(func(p *flagstore.Point) {
			p.Gates[1] = flagstore.GatePoint{Gate: "pool", Kind: rampart.KindThreshold, Word: rampart.Breach, Value: ptr(61.0)}
		})},
		{"with figures of many sizes", with(func(p *flagstore.Point) {
			p.Gates[0].Value, p.Gates[0].Low, p.Gates[0].High, p.Gates[0].LogE = ptr(0.0), ptr(-1.234e-30), ptr(5.678e20), -0.001234
		}), with(func(p *flagstore.Point) {
			p.Gates[0].Value, p.Gates[0].Low, p.Gates[0].High, p.Gates[0].LogE = ptr(0.0), ptr(-1.234e-30), ptr(5.678e20), -0.001234
		})},
		{"less what is no number", with(func(p *flagstore.Point) {
			p.Gates[0].High, p.Gates[0].Value, p.Gates[1].LogE = ptr(math.Inf(1)), ptr(math.NaN()), math.Inf(-1)
		}), with(func(p *flagstore.Point) {
			p.Gates[0].High, p.Gates[0].Value, p.Gates[1].LogE, p.Gates[1].Share = nil, nil, 0, 0
		})},
		{"less the digits that nobody reads", with(func(p *flagstore.Point) { p.Gates[0].OnN, p.Share = 12.4, 0.123456 }),
			with(func(p *flagstore.Point) { p.Gates[0].OnN, p.Share = 12, 0.1235 })},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := open(t)
			require.NoError(t, s.PutLook(t.Context(), "f", "run-1", nil, c.written))
			require.Equal(t, []flagstore.Point{c.want}, series(t, s))
		})
	}
}

func TestSeriesIsThinnedEvenlyAndEndsWithTheLastLook(t *testing.T) {
	for _, c := range []struct{ looks, every int }{
		{1, 1}, {2, 1}, {flagstore.MaxPoints, 1}, {flagstore.MaxPoints + 1, 2}, {2*flagstore.MaxPoints - 1, 2}, {2 * flagstore.MaxPoints, 4}, {1500, 8},
	} {
		t.Run(fmt.Sprintf("after %d looks, of which each %dth is kept", c.looks, c.every), func(t *testing.T) {
			s, _ := open(t)
			looks(t, s, c.looks, point)
			var want []flagstore.Point
			for i := range c.looks {
				if i%c.every == 0 || i == c.looks-1 {
					want = append(want, point(i))
				}
			}
			got := series(t, s)
			require.Equal(t, want, got)
			require.LessOrEqual(t, len(got), flagstore.MaxPoints)
		})
	}
}

func TestLookIsToldOnce(t *testing.T) {
	ctx := t.Context()
	s, srv := open(t)
	looks(t, s, 3, point)
	require.NoError(t, s.PutLook(ctx, "f", "run-1", []byte("blob"), point(2)), "a retry")
	require.ErrorIs(t, s.PutLook(ctx, "f", "run-1", []byte("of another"), full(2, 1)), flagstore.ErrStale)
	require.ErrorIs(t, s.PutLook(ctx, "f", "run-1", []byte("of a zombie"), full(1, 1)), flagstore.ErrStale)
	require.Equal(t, []flagstore.Point{point(0), point(1), point(2)}, series(t, s))

	// The evidence is lost, and an attempt that had it takes up from before.
	require.NoError(t, srv.Client().Del(ctx, "rampart:{test}:evidence:f:run-1").Err())
	looks(t, s, 4, point)
	require.Equal(t, []flagstore.Point{point(0), point(1), point(2), point(3)}, series(t, s))

	other, err := s.Series(ctx, "f", "run-2")
	require.NoError(t, err)
	require.Empty(t, other, "of another launch")
	srv.Restart()
	require.Empty(t, series(t, s), "all is lost")
	require.NoError(t, s.PutLook(ctx, "f", "run-1", nil, point(9)))
	require.Equal(t, []flagstore.Point{point(9)}, series(t, s))
}

func TestOfManyWatchesOneTellsALook(t *testing.T) {
	s, _ := open(t)
	const many = 16
	results := make(chan error, many)
	for i := range many {
		go func() {
			results <- s.PutLook(context.Background(), "f", "run-1", fmt.Appendf(nil, "watch %d", i), full(1, i))
		}()
	}
	won := 0
	for range many {
		if <-results == nil {
			won++
		}
	}
	require.Equal(t, 1, won)
	require.Len(t, series(t, s), 1)
}

func TestStagesHaveOtherGates(t *testing.T) {
	s, _ := open(t)
	look := func(n int) flagstore.Point {
		p := full(n, 1+n%3)
		p.Phase = rampart.Phases[n%3]
		return p
	}
	looks(t, s, 600, look)
	for i, p := range series(t, s)[:128] {
		require.Equal(t, look(4*i), p)
	}
}

func TestSeriesIsSmallAndLastsForAYear(t *testing.T) {
	s, srv := open(t)
	looks(t, s, flagstore.MaxPoints-1, func(n int) flagstore.Point { return full(n, 12) })
	used, err := srv.Client().MemoryUsage(t.Context(), "rampart:{test}:series:f:run-1", 0).Result()
	require.NoError(t, err)
	require.Less(t, used, int64(120<<10), "of a dozen gates that all compare, at its longest")
	life, err := srv.Client().PTTL(t.Context(), "rampart:{test}:series:f:run-1").Result()
	require.NoError(t, err)
	require.Greater(t, life, flagstore.SeriesLife-time.Hour)
}

func TestPlanWithVeryManyGatesIsToldOfInPart(t *testing.T) {
	s, _ := open(t)
	require.NoError(t, s.PutLook(t.Context(), "f", "run-1", nil, full(1, 500)))
	require.Equal(t, []flagstore.Point{full(1, 64)}, series(t, s))
}

func TestSeriesThatCannotBeReadSaysSo(t *testing.T) {
	for name, latest := range map[string]string{
		"a point of nothing": "x", "one cut short": "\x00\x20abcdefgh", "one of a layout that is lost": "\x00\x06abcdef",
	} {
		s, srv := open(t)
		require.NoError(t, srv.Client().HSet(t.Context(), "rampart:{test}:series:f:run-1", "latest", latest).Err())
		_, err := s.Series(t.Context(), "f", "run-1")
		require.ErrorContains(t, err, "cannot be read", name)
	}
	s, _ := open(t)
	_, err := s.Series(t.Context(), "f", "{}")
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
}
