package gates_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

func TestRatio(t *testing.T) {
	tests := []struct {
		name  string
		walk  func(*walk) rampart.Verdict
		want  rampart.Word
		parts []string
	}{
		{
			"harm is a breach within some ticks", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 41, 9000, 90)
				return w.ticks(4)
			},
			rampart.Breach, []string{"errors 4.1 % on, 1.0 % off: evidence reached its limit"},
		},
		{
			"no harm while the hold goes on", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 10, 9000, 90)
				return w.ticks(20)
			},
			rampart.Holding, []string{"errors 1.00x on/off (", "evidence ", " of limit"},
		},
		{
			"a pass needs the information that would have shown harm", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 10, 9000, 90)
				w.look.HoldOver = true
				return w.ticks(20)
			},
			rampart.Pass, []string{"errors 1.00x on/off ("},
		},
		{
			"a service that never fails passes once a doubling of one in a thousand would have shown", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 0, 9000, 0)
				w.look.HoldOver = true
				return w.ticks(60)
			},
			rampart.Pass, []string{"errors 0 of 60000 on"},
		},
		{
			"without that information it is undecided", func(w *walk) rampart.Verdict {
				w.world.requests(10, 0, 90, 1)
				w.look.HoldOver = true
				return w.ticks(4)
			},
			rampart.Undecided, []string{"errors 0 of 40 on, 4 of 360 off", "of the information is there that would show a rate ratio of 2"},
		},
		{
			"finer harm must have been visible at a higher exposure", func(w *walk) rampart.Verdict {
				w.look.Exposure = 5000
				w.world.requests(1000, 10, 1000, 10)
				w.look.HoldOver = true
				return w.ticks(5)
			},
			rampart.Undecided, []string{"a rate ratio of 1.25"},
		},
		{
			"the arms are not compared at 0 %", func(w *walk) rampart.Verdict {
				w.look.Exposure = 0
				return w.ticks(3)
			},
			rampart.NotApplicable, []string{"one arm is empty by plan"},
		},
		{
			"the arms are not compared at 100 %", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 10, 9000, 90)
				w.ticks(3)
				w.look.Exposure = rampart.Full
				return w.ticks(3)
			},
			rampart.NotApplicable, []string{"one arm is empty by plan"},
		},
		{
			"data that never came holds, for ever", func(w *walk) rampart.Verdict {
				return w.ticks(100)
			},
			rampart.NoData, []string{"errors: no data of either arm yet"},
		},
		{
			"one arm that never came holds", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 10, 9000, 90)
				delete(w.world.grow["requests_total"], "on")
				return w.ticks(100)
			},
			rampart.NoData, []string{"errors: no data of the on arm yet"},
		},
		{
			"an arm that stopped is no data at first", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 10, 9000, 90)
				w.ticks(4)
				w.world.silent["on"], w.world.ails = w.look.At, "10.0.0.7:9464 is down"
				return w.ticks(8)
			},
			rampart.NoData, []string{"errors: no data of the on arm for ", "s: 10.0.0.7:9464 is down"},
		},
		{
			"an arm that stopped for two minutes is a breach", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 10, 9000, 90)
				w.ticks(4)
				w.world.silent["on"], w.world.ails = w.look.At, "10.0.0.7:9464 is down"
				return w.ticks(11)
			},
			rampart.Breach, []string{"errors: the data of the on arm stopped 2m", "while the source answers: 10.0.0.7:9464 is down"},
		},
		{
			"an arm from which nothing was to come has not stopped", func(w *walk) rampart.Verdict {
				w.look.Exposure = 100
				w.world.requests(1, 0, 20, 0)
				w.ticks(4)
				w.world.silent["on"] = w.look.At
				return w.ticks(15)
			},
			rampart.NoData, []string{"errors: no data of the on arm for 3m15s"},
		},
		{
			"both arms that stopped are a breach", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 10, 9000, 90)
				w.ticks(4)
				w.world.silent["on"], w.world.silent["off"] = w.look.At, w.look.At
				return w.ticks(11)
			},
			rampart.Breach, []string{"stopped 2m"},
		},
		{
			"an arm that comes back has not stopped", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 10, 9000, 90)
				w.ticks(4)
				w.world.silent["on"] = w.look.At
				w.ticks(9)
				delete(w.world.silent, "on")
				w.tick()
				w.world.silent["on"] = w.look.At
				return w.ticks(8)
			},
			rampart.NoData, []string{"no data of the on arm for"},
		},
		{
			"what stopped while nobody is exposed is no breach", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 10, 9000, 90)
				w.ticks(4)
				w.look.Exposing = false
				w.world.silent["on"] = w.look.At
				return w.ticks(20)
			},
			rampart.NoData, []string{"no data of the on arm for"},
		},
		{
			"a source that does not answer is blindness and no silence", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 10, 9000, 90)
				w.ticks(4)
				w.world.fail = errOffline
				return w.ticks(100)
			},
			rampart.Blind, []string{"errors: prometheus at localhost:9090 does not answer"},
		},
		{
			"after blindness it goes on", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 10, 9000, 90)
				w.ticks(4)
				w.world.fail = errOffline
				w.ticks(100)
				w.world.fail = nil
				return w.tick()
			},
			rampart.Holding, []string{"errors 1.00x"},
		},
		{
			"a breach stays one while the source does not answer", func(w *walk) rampart.Verdict {
				w.world.requests(1000, 41, 9000, 90)
				w.ticks(4)
				w.world.fail = errOffline
				return w.ticks(3)
			},
			rampart.Breach, []string{"evidence reached its limit"},
		},
		{
			"more events than units are no evidence", func(w *walk) rampart.Verdict {
				w.world.requests(10, 1000, 9000, 90)
				return w.ticks(3)
			},
			rampart.NoData, []string{"errors: impossible counts: on arm has more events (1000) than units (10)"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			requireReason(t, tt.walk(newWalk(t, errorsGate())), tt.want, tt.parts...)
		})
	}
}

