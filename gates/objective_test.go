package gates_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/promtest"
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
			rampart.Pass, []string{"overall 0.5 % bad, at most 1 %, evidence ", " of limit"},
		},
		{
			"a pass needs the information that would have shown twice as many", func(w *walk) rampart.Verdict {
				w.world.requests(100, 0, 100, 0)
				w.look.HoldOver = true
				return w.ticks(5)
			},
			rampart.Undecided, []string{"overall 0 % bad", "of the information is there that would show 2 times as many"},
		},
		{
			"which a small service has after a while", func(w *walk) rampart.Verdict {
				w.world.requests(100, 0, 100, 0)
				w.look.HoldOver = true
				return w.ticks(11)
			},
			rampart.Pass, []string{"overall 0 % bad"},
		},
		{
			"both arms break together", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 5, 1000, 5)
				w.ticks(40)
				w.world.requests(1000, 200, 1000, 200)
				return w.ticks(1)
			},
			rampart.Breach, []string{"overall 20 % bad, at most 1 %: evidence reached its limit"},
		},
		{
			"a spike is not a breach", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 5, 1000, 5)
				w.ticks(40)
				w.world.requests(1000, 15, 1000, 15)
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
				return w.ticks(6)
			},
			rampart.Holding, []string{"bad, at most 1 %"},
		},
		{
			"it is asked where the arms are not compared", func(w *walk) rampart.Verdict {
				w.look.Exposure = rampart.Full
				w.world.requests(1000, 100, 0, 0)
				return w.ticks(5)
			},
			rampart.Breach, []string{"overall 10 % bad, at most 1 %: evidence reached its limit"},
		},
		{
			"units that are in no arm count", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 5, 1000, 5)
				w.world.grow["requests_total"]["none"] = gates.ArmCount{Sum: 2000}
				w.world.grow[`requests_total{outcome="error"}`]["none"] = gates.ArmCount{Sum: 200}
				return w.ticks(2)
			},
			rampart.Breach, []string{"overall 5.2 % bad, at most 1 %"},
		},
		{
			"more bad than there are is no evidence", func(w *walk) rampart.Verdict {
				w.world.requests(10, 1000, 9000, 90)
				return w.ticks(3)
			},
			rampart.NoData, []string{"overall: impossible counts: on arm has more events (1000) than units (10)"},
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

// Budgets are spent by time, and are no part of the launch's budget of false alarms.
func TestTheBudgetOfAnObjective(t *testing.T) {
	steady := overall()
	steady.Objective.Budget = 1 // a ten-thousandth of what thirty days may spend
	tests := []struct {
		name  string
		gate  rampart.Gate
		walk  func(*walk) rampart.Verdict
		want  rampart.Word
		parts []string
	}{
		{
			"spent by a service that is just good enough", steady, func(w *walk) rampart.Verdict {
				w.world.requests(1000, 9, 1000, 9)
				w.ticks(19)
				w.look.HoldOver = true
				return w.tick()
			},
			rampart.Breach, []string{"overall: 0.01 % of the error budget of 30d is spent since the launch began, at most 0.01 %"},
		},
		{
			"not spent by a better one", steady, func(w *walk) rampart.Verdict {
				w.world.requests(1000, 1, 1000, 1)
				w.look.HoldOver = true
				return w.ticks(40)
			},
			rampart.Pass, []string{"overall 0.1 % bad"},
		},
		{
			"not spent while nobody looked", steady, func(w *walk) rampart.Verdict {
				w.world.requests(1000, 9, 1000, 9)
				w.ticks(10)
				w.look.At = w.look.At.Add(6 * time.Hour)
				return w.ticks(2)
			},
			rampart.Holding, []string{"overall 0.9 % bad"},
		},
		{
			"burnt fast by one user, who alone is no evidence", overall(), func(w *walk) rampart.Verdict {
				w.world.requests(1, 0, 2, 1)
				w.world.grow[`requests_total{outcome="error"}`]["off"] = gates.ArmCount{Sum: 1, Buckets: map[string]float64{"7": 1}}
				w.ticks(19)
				require.Less(t, w.judgeNow().Gates[0].Share, 1.0)
				require.Greater(t, w.judgeNow().Gates[0].Phi, 10.0)
				return w.tick()
			},
			rampart.Breach, []string{"overall burns its error budget 33.3 times too fast over 1h and 33.3 times over 5m, at most 14.4"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			requireReason(t, tt.walk(newWalk(t, tt.gate)), tt.want, tt.parts...)
		})
	}
}

func TestHarmToAllIsToldByTheTicksOfTheLaunch(t *testing.T) {
	w := newWalk(t, overall())
	w.world.requests(1000, 2, 1000, 2)
	w.ticks(50)
	began := w.look.At
	w.world.requests(1000, 30, 1000, 30)
	ticks := 0
	for v := (rampart.Verdict{}); v.Word != rampart.Breach; ticks++ {
		require.Less(t, ticks, 10)
		v = w.tick()
	}
	harm := w.state.Harm("overall")
	require.Equal(t, began, harm.Since.UTC())
	require.Equal(t, float64(60*ticks), harm.Bad)
	require.Equal(t, float64(2000*(50+ticks)), harm.Units)
}

// A state of a worker that judged objectives as bounds is read, and the evidence
// begins with the next look.
func TestAnObjectiveThatWasABoundGoesOnAsEvidence(t *testing.T) {
	w := newWalk(t, errorsGate(), overall())
	w.world.requests(1000, 5, 1000, 5)
	w.ticks(3)
	blob, err := json.Marshal(w.state)
	require.NoError(t, err)
	var was map[string]any
	require.NoError(t, json.Unmarshal(blob, &was))
	launch := was["evidence"].(map[string]any)
	launch["gates"] = launch["gates"].([]any)[:1] // without the objective, whose weight is in the reserve
	launch["reserve"] = 0.55
	for key, g := range was["gates"].(map[string]any) {
		if strings.HasPrefix(key, "overall") {
			g := g.(map[string]any)
			delete(g, "burn")
			delete(g, "onset")
			g["recent"] = map[string]any{"bad": 12.5, "all": 2000}
		}
	}
	blob, err = json.Marshal(was)
	require.NoError(t, err)
	w.state = gates.State{}
	require.NoError(t, json.Unmarshal(blob, &w.state))
	requireReason(t, w.tick(), rampart.Holding)
	w.world.requests(1000, 200, 1000, 200)
	requireReason(t, w.ticks(2), rampart.Breach, "overall 20 % bad")
}

func TestABrokenServiceIsSeenWithinSeconds(t *testing.T) {
	w := newWalk(t, overall())
	w.look.Every = time.Second
	w.world.requests(10, 0, 10, 0)
	w.ticks(60)
	w.world.requests(10, 1, 10, 0)
	require.Equal(t, rampart.Holding, w.tick().Word, "one error of twenty requests is chance")
	w.world.requests(10, 5, 10, 5)
	ticks := 1
	for w.tick().Word != rampart.Breach {
		ticks++
		require.Less(t, ticks, 4)
	}
}

// TestAnObjectiveOnRealMetrics judges lines on what a Prometheus has of services that
// are well, that break, of which nothing is known, and whose counters know no arms.
func TestAnObjectiveOnRealMetrics(t *testing.T) {
	t.Parallel()
	srv := promtest.Start(t)
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: 5 * time.Second})
	require.NoError(t, err)
	const ticks = 12
	start := time.Now().Truncate(15 * time.Second).Add(-5 * time.Minute)
	export := func(flag string, arms []string, errors float64) {
		for _, arm := range arms {
			for outcome, each := range map[string]float64{"ok": 200 - errors, "error": errors} {
				labels := map[string]string{"flag": flag, "outcome": outcome, "instance": flag, "job": "shop"}
				if arm != "" {
					labels["arm"] = arm
				}
				var samples []promtest.Sample
				for i := range 3*ticks + 1 {
					samples = append(samples, promtest.Sample{At: start.Add(time.Duration(i) * 5 * time.Second), Value: float64(i) * each})
				}
				srv.Write("requests_total", labels, samples...)
			}
		}
	}
	export("well", []string{"on", "off"}, 1)
	export("broken", []string{"on", "off", "none"}, 9)
	export("armless", []string{""}, 9)
	tests := []struct {
		flag, part string
		want       rampart.Word
	}{
		{"well", "overall 0.5 % bad, at most 1 %", rampart.Pass},
		{"broken", "overall 4.5 % bad, at most 1 %: evidence reached its limit", rampart.Breach},
		{"armless", "overall 4.5 % bad, at most 1 %: evidence reached its limit", rampart.Breach},
		{"nowhere", "no data of any arm yet", rampart.NoData},
	}
	for _, tt := range tests {
		t.Run(tt.flag, func(t *testing.T) {
			w := newWalk(t, overall())
			w.judge = gates.New(gates.Options{Source: source})
			w.look.Flag, w.look.HoldOver = tt.flag, true
			w.look.At, w.look.FirstExposed, w.look.StepSince = start.Add(time.Second), start, start
			requireReason(t, w.ticks(ticks), tt.want, tt.part)
		})
	}
}
