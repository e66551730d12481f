package gates_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// newUnits are looked at every minute at 10 %, of which so many come in each arm.
func newUnits(t *testing.T, on, off float64) *walk {
	w := newWalk(t, errorsGate())
	w.world.requests(1000, 10, 9000, 90)
	w.look.Every, w.look.SampleRatio = time.Minute, true
	w.units(on, off)
	return w
}

// units makes so many new units come at every tick, of services that have no buckets.
func (w *walk) units(on, off float64) {
	w.world.grow[firstSeen] = map[string]gates.ArmCount{"on": {Sum: on}, "off": {Sum: off}}
}

func TestASampleRatioMismatchHolds(t *testing.T) {
	w := newUnits(t, 80, 900)
	w.look.HoldOver = true
	v := w.ticks(60)
	require.True(t, v.SampleRatio.Mismatch)
	requireReason(t, v, rampart.Undecided, "the sample ratio does not match: ", " new units on, ", " expected")
	require.Equal(t, rampart.Pass, v.Gates[0].Word, "it is no gate's fault")
	require.InDelta(t, 0.1, v.SampleRatio.Expected, 1e-4)
	require.Equal(t, v, w.judgeNow())

	w.units(100, 900)
	require.True(t, w.ticks(30).SampleRatio.Mismatch, "it stands until somebody has looked")
	require.True(t, w.state.Acknowledge(w.look.At))
	require.False(t, w.state.Acknowledge(w.look.At), "there is none any more")
	v = w.ticks(60)
	require.False(t, v.SampleRatio.Mismatch)
	require.Equal(t, 1, v.SampleRatio.Acked)
	require.Equal(t, rampart.Pass, v.Word)

	w.state = w.state.Afresh()
	require.Equal(t, 1, w.ticks(3).SampleRatio.Acked, "an attempt after a step back has what is left of the level")

	w.units(80, 900)
	require.True(t, w.ticks(120).SampleRatio.Mismatch, "another one")
}

func TestAMismatchBlocksTheDecision(t *testing.T) {
	w := newRamp(t, checkouts())
	w.arms(firstSeen, 7200, 8000)
	w.arms(completed, 2400, 2000)
	w.days(2)
	d := w.decide()
	require.Equal(t, rampart.Inconclusive, d.Word)
	require.Contains(t, d.Reason, "no decision while a sample ratio mismatch stands: ")
}

func TestUnitsThatComeAsTheyShouldAreNoMismatch(t *testing.T) {
	w := newUnits(t, 100, 900)
	v := w.ticks(600)
	require.False(t, v.SampleRatio.Mismatch)
	require.Equal(t, rampart.Holding, v.Word)
	require.Negative(t, v.SampleRatio.LogE)
}

// TestAStepIsNoMismatch raises the exposure in the middle of a tick, of which half the
// units fell to the arms by the old allocation.
func TestAStepIsNoMismatch(t *testing.T) {
	w := newUnits(t, 100, 900)
	w.ticks(30)
	w.look.Exposure, w.look.StepSince = 5000, w.look.At.Add(30*time.Second)
	w.units(300, 700)
	w.tick()
	w.tick() // whose first sample may be from before the step
	w.units(500, 500)
	v := w.ticks(60)
	require.False(t, v.SampleRatio.Mismatch)
	require.EqualValues(t, 28*1000+60*1000, v.SampleRatio.On+v.SampleRatio.Off)
}

func TestWhereUnitsAreNotToldThereIsNoRatio(t *testing.T) {
	for name, change := range map[string]func(*walk){
		"the service does not count them": func(w *walk) { delete(w.world.grow, firstSeen) },
		"one arm is missing":              func(w *walk) { delete(w.world.grow[firstSeen], "on") },
		"the unit is the request":         func(w *walk) { w.look.SampleRatio = false },
		"one arm is empty by plan":        func(w *walk) { w.look.Exposure = rampart.Full },
	} {
		t.Run(name, func(t *testing.T) {
			w := newUnits(t, 10, 90)
			change(w)
			require.Nil(t, w.ticks(10).SampleRatio)
		})
	}
}

// TestUnitsOfALostAnswerAreCountedWithTheNext goes without an answer for some minutes.
func TestUnitsOfALostAnswerAreCountedWithTheNext(t *testing.T) {
	w := newUnits(t, 100, 900)
	before := w.ticks(20).SampleRatio
	w.world.fail = errOffline
	require.Equal(t, before, w.ticks(3).SampleRatio)
	w.world.fail = nil
	after := w.tick().SampleRatio
	require.EqualValues(t, 4000, after.On+after.Off-before.On-before.Off)
}

// TestWhatTurnsNothingBackIsCountedLessOften looks at gates every five seconds.
func TestWhatTurnsNothingBackIsCountedLessOften(t *testing.T) {
	w := newUnits(t, 10, 90)
	w.look.Every = 5 * time.Second
	w.ticks(24)
	asked := 0
	for _, c := range w.world.asked {
		if c.Selector == firstSeen {
			asked++
		}
	}
	require.Equal(t, 7, asked, "at first, and every twenty seconds after")
}

func TestTheRampIsRecommendedByWhatIsKnown(t *testing.T) {
	w := newWalk(t, errorsGate())
	w.look.Recommend, w.look.Ladder = true, []rampart.Percent{1000, 2000, 5000}
	require.Nil(t, newWalk(t, errorsGate()).tick().Recommended, "nobody asked")

	w.world.requests(100, 1, 900, 9)
	r := w.tick().Recommended
	require.Equal(t, rampart.Percent(1000), r.Percent)
	require.Equal(t, "nothing is known yet of how harmful errors may be", r.Reason)

	r = w.ticks(60).Recommended
	require.Equal(t, rampart.Percent(1000), r.Percent, "no less than is exposed")
	require.Regexp(t, `^harm of errors is at most \d\.\d\dx; more than 10 % does not keep the risk within 2.5 %$`, r.Reason)

	w.world.requests(1000, 10, 9000, 90)
	r = w.ticks(200).Recommended
	require.Equal(t, rampart.Percent(2000), r.Percent)
	require.Regexp(t, `^harm of errors is at most 1\.\d\dx; 20 % keeps the risk within 2.5 %$`, r.Reason)

	w.world.requests(100_000, 1000, 900_000, 9000)
	r = w.ticks(100).Recommended
	require.Equal(t, rampart.Percent(5000), r.Percent)
	require.Equal(t, "50 % keeps the risk within 2.5 %, by all gates", r.Reason)
}
