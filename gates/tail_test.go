package gates_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/promtest"
)

// latencies make an arm have requests at every tick, of which so many take longer than
// 100 ms, 250 ms, 500 ms and a second.
func latencies(n, over100, over250, over500, over1000 float64) gates.ArmCount {
	return gates.ArmCount{Sum: n, Edges: map[string]float64{
		"0.1": n - over100, "0.25": n - over250, "0.5": n - over500, "1": n - over1000, "+Inf": n,
	}}
}

// histogram makes the arms have those.
func (w *world) histogram(on, off gates.ArmCount) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.grow = map[string]map[string]gates.ArmCount{"seconds_bucket": {"on": on, "off": off}}
}

func latencyGate() rampart.Gate {
	return rampart.Gate{Name: "latency", Latency: &rampart.Latency{Histogram: "seconds"}}
}

var usual = latencies(1000, 400, 100, 50, 10)

func TestLatency(t *testing.T) {
	tests := []struct {
		name  string
		walk  func(*walk) rampart.Verdict
		want  rampart.Word
		parts []string
	}{
		{
			"as slow as the off arm", func(w *walk) rampart.Verdict {
				w.world.histogram(usual, usual)
				w.look.HoldOver = true
				return w.ticks(20)
			},
			rampart.Pass, []string{"latency over 1s 1.00x on/off (", "evidence ", " of limit"},
		},
		{
			"the slowest hundredth doubles", func(w *walk) rampart.Verdict {
				w.world.histogram(usual, usual)
				w.ticks(4)
				w.world.histogram(latencies(1000, 410, 110, 60, 20), usual)
				return w.ticks(10)
			},
			rampart.Breach, []string{"latency ", " on over 1s, 1.0 % off: evidence reached its limit"},
		},
		{
			"everything gets somewhat slower", func(w *walk) rampart.Verdict {
				w.world.histogram(usual, usual)
				w.ticks(4)
				w.world.histogram(latencies(1000, 600, 150, 60, 11), usual)
				return w.ticks(4)
			},
			rampart.Breach, []string{"latency ", " on over 100ms, 40 % off: evidence reached its limit"},
		},
		{
			"edges are fixed by a thousand requests of the off arm", func(w *walk) rampart.Verdict {
				w.world.histogram(latencies(20, 20, 20, 20, 20), latencies(100, 40, 10, 5, 1))
				return w.ticks(9)
			},
			rampart.Holding, []string{"latency: 900 of 1000 requests of the off arm are there that fix its edges"},
		},
		{
			"without them nothing is decided", func(w *walk) rampart.Verdict {
				w.world.histogram(latencies(20, 20, 20, 20, 20), latencies(100, 40, 10, 5, 1))
				w.look.HoldOver = true
				return w.ticks(9)
			},
			rampart.Undecided, []string{"fix its edges"},
		},
		{
			"edges that change are no data", func(w *walk) rampart.Verdict {
				w.world.histogram(usual, usual)
				w.ticks(4)
				other := gates.ArmCount{Sum: 1000, Edges: map[string]float64{"0.1": 600, "0.2": 900, "0.5": 950, "1": 990, "+Inf": 1000}}
				w.world.histogram(other, usual)
				return w.tick()
			},
			rampart.NoData, []string{"latency: the edges of the histogram changed: the on arm has none at 250ms any more"},
		},
		{
			"a histogram without edges is no data", func(w *walk) rampart.Verdict {
				none := gates.ArmCount{Sum: 1000, Edges: map[string]float64{"+Inf": 1000}}
				w.world.histogram(none, none)
				return w.ticks(3)
			},
			rampart.NoData, []string{"latency: the histogram has no edges"},
		},
		{
			"an arm without data is no data", func(w *walk) rampart.Verdict {
				w.world.histogram(usual, usual)
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
			requireReason(t, tt.walk(newWalk(t, latencyGate())), tt.want, tt.parts...)
		})
	}
}

func TestALatencyNamesTheEdgeThatBroke(t *testing.T) {
	w := newWalk(t, latencyGate())
	w.world.histogram(usual, usual)
	w.ticks(3)
	w.world.histogram(latencies(1000, 410, 110, 60, 20), usual)
	v := w.ticks(10)
	require.Equal(t, "over 1s", v.Gates[0].Part)
	require.NotZero(t, w.state.Harm("latency").Since)
}

// TestWhatIsLearntBeforehandFixesTheEdges has both arms served off, as in a shadow
// period: from its first exposure on the gate compares.
func TestWhatIsLearntBeforehandFixesTheEdges(t *testing.T) {
	w := newWalk(t, latencyGate())
	w.look.Exposure, w.look.Exposing = 0, false
	w.world.histogram(usual, usual)
	requireReason(t, w.ticks(3), rampart.NotApplicable)
	w.look.Exposure, w.look.Exposing, w.look.StepSince = 1000, true, w.look.At
	w.world.histogram(latencies(1000, 410, 110, 60, 20), usual)
	v := w.tick()
	require.Equal(t, 1000.0, v.Gates[0].OnN, "the first tick is evidence")
}

