package gates_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// next judges the tick that was planned, and returns how long after the last it is.
func (w *walk) next() (time.Duration, rampart.Verdict) {
	w.t.Helper()
	last := w.look.At
	if w.look.At = w.state.Next(); !w.look.At.After(last) {
		w.look.At = last.Add(w.look.Every)
	}
	return w.look.At.Sub(last), w.judgeNow()
}

// calm is a walk that has been well for so long that it is looked at seldom.
func calm(t *testing.T, specs ...rampart.Gate) *walk {
	w := newWalk(t, specs...)
	w.world.values["pool"] = 12
	w.world.requests(200, 2, 1800, 18)
	w.look.StepSince = noon.Add(-2 * time.Hour)
	w.ticks(60 + 2) // from the first looks, which are few, until a quarter of an hour is over
	for range 2 {
		w.next()
	}
	return w
}

func TestLooksAreSeldomOnceALaunchIsWell(t *testing.T) {
	for _, test := range []struct {
		every, slowest time.Duration
	}{
		{time.Second, 4 * time.Second}, {5 * time.Second, 20 * time.Second}, {15 * time.Second, time.Minute},
		{20 * time.Second, time.Minute}, {30 * time.Second, time.Minute}, {45 * time.Second, 45 * time.Second},
		{time.Minute, time.Minute}, {time.Hour, time.Hour},
	} {
		t.Run(test.every.String(), func(t *testing.T) {
			require.Equal(t, test.slowest, gates.Slowest(test.every))
			w := newWalk(t, pool(50, minute))
			w.world.values["pool"] = 12
			w.look.Every = test.every
			for w.look.At.Add(test.every).Before(noon.Add(time.Hour)) {
				gap, _ := w.next()
				require.Equal(t, test.every, gap, "in the hour after a raise every tick is looked at")
			}
			w.next()
			w.next()
			for range 5 {
				gap, _ := w.next()
				require.Equal(t, test.slowest, gap)
				require.Zero(t, w.look.At.Sub(noon)%test.every, "ticks stay aligned")
			}
		})
	}
}

func TestWhateverStirsHasEveryTickLookedAt(t *testing.T) {
	for _, test := range []struct {
		name  string
		stirs func(*walk)
		ends  func(*walk)
	}{
		{"no answer", func(w *walk) { w.world.fail = errOffline }, func(w *walk) { w.world.fail = nil }},
		{"missing data", func(w *walk) { delete(w.world.values, "pool") }, func(w *walk) { w.world.values["pool"] = 12 }},
		{"a bound that is broken for less than is allowed", func(w *walk) { w.world.values["pool"] = 51 }, func(w *walk) { w.world.values["pool"] = 12 }},
		{"what gates do not see", func(w *walk) { w.state.Stir(w.look.At) }, func(*walk) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := calm(t, pool(50, 5*minute), errorsGate())
			gap, _ := w.next()
			require.Equal(t, time.Minute, gap)
			test.stirs(w)
			w.next() // it is seen at the next look
			for range 3 {
				gap, v := w.next()
				require.Equal(t, 15*time.Second, gap, v.Reason)
			}
			test.ends(w)
			looks := 0
			for gap = 0; gap < time.Minute && looks < 500; looks++ {
				gap, _ = w.next()
			}
			require.Less(t, looks, 500, "it becomes calm again")
			require.Greater(t, looks, 50, "but not at once")
		})
	}
}

func TestEvidenceThatBuildsUpHasEveryTickLookedAt(t *testing.T) {
	w := calm(t, errorsGate())
	w.world.requests(200, 9, 1800, 18)
	_, v := w.next()
	require.Greater(t, gateOf(v).Share, 0.1)
	require.Equal(t, rampart.Holding, v.Word)
	w.world.requests(200, 1, 1800, 18)
	for range 60 {
		gap, _ := w.next()
		require.Equal(t, 15*time.Second, gap)
	}
	w.ticks(400)
	w.next()
	gap, v := w.next()
	require.Equal(t, time.Minute, gap, v.Reason)
}

func TestARaiseHasEveryTickLookedAt(t *testing.T) {
	w := calm(t, pool(50, 0))
	w.look.StepSince = w.look.At
	w.next()
	for range 200 {
		gap, _ := w.next()
		require.Equal(t, 15*time.Second, gap)
	}
}

func TestSeldomLooksLoseNoTime(t *testing.T) {
	t.Run("out of bounds is counted from look to look", func(t *testing.T) {
		w := calm(t, pool(50, 2*minute))
		w.world.values["pool"] = 51
		began := w.look.At
		for word := rampart.Holding; word != rampart.Breach; {
			_, v := w.next()
			word = v.Word
		}
		require.Equal(t, time.Minute+2*time.Minute, w.look.At.Sub(began))
	})
	t.Run("data that stopped is a breach after two minutes", func(t *testing.T) {
		w := calm(t, errorsGate())
		began := w.look.At
		w.world.silent["on"], w.world.silent["off"] = began, began
		for word := rampart.Holding; word != rampart.Breach; {
			_, v := w.next()
			word = v.Word
		}
		require.InDelta(t, 2*time.Minute, w.look.At.Sub(began), float64(15*time.Second))
	})
	t.Run("all requests are counted", func(t *testing.T) {
		w := calm(t, errorsGate())
		before, at := gateOf(w.judgeNow()).OnN, w.look.At
		var v rampart.Verdict
		for range 10 {
			_, v = w.next()
		}
		ticks := w.look.At.Sub(at) / w.look.Every
		require.EqualValues(t, 40, ticks)
		require.InDelta(t, before+float64(200*ticks), gateOf(v).OnN, 1)
	})
	t.Run("looks that are far apart by plan are in a row", func(t *testing.T) {
		w := calm(t, pool(50, 0))
		w.look.HoldOver = true
		_, v := w.next()
		require.Equal(t, rampart.Pass, v.Word, v.Reason)
	})
}

func gateOf(v rampart.Verdict) rampart.GateVerdict { return v.Gates[0] }

func TestLaunchesThatAreCalmTakeTurns(t *testing.T) {
	byTick := map[int64]int{}
	for i := range 400 {
		w := newWalk(t, pool(50, 0))
		w.world.values["pool"] = 12
		w.look.Flag = fmt.Sprintf("flag-%d", i)
		w.look.StepSince = noon.Add(-2 * time.Hour)
		w.ticks(60 + 2)
		w.next()
		byTick[w.look.At.UnixMilli()/15000%4]++
	}
	for turn := range int64(4) {
		require.InDelta(t, 100, byTick[turn], 40)
	}
}
