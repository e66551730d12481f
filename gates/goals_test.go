package gates_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

const (
	firstSeen = "rampart_exposed_units_total"
	completed = `rampart_events_total{event="checkout_completed"}`
	tickets   = "tickets_total"
)

func checkouts() rampart.Goal {
	return rampart.Goal{Name: "completed checkouts", Ratio: &rampart.Ratio{Events: completed, Of: firstSeen}, Improve: 200}
}

// newRamp is at 50 % of the maximum power ramp since noon, looked at every minute, for a
// week that may be extended to two.
func newRamp(t *testing.T, goals ...rampart.Goal) *walk {
	w := newWalk(t, errorsGate())
	w.world.requests(3000, 30, 3000, 30)
	w.look.Phase, w.look.PhaseIndex, w.look.Exposure, w.look.Every = rampart.MaxPowerRamp, 2, 5000, time.Minute
	w.look.SampleRatio, w.look.Goals, w.look.CapAt = true, goals, noon.Add(14*24*time.Hour)
	w.arms(firstSeen, 8000, 8000)
	w.arms(completed, 2000, 2000)
	return w
}

// arms makes a counter grow so much in each arm at every tick, a multiple of twenty that is
// not dealt out evenly over the buckets.
func (w *walk) arms(selector string, on, off float64) {
	w.world.mu.Lock()
	defer w.world.mu.Unlock()
	count := func(n float64, shift int) gates.ArmCount {
		c := gates.ArmCount{Sum: n, Buckets: map[string]float64{}}
		for i := range 20 {
			c.Buckets[bucketLabels[i]] = n/20 + float64((i*7+shift)%5-2)
		}
		return c
	}
	w.world.grow[selector] = map[string]gates.ArmCount{"on": count(on, 0), "off": count(off, 3)}
}

var bucketLabels = strings.Fields("0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19")

// days judges a tick every hour of some days: the world counts what lies between.
func (w *walk) days(n int) (v rampart.Verdict) {
	w.t.Helper()
	for range n * 24 {
		w.look.At = w.look.At.Add(time.Hour)
		v = w.judgeNow()
	}
	return v
}

// decide judges a tick at which the hold is over.
func (w *walk) decide() *rampart.RampDecision {
	w.t.Helper()
	w.look.HoldOver, w.look.Decide = true, true
	return w.tick().Decision
}

func TestTheDecisionOnARamp(t *testing.T) {
	fewer := rampart.Goal{Name: "tickets", Ratio: &rampart.Ratio{Events: tickets, Of: firstSeen, Worse: rampart.WorseHigher}, Improve: 500}
	tests := []struct {
		name  string
		goals []rampart.Goal
		world func(*walk)
		want  rampart.DecisionWord
		parts []string
	}{
		{
			"a goal that improved is shipped", []rampart.Goal{checkouts()},
			func(w *walk) { w.arms(completed, 2120, 2000) },
			rampart.Ship, []string{"better: completed checkouts +6.0 % (+", "2 % wanted; no guardrail is worse than its margin: errors at most 1.0"},
		},
		{
			"a goal that fell is a regression", []rampart.Goal{checkouts()},
			func(w *walk) { w.arms(completed, 1880, 2000) },
			rampart.Regress, []string{"worse: completed checkouts -6.0 % (-"},
		},
		{
			"a goal that has not moved had no effect", []rampart.Goal{checkouts()}, func(*walk) {},
			rampart.NoEffect, []string{"no effect that was worth detecting: completed checkouts 0.0 % (-"},
		},
		{
			"of some metrics less is better", []rampart.Goal{fewer},
			func(w *walk) { w.arms(tickets, 1800, 2000) },
			rampart.Ship, []string{"tickets -10.0 % (-", "5 % less wanted"},
		},
		{
			"without goals it is enough not to be worse", nil, func(*walk) {},
			rampart.Ship, []string{"no guardrail is worse than its margin: errors at most 1.0"},
		},
		{
			"not to be worse is enough where the plan declares it", []rampart.Goal{checkouts()},
			func(w *walk) { w.look.NonInferior = true },
			rampart.Ship, []string{"errors at most 1.0", "which the plan declares enough; completed checkouts 0.0 % (-"},
		},
		{
			"a goal that fell is a regression all the same", []rampart.Goal{checkouts()},
			func(w *walk) { w.look.NonInferior = true; w.arms(completed, 1880, 2000) },
			rampart.Regress, []string{"worse: completed checkouts -6.0 % (-"},
		},
		{
			"a goal of which an arm has no units is open", []rampart.Goal{checkouts()},
			func(w *walk) { delete(w.world.grow[firstSeen], "off") },
			rampart.Inconclusive, []string{"completed checkouts: no data of the off arm"},
		},
		{
			"a goal whose metric is not there is open", []rampart.Goal{checkouts(), fewer},
			func(*walk) {},
			rampart.Inconclusive, []string{"tickets: no events of either arm"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newRamp(t, tt.goals...)
			tt.world(w)
			require.Nil(t, w.days(5).Decision, "nobody asked for it")
			d := w.decide()
			require.Equal(t, tt.want, d.Word, d.Reason)
			for _, part := range tt.parts {
				require.Contains(t, d.Reason, part)
			}
			require.Equal(t, w.look.At.UnixMilli(), d.At)
			require.Len(t, d.Goals, len(tt.goals))
			require.Equal(t, d, w.judgeNow().Decision, "judged again")
		})
	}
}