func TestARatioOfWhichFewerAreWorse(t *testing.T) {
	g := errorsGate()
	g.Ratio.Worse = rampart.WorseLower
	w := newWalk(t, g)
	w.look.Exposure = 5000
	w.world.requests(1000, 100, 1000, 200)
	requireReason(t, w.ticks(3), rampart.Breach, "errors 10 % on, 20 % off")
	require.Equal(t, noon.Add(15*time.Second), w.state.Harm("errors").Since.UTC())
}

func TestACountIsComparedWithTheExposure(t *testing.T) {
	crashes := rampart.Gate{Name: "crashes", Count: &rampart.Count{Events: "requests_total"}}

	w := newWalk(t, crashes)
	w.world.requests(10, 0, 90, 0)
	requireReason(t, w.ticks(20), rampart.Holding, "crashes 1.00x")

	w = newWalk(t, crashes)
	w.world.requests(40, 0, 90, 0)
	requireReason(t, w.ticks(5), rampart.Breach, "crashes ", " on, ", " off, at 10 % of the traffic: evidence reached its limit")
}

func TestACountNeverSpansTwoSteps(t *testing.T) {
	w := newWalk(t, rampart.Gate{Name: "crashes", Count: &rampart.Count{Events: "requests_total"}})
	w.world.requests(10, 0, 90, 0)
	w.ticks(2)
	w.look.Exposure, w.look.StepSince = 5000, w.look.At.Add(5*time.Second)
	w.tick()
	last := w.world.asked[len(w.world.asked)-1]
	require.Equal(t, w.look.StepSince.Add(-gates.DefaultScrapeLag), last.From.UTC())
}

func TestTicksThatNobodyLookedAtAreCountedAsOne(t *testing.T) {
	w := newWalk(t, errorsGate())
	w.world.requests(1000, 10, 9000, 90)
	w.ticks(2)
	w.look.At = w.look.At.Add(3 * w.look.Every) // the worker was down
	v := w.tick()
	require.Equal(t, 6000.0, v.Gates[0].OnN)
	last := w.world.asked[len(w.world.asked)-1]
	require.Equal(t, w.look.At.Add(-4*w.look.Every-gates.DefaultScrapeLag), last.From.UTC())
}

func TestAGateThatHoldsHasALevelOfItsOwn(t *testing.T) {
	turns, holds := errorsGate(), onBreach(named(errorsGate(), "watched"), rampart.ActHold)
	w := newWalk(t, turns, holds)
	w.world.requests(1000, 16, 9000, 90)
	var at [2]int
	for i := 1; at[0] == 0 || at[1] == 0; i++ {
		require.Less(t, i, 200)
		for j, g := range w.tick().Gates {
			if g.Word == rampart.Breach && at[j] == 0 {
				at[j] = i
			}
		}
	}
	// Alone its limit is 20; in the launch, of which it has 0.9, it is 1/(0.05 x 0.9).
	require.LessOrEqual(t, at[1], at[0])
	require.Equal(t, rampart.ActHold, w.judgeNow().Gates[1].Action)
}