func TestOverdispersionIsLearntWhileEverybodyIsServedOff(t *testing.T) {
	heavy := map[string]float64{"3": 300, "4": 2, "5": 2, "6": 2, "7": 2, "8": 2}
	for _, c := range []struct {
		name    string
		ticks   int
		phi     float64
		breach  bool
		explain string
	}{
		{"with a shadow period", 5, 100, false, "three hundred errors of one bucket are one user's"},
		{"without", 0, 0, true, "nobody knows what is usual yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWalk(t, errorsGate())
			w.look.Exposure = 0
			w.world.requests(1000, 310, 9000, 310)
			w.world.buckets(`requests_total{outcome="error"}`, "on", heavy)
			w.world.buckets(`requests_total{outcome="error"}`, "off", heavy)
			w.ticks(c.ticks)
			w.look.Exposure = 1000
			w.world.requests(1000, 60, 9000, 90)
			v := w.ticks(2)
			require.GreaterOrEqual(t, v.Gates[0].Phi, c.phi)
			require.Equal(t, c.breach, v.Word == rampart.Breach, "%s: %s", c.explain, v.Reason)
		})
	}
}

func byPlatform(g rampart.Gate) rampart.Gate {
	g.By = []string{"platform"}
	return g
}

// platforms makes two platforms have half of all requests each, of which one has all
// further errors of the on arm.
func (w *world) platforms(more float64) {
	w.requests(1000, 10+more, 9000, 90)
	half := func(on, off float64) map[string]gates.ArmCount {
		return map[string]gates.ArmCount{"on": {Sum: on}, "off": {Sum: off}}
	}
	w.cohorts = map[string]map[string]map[string]gates.ArmCount{
		"requests_total":                  {"platform=ios": half(500, 4500), "platform=android": half(500, 4500)},
		`requests_total{outcome="error"}`: {"platform=ios": half(5+more, 45), "platform=android": half(5, 45)},
	}
}

func TestTheCohortThatBrokeIsNamed(t *testing.T) {
	w := newWalk(t, byPlatform(errorsGate()))
	w.world.platforms(0)
	requireReason(t, w.ticks(10), rampart.Holding, "errors 1.00x on/off")
	w.world.platforms(16)
	v := w.ticks(8)
	requireReason(t, v, rampart.Breach, "errors ", " on, 1.0 % off for platform=ios: evidence reached its limit")
	require.Equal(t, "platform=ios", v.Gates[0].Part)
}

func TestHarmToEverybodyIsNotLaidOnACohort(t *testing.T) {
	w := newWalk(t, byPlatform(errorsGate()))
	w.world.platforms(0)
	w.ticks(10)
	w.world.requests(1000, 60, 9000, 90)
	requireReason(t, w.ticks(8), rampart.Breach, "errors 6.0 % on, 1.0 % off: evidence reached its limit")
}

func TestCohortsAreAskedForByTheirLabels(t *testing.T) {
	g := errorsGate()
	g.By = []string{"platform", "region"}
	w := newWalk(t, g)
	w.world.requests(1000, 10, 9000, 90)
	w.tick()
	require.Equal(t, []string{"platform", "region"}, w.world.asked[0].By)
}

// TestCohortsOfRealSeries counts series that Prometheus has, by a label of them.
func TestCohortsOfRealSeries(t *testing.T) {
	t.Parallel()
	srv := promtest.Start(t)
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: 5 * time.Second})
	require.NoError(t, err)
	to := time.Now().Truncate(5 * time.Second).Add(-time.Minute)
	rise := func(by float64) []float64 { return []float64{100, 100, 100 + by, 100 + 2*by, 100 + 3*by} }
	for _, s := range []struct {
		metric, arm, platform, le string
		by                        float64
	}{
		{"crashes_total", "on", "ios", "", 400}, {"crashes_total", "on", "android", "", 50},
		{"crashes_total", "off", "ios", "", 50}, {"crashes_total", "off", "android", "", 50},
		{"wait_seconds_bucket", "on", "ios", "0.1", 500}, {"wait_seconds_bucket", "on", "ios", "+Inf", 600},
		{"wait_seconds_bucket", "off", "ios", "0.1", 590}, {"wait_seconds_bucket", "off", "ios", "+Inf", 600},
	} {
		labels := map[string]string{"flag": "checkout-v2", "arm": s.arm, "platform": s.platform, "job": "shop", "instance": "a"}
		if s.le != "" {
			labels["le"] = s.le
		}
		write(srv, s.metric, labels, to, rise(s.by))
	}
	judge := gates.New(gates.Options{Source: source, ScrapeLag: time.Millisecond})
	look := gates.Look{
		Flag: "checkout-v2", Every: 5 * time.Second, Phase: rampart.MaxPowerRamp, Exposure: 5000, Exposing: true,
		Gates: []rampart.Gate{
			byPlatform(rampart.Gate{Name: "crashes", Count: &rampart.Count{Events: "crashes_total"}}),
			byPlatform(rampart.Gate{Name: "wait", Latency: &rampart.Latency{Histogram: "wait_seconds"}}),
		},
	}
	var state gates.State
	var v rampart.Verdict
	for back := 3; back >= 0; back-- {
		look.At = to.Add(-time.Duration(back) * look.Every).Add(2 * time.Millisecond)
		require.Eventually(t, func() bool {
			v, err = judge.Judge(context.Background(), look, &state)
			return err == nil && v.Word != rampart.Blind
		}, 10*time.Second, 50*time.Millisecond)
	}
	requireReason(t, rampart.Verdict{Word: v.Gates[0].Word, Reason: v.Gates[0].Reason}, rampart.Breach, "crashes ", "evidence reached its limit")
	require.Equal(t, "platform=ios", v.Gates[0].Part, "%s", v.Gates[0].Reason)
	require.Equal(t, rampart.Holding, v.Gates[1].Word, v.Gates[1].Reason)
	require.Contains(t, v.Gates[1].Reason, "wait over 100ms")
}
