package gates_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

func overall() rampart.Gate {
	return rampart.Gate{Name: "overall", Objective: &rampart.Objective{
		Events: `requests_total{outcome="error"}`, Of: "requests_total", Good: 9900,
	}}
}

func TestObjective(t *testing.T) {
	tests := []struct {
		name  string
		walk  func(*walk) rampart.Verdict
		want  rampart.Word
		parts []string
	}{
		{
			"enough is good", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 5, 1000, 5)
				w.look.HoldOver = true
				return w.ticks(5)
			},
			rampart.Pass, []string{"overall 0.5 % bad, at most 1 %"},
		},
		{
			"both arms break together", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 5, 1000, 5)
				w.ticks(40)
				w.world.requests(1000, 200, 1000, 200)
				return w.ticks(5)
			},
			rampart.Breach, []string{"overall ", " bad, at most 1 % for 1m"},
		},
		{
			"a spike is not a breach", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 5, 1000, 5)
				w.ticks(40)
				w.world.requests(1000, 30, 1000, 30)
				w.tick()
				w.world.requests(1000, 0, 1000, 0)
				return w.ticks(10)
			},
			rampart.Holding, []string{"overall 0."},
		},
		{
			"one error of twenty requests is chance", func(w *walk) rampart.Verdict {
				w.world.requests(10, 1, 10, 0)
				w.tick()
				w.world.requests(1, 0, 1, 0)
				w.look.HoldOver = true
				return w.ticks(6)
			},
			rampart.Pass, []string{"bad, at most 1 %"},
		},
		{
			"it is asked where the arms are not compared", func(w *walk) rampart.Verdict {
				w.look.Exposure = rampart.Full
				w.world.requests(1000, 100, 0, 0)
				return w.ticks(5)
			},
			rampart.Breach, []string{"overall 10 % bad"},
		},
		{
			"data that stopped while somebody is exposed is a breach", func(w *walk) rampart.Verdict {
				w.look.Exposure = rampart.Full
				w.world.requests(1000, 1, 0, 0)
				w.ticks(5)
				w.world.silent["on"], w.world.silent["off"] = w.look.At, w.look.At
				return w.ticks(12)
			},
			rampart.Breach, []string{"overall: the data stopped 2m"},
		},
		{
			"no requests at all are no data", func(w *walk) rampart.Verdict { return w.ticks(5) },
			rampart.NoData, []string{"overall: no data of any arm yet"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			requireReason(t, tt.walk(newWalk(t, overall())), tt.want, tt.parts...)
		})
	}
}

// histogram makes the arms have requests at 50 ms, and so many of each thousand at
// 400 ms.
func (w *world) histogram(on, onSlow, off, offSlow float64) {
	arm := func(n, slow float64) gates.ArmCount {
		return gates.ArmCount{Sum: 1, Edges: map[string]float64{"0.1": n - slow, "0.25": n - slow, "0.5": n, "+Inf": n}}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.grow = map[string]map[string]gates.ArmCount{"seconds_bucket": {"on": arm(on, onSlow), "off": arm(off, offSlow)}}
}

func TestLatency(t *testing.T) {
	tests := []struct {
		name  string
		walk  func(*walk) rampart.Verdict
		want  rampart.Word
		parts []string
	}{
		{
			"as slow as the off arm", func(w *walk) rampart.Verdict {
				w.world.histogram(1000, 3, 1000, 3)
				w.look.HoldOver = true
				return w.ticks(5)
			},
			rampart.Pass, []string{"latency p99 99.298ms on, 99.298ms off, at most 1.5x"},
		},
		{
			"a slow tail is a breach", func(w *walk) rampart.Verdict {
				w.world.histogram(1000, 50, 1000, 3)
				return w.ticks(5)
			},
			rampart.Breach, []string{"latency p99 450ms on, 99.298ms off, at most 1.5x for 1m"},
		},
		{
			"too few requests say nothing", func(w *walk) rampart.Verdict {
				w.world.histogram(2, 1, 100, 1)
				w.look.HoldOver = true
				return w.ticks(5)
			},
			rampart.Undecided, []string{"100 needed to compare"},
		},
		{
			"a few slow requests are chance", func(w *walk) rampart.Verdict {
				w.world.histogram(1000, 12, 1000, 9)
				return w.ticks(20)
			},
			rampart.Holding, []string{"latency p99 "},
		},
		{
			"an arm without data is no data", func(w *walk) rampart.Verdict {
				w.world.histogram(1000, 3, 1000, 3)
				delete(w.world.grow["seconds_bucket"], "on")
				return w.ticks(5)
			},
			rampart.NoData, []string{"latency: no data of the on arm yet"},
		},
		{
			"the arms are not compared at 100 %", func(w *walk) rampart.Verdict {
				w.look.Exposure = rampart.Full
				return w.ticks(5)
			},
			rampart.NotApplicable, nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWalk(t, rampart.Gate{Name: "latency", Latency: &rampart.Latency{Histogram: "seconds"}})
			requireReason(t, tt.walk(w), tt.want, tt.parts...)
		})
	}
}

func TestTicksOfASecondSeeMoreThanNoise(t *testing.T) {
	w := newWalk(t, overall())
	w.look.Every = time.Second
	w.world.requests(10, 0, 10, 0)
	w.ticks(60)
	w.world.requests(10, 5, 10, 5)
	ticks := 1
	for w.tick().Word != rampart.Breach {
		ticks++
		require.Less(t, ticks, 20)
	}
	require.GreaterOrEqual(t, ticks, 4)
}