func TestTheErrorBudgetIsThatOfAllGatesTogether(t *testing.T) {
	var specs []rampart.Gate
	for i := range 4 {
		g := named(errorsGate(), fmt.Sprintf("errors-%d", i))
		g.Weight = 0.225
		specs = append(specs, g)
	}
	w := newWalk(t, specs...)
	w.world.requests(1000, 16, 9000, 90)
	var v rampart.Verdict
	for i := 0; v.Word != rampart.Breach; i++ {
		require.Less(t, i, 200)
		v = w.tick()
	}
	require.Equal(t, "errors-0", v.Gate, "of equal shares the first is named")
	require.Less(t, v.Gates[0].Share, 1.0, "no gate alone had reached its limit")
}

func TestALaterStageTakesItsWeightFromTheReserve(t *testing.T) {
	first, second := errorsGate(), named(errorsGate(), "more")
	first.Weight, second.Weight = 0.45, 0.45
	w := newWalk(t, first)
	w.world.requests(1000, 10, 9000, 90)
	w.ticks(3)
	w.look.Gates = []rampart.Gate{second}
	w.look.PhaseIndex++
	requireReason(t, w.ticks(3), rampart.Holding, "more 1.00x")
	w.look.Gates = []rampart.Gate{first, second}
	v := w.tick()
	require.Equal(t, 7000.0, v.Gates[0].OnN, "the first goes on: three ticks, and one of four ticks")
	require.Equal(t, 4000.0, v.Gates[1].OnN)
}

func TestHarmIsToldByTheTicksOfTheLaunch(t *testing.T) {
	w := newWalk(t, errorsGate())
	w.world.requests(1000, 10, 9000, 90)
	w.ticks(100)
	began := w.look.At
	w.world.requests(1000, 50, 9000, 90)
	var v rampart.Verdict
	ticks := 0
	for ; v.Word != rampart.Breach; ticks++ {
		require.Less(t, ticks, 20)
		v = w.tick()
	}
	harm := w.state.Harm(v.Gate)
	require.Equal(t, began, harm.Since.UTC())
	require.Equal(t, float64(50*ticks), harm.Bad)
	require.Equal(t, float64(10000*(100+ticks)), harm.Units)
	requireReason(t, v, rampart.Breach, "errors 5.0 % on, 1.0 % off")
}

func TestHarmOfABoundBeganWhenItWasLeft(t *testing.T) {
	w := newWalk(t, pool(50, minute))
	w.world.values["pool"] = 12
	w.ticks(3)
	require.Zero(t, w.state.Harm("db-pool").Since)
	w.world.values["pool"] = 61
	requireReason(t, w.ticks(5), rampart.Breach, "db-pool 61 > 50 for 1m")
	require.Equal(t, noon.Add(time.Minute), w.state.Harm("db-pool").Since.UTC())
}

func TestTheStateOfADozenGatesIsSmall(t *testing.T) {
	var specs []rampart.Gate
	for i := range 6 {
		specs = append(specs, named(errorsGate(), fmt.Sprintf("errors-of-service-%d", i)))
		specs = append(specs, named(pool(50, minute), fmt.Sprintf("pool-of-service-%d", i)))
	}
	w := newWalk(t, specs...)
	w.world.values["pool"] = 61
	w.look.Schedule = gates.Schedule{Phases: 4, Restarts: 1111}
	for i := range 300 {
		w.world.requests(1000.0+float64(i%7), 10, 9000, 90+float64(i%11))
		w.tick()
	}
	require.Less(t, w.size(), 8<<10)
	t.Logf("%d bytes", w.size())
}

func TestScheduleOfAPlan(t *testing.T) {
	plan := rampart.Plan{Flag: "x", Owner: "y", Purpose: "z"}.WithDefaults()
	// Test in production has no arms. Debug is three days at ten minutes, the
	// others are 7, 1 and 30 days at an hour.
	require.Equal(t, gates.Schedule{Phases: 4, Restarts: 3*144 - 1 + 7*24 - 1 + 24 - 1 + 30*24 - 1}, gates.ScheduleOf(plan))
	blob, err := json.Marshal(gates.ScheduleOf(plan))
	require.NoError(t, err)
	require.JSONEq(t, `{"phases":4,"restarts":1340}`, string(blob))
}