func TestAGuardrailThatMayBeWorseIsNotShipped(t *testing.T) {
	w := newRamp(t, checkouts())
	w.world.requests(30, 1, 30, 1)
	w.arms(completed, 2240, 2000)
	w.arms(firstSeen, 8000, 8000)
	w.ticks(100)
	d := w.decide()
	require.Equal(t, rampart.Inconclusive, d.Word)
	require.Regexp(t, `^errors may be up to \d\.\d\dx, and at most 1\.05x is accepted$`, d.Reason)

	w.look.Gates[0].Ratio.Margin = 2000
	require.Contains(t, w.decide().Reason, "nothing is known yet of how much worse errors may be", "another gate, which has just begun")
}

// TestAServiceThatNeverFailsMayBeShipped has no error in either arm, so that no ratio of
// theirs is known.
func TestAServiceThatNeverFailsMayBeShipped(t *testing.T) {
	w := newRamp(t)
	w.world.requests(3000, 0, 3000, 0)
	w.ticks(5)
	require.Contains(t, w.decide().Reason, "errors at most 0.")
	require.Equal(t, rampart.Ship, w.tick().Decision.Word)
}

func TestHarmIsARegressionWhateverTheGoals(t *testing.T) {
	w := newRamp(t, checkouts())
	w.arms(completed, 2400, 2000)
	w.days(1)
	w.world.requests(3000, 90, 3000, 30)
	w.arms(completed, 2400, 2000)
	w.arms(firstSeen, 8000, 8000)
	w.ticks(20)
	d := w.decide()
	require.Equal(t, rampart.Regress, d.Word)
	require.Contains(t, d.Reason, "evidence reached its limit")
}

// TestGoalsAreLookedAtEveryDay has a decision after a week at half of the time to the
// cap, which has spent an eighth of the error.
func TestGoalsAreLookedAtEveryDay(t *testing.T) {
	w := newRamp(t, checkouts())
	w.days(7)
	d := w.decide()
	g := d.Goals[0]
	require.InDelta(t, 0.5, d.Fraction, 0.01)
	require.InDelta(t, 0.5, g.Fraction, 0.01)
	require.InDelta(t, 2.75, g.Bound, 0.15, "far from the 1.96 of a single look")
	before := *d
	for range 30 {
		d = w.tick().Decision
	}
	require.Equal(t, before.Goals, d.Goals, "a decision is looked for once")

	w.look.Decide, w.look.HoldOver = false, false // extended by a week
	w.days(7)
	require.InDelta(t, 2.1, w.decide().Goals[0].Bound, 0.05, "all of the error is spent at the cap")
}

// TestAStepWithinTheRampCountsGoalsAnew has a ramp of two steps. In the first a goal fell
// so clearly that no second can undo it.
func TestAStepWithinTheRampCountsGoalsAnew(t *testing.T) {
	for name, c := range map[string]struct {
		on   float64 // at first; off: 2000
		want rampart.DecisionWord
	}{
		"what is counted before is not summed": {on: 2000, want: rampart.Ship},
		"what it had come to stays":            {on: 1600, want: rampart.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRamp(t, checkouts())
			w.look.Exposure = 2000
			w.arms(firstSeen, 3200, 12_800)
			w.arms(completed, c.on/4, 2000)
			w.days(5)
			w.look.Exposure, w.look.StepSince = 5000, w.look.At
			w.arms(firstSeen, 8000, 8000)
			w.arms(completed, 2160, 2000)
			w.days(8)
			d := w.decide()
			require.InDelta(t, 0.08, d.Goals[0].Effect, 0.01)
			require.Equal(t, c.want, d.Goals[0].Word, d.Reason)
		})
	}
}

// TestGoalsAreCountedInTheirPhaseOnly walks up to the ramp, where units that were seen
// on the way are in the arms of now.
func TestGoalsAreCountedInTheirPhaseOnly(t *testing.T) {
	w := newRamp(t, checkouts())
	w.look.Phase, w.look.PhaseIndex, w.look.Exposure = rampart.Debug, 1, 1000
	w.arms(firstSeen, 800, 7200)
	w.arms(completed, 400, 7200) // not counted yet
	w.days(1)
	w.look.Phase, w.look.PhaseIndex, w.look.Exposure, w.look.StepSince = rampart.MaxPowerRamp, 2, 5000, w.look.At
	w.arms(firstSeen, 40, 40) // hardly anybody is new
	w.arms(completed, 2120, 2000)
	w.days(2)
	d := w.decide()
	require.InDelta(t, 0.06, d.Goals[0].Effect, 0.002)
	require.Equal(t, rampart.Ship, d.Word, d.Reason)

	w.look.Phase, w.look.PhaseIndex, w.look.Exposure, w.look.StepSince = rampart.Scalability, 3, 7500, w.look.At
	w.look.Decide = false
	before := w.size()
	w.tick()
	require.Less(t, w.size(), before-300, "what was counted of goals is let go of")
}

// TestAStateOfManyGatesAndGoalsStaysSmall leaves room for what a watch adds to it.
func TestAStateOfGoalsStaysSmall(t *testing.T) {
	mean := rampart.Goal{Name: "order value", Mean: &rampart.Mean{Value: "order_value_total", Of: firstSeen}, Improve: 100}
	w := newRamp(t, checkouts(), mean)
	w.arms("order_value_total", 50120, 49920)
	before := w.size()
	w.days(14)
	v := w.tick()
	require.NotNil(t, v.SampleRatio)
	blob, err := json.Marshal(w.state.Tally)
	require.NoError(t, err)
	t.Logf("the tally of two goals after fourteen looks: %d bytes; the state %d, before %d", len(blob), w.size(), before)
	require.Less(t, len(blob), 2800)
}
