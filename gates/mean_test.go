package gates_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/promtest"
)

const (
	orderValue = `events_value_total{event="order"}`
	unitsSeen  = "units_total"
)

func orders() rampart.Gate {
	return rampart.Gate{Name: "orders", Mean: &rampart.Mean{Value: orderValue, Of: unitsSeen, Worse: rampart.WorseLower, Detect: 1000}}
}

// shoppers makes each bucket of an arm have so many new units and so much value at
// every tick, give or take what buckets differ by.
func (w *world) shoppers(units, onValue, offValue float64) {
	byBucket := func(mean, differ float64) gates.ArmCount {
		arm := gates.ArmCount{Buckets: map[string]float64{}}
		for i := range 20 {
			v := mean + differ*(float64((i*7)%20)-9.5)
			arm.Buckets[strconv.Itoa(i)], arm.Sum = v, arm.Sum+v
		}
		return arm
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.grow = map[string]map[string]gates.ArmCount{
		unitsSeen:  {"on": byBucket(units, 0), "off": byBucket(units, 0)},
		orderValue: {"on": byBucket(onValue, 0.02*onValue), "off": byBucket(offValue, -0.02*offValue)},
	}
}

func TestMean(t *testing.T) {
	tests := []struct {
		name  string
		walk  func(*walk) rampart.Verdict
		want  rampart.Word
		parts []string
	}{
		{
			"the same in both arms", func(w *walk) rampart.Verdict {
				w.world.shoppers(10, 100, 100)
				return w.ticks(10)
			},
			rampart.Holding, []string{"orders 1.00x a unit on/off (0.", "), evidence ", " of limit"},
		},
		{
			"a fall by a third is a breach", func(w *walk) rampart.Verdict {
				w.world.shoppers(10, 67, 100)
				return w.ticks(20)
			},
			rampart.Breach, []string{"orders 0.67x a unit on/off (0.", "): evidence reached its limit"},
		},
		{
			"a rise is none", func(w *walk) rampart.Verdict {
				w.world.shoppers(10, 150, 100)
				return w.ticks(20)
			},
			rampart.Holding, []string{"orders 1.50x"},
		},
		{
			"a pass needs the information that would have shown harm", func(w *walk) rampart.Verdict {
				w.world.shoppers(10, 100, 100)
				w.look.HoldOver = true
				return w.ticks(10)
			},
			rampart.Pass, []string{"orders 1.00x"},
		},
		{
			"too few units say nothing", func(w *walk) rampart.Verdict {
				w.world.shoppers(1, 10, 10)
				w.look.HoldOver = true
				return w.ticks(3)
			},
			rampart.Undecided, []string{"orders of 60 units on and 60 off, too little to compare; 0 % of the information is there that would show a ratio of 1.25"},
		},
		{
			"a bucket without units is no data", func(w *walk) rampart.Verdict {
				w.world.shoppers(10, 100, 100)
				w.world.grow[unitsSeen]["on"].Buckets["7"] = 0
				return w.ticks(5)
			},
			rampart.NoData, []string{"orders: the on arm has units in 19 of 20 telemetry buckets"},
		},
		{
			"counters without buckets are no data", func(w *walk) rampart.Verdict {
				w.world.shoppers(10, 100, 100)
				w.world.grow[unitsSeen] = map[string]gates.ArmCount{"on": {Sum: 200}, "off": {Sum: 200}}
				return w.ticks(5)
			},
			rampart.NoData, []string{"orders: units_total has no telemetry buckets, from which the error of a mean is known"},
		},
		{
			"an arm without data is no data", func(w *walk) rampart.Verdict {
				w.world.shoppers(10, 100, 100)
				delete(w.world.grow[unitsSeen], "on")
				return w.ticks(5)
			},
			rampart.NoData, []string{"orders: no data of the on arm yet"},
		},
		{
			"data that stopped while somebody is exposed is a breach", func(w *walk) rampart.Verdict {
				w.world.shoppers(10, 100, 100)
				w.ticks(5)
				w.world.silent["on"] = w.look.At.Add(-gates.DefaultScrapeLag)
				return w.ticks(12)
			},
			rampart.Breach, []string{"orders: the data of the on arm stopped 2m"},
		},
		{
			"half a unit is no evidence", func(w *walk) rampart.Verdict {
				w.world.shoppers(10.5, 100, 100)
				return w.ticks(3)
			},
			rampart.NoData, []string{"orders: impossible counts: units of bucket 0 of the on arm: not whole (10.5)"},
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
			w := newWalk(t, orders())
			w.look.Exposure = 5000
			requireReason(t, tt.walk(w), tt.want, tt.parts...)
		})
	}
}

func TestAMeanNeverSpansTwoSteps(t *testing.T) {
	w := newWalk(t, orders())
	w.world.shoppers(10, 100, 100)
	w.ticks(2)
	w.look.Exposure, w.look.StepSince = 5000, w.look.At.Add(5*time.Second)
	w.tick()
	last := w.world.asked[len(w.world.asked)-1]
	require.Equal(t, w.look.StepSince.Add(-gates.DefaultScrapeLag), last.From.UTC())
}

// TestAMeanOnRealMetrics counts values and units by bucket from a Prometheus: first
// without enough of them, then enough to see harm, and to pass.
func TestAMeanOnRealMetrics(t *testing.T) {
	t.Parallel()
	srv := promtest.Start(t)
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: 5 * time.Second})
	require.NoError(t, err)
	start := time.Now().Truncate(15 * time.Second).Add(-10 * time.Minute)
	const ticks = 20
	export := func(flag string, buckets int, onValue float64) {
		for _, arm := range []string{"on", "off"} {
			value := map[string]float64{"on": onValue, "off": 10}[arm]
			for bucket := range buckets {
				labels := map[string]string{"flag": flag, "arm": arm, "bucket": strconv.Itoa(bucket), "instance": "a", "job": "shop"}
				var units, values []promtest.Sample
				for i := range 3*ticks + 1 { // a scrape every five seconds
					at := start.Add(time.Duration(i) * 5 * time.Second)
					units = append(units, promtest.Sample{At: at, Value: float64(i * 4)})
					values = append(values, promtest.Sample{At: at, Value: float64(i) * 4 * (value + 0.05*(float64((bucket*7)%20)-9.5))})
				}
				srv.Write(unitsSeen, labels, units...)
				labels["event"] = "order"
				srv.Write("events_value_total", labels, values...)
			}
		}
	}
	export("healthy", 20, 10)
	export("harmed", 20, 7)
	export("sparse", 12, 10)
	tests := []struct {
		flag, part string
		want       rampart.Word
	}{
		{"healthy", "orders 1.00", rampart.Pass},
		{"harmed", "orders 0.70", rampart.Breach},
		{"sparse", "the on arm has units in 12 of 20 telemetry buckets", rampart.NoData},
		{"nowhere", "no data of either arm yet", rampart.NoData},
	}
	for _, tt := range tests {
		t.Run(tt.flag, func(t *testing.T) {
			w := newWalk(t, orders())
			w.judge = gates.New(gates.Options{Source: source})
			w.look.Flag, w.look.Exposure, w.look.HoldOver = tt.flag, 5000, true
			w.look.At, w.look.FirstExposed, w.look.StepSince = start.Add(time.Second), start, start
			v := w.ticks(ticks)
			requireReason(t, v, tt.want, tt.part)
			require.Equal(t, tt.want == rampart.Breach, strings.Contains(v.Reason, "reached its limit"))
		})
	}
}
