package gates_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

const day = rampart.Duration(24 * time.Hour)

// ratesOf are the standard gates at so many requests a second: 0.5 % fail, and one in a
// hundred is slow.
func ratesOf(perSecond float64) gates.Rates {
	return gates.Rates{Of: map[string]gates.Rate{
		"gates[0]": {Units: perSecond, Base: 0.005}, "gates[1]": {Units: perSecond, Base: 0.01, Edge: 1}, "gates[2]": {Units: perSecond, Base: 0.005},
	}}
}

func seenIn(t *testing.T, p gates.Power, percent rampart.Percent, gate string) gates.SeenPower {
	t.Helper()
	for _, s := range p.Steps {
		for _, g := range s.Gates {
			if s.Percent == percent && g.Gate == gate {
				return g
			}
		}
	}
	t.Fatalf("%s is not asked at %s", gate, percent)
	return gates.SeenPower{}
}

func told(p gates.Power) []string {
	var all []string
	for _, w := range p.Warnings {
		all = append(all, w.Path+": "+w.Msg)
	}
	return all
}

func TestWhatTheStandardPlanSees(t *testing.T) {
	p := gates.PowerOf(rampart.Plan{Flag: "checkout-v2"}, ratesOf(500))
	require.Empty(t, told(p))

	t.Run("a step shows finer harm than the one before, and sooner", func(t *testing.T) {
		one, five, half := seenIn(t, p, 100, "errors"), seenIn(t, p, 500, "errors"), seenIn(t, p, 5000, "errors")
		require.True(t, one.Passes)
		require.EqualValues(t, 2, one.Detect)
		require.EqualValues(t, 1.25, half.Detect)
		require.Less(t, five.Sees, one.Sees)
		require.Less(t, half.Sees, five.Sees)
		require.Less(t, half.Harms[3].After, five.Harms[3].After)
	})
	t.Run("the first step alone is by the limit of information", func(t *testing.T) {
		// A tick of 30 s has 150 requests on and 14,850 off; the level is 5 % of 0.3.
		double := seenIn(t, p, 100, "errors").Harms[3]
		require.EqualValues(t, 2, double.Ratio)
		require.InDelta(t, 13*time.Minute, double.After.D(), float64(90*time.Second))
		require.InDelta(t, 5*(double.After.D().Seconds()-30), double.Units, 200)
		require.InEpsilon(t, double.Units*0.005, double.Harmed, 1e-9)
	})
	t.Run("harm from the start is found in the step where it is most likely to be", func(t *testing.T) {
		require.Equal(t, "errors", p.Gates[0].Gate)
		gross, slight := p.Gates[0].Harms[4], p.Gates[0].Harms[0]
		require.Equal(t, rampart.Debug, gross.Phase)
		require.EqualValues(t, 100, gross.Percent)
		require.Greater(t, slight.After, gross.After)
		require.Greater(t, slight.Units, gross.Units)
	})
	t.Run("gates that compare are not asked where nobody is off, nor where nobody is on", func(t *testing.T) {
		require.Empty(t, p.Steps[0].Gates)
		last := p.Steps[len(p.Steps)-1]
		require.EqualValues(t, "finish", last.Phase)
		require.Len(t, last.Gates, 1)
		require.Equal(t, "overall", last.Gates[0].Gate)
	})
	t.Run("a line for all arms does not see what few suffer", func(t *testing.T) {
		one := seenIn(t, p, 100, "overall")
		require.Greater(t, one.Sees, 50.)
		require.InDelta(t, 0.0101, one.Bad, 0.0002, "it does see what all suffer")
		require.Zero(t, one.Harms[4].After)
		require.Positive(t, seenIn(t, p, 9500, "overall").Harms[4].After)
	})
	t.Run("the more uneven the arms, the more units show that one loses some", func(t *testing.T) {
		half, most := p.Steps[4].Ratio, p.Steps[1].Ratio
		require.EqualValues(t, 5000, p.Steps[4].Percent)
		require.Less(t, half[0].Units, most[0].Units)
		require.Less(t, half[0].Units, half[1].Units)
		require.Zero(t, half[0].After, "nobody says how many come")
	})
}

func TestAPlanThatCannotSeeWhatItPromisesIsWarnedOf(t *testing.T) {
	ratio := func(of string) *rampart.Ratio { return &rampart.Ratio{Events: of, Of: of} }
	goal := rampart.Goal{Name: "carts", Ratio: ratio("a_total"), Improve: 200}
	ramp := func(extend *rampart.Extend) []rampart.Stage {
		return []rampart.Stage{{Phase: rampart.MaxPowerRamp, Steps: []rampart.Step{{Percent: 5000, Hold: 7 * day}}, Extend: extend}}
	}
	with := func(rates gates.Rates, path string, r gates.Rate) gates.Rates {
		rates.Of[path] = r
		return rates
	}
	carts := gates.Rate{Units: 0.5, Base: 0.1}
	for _, c := range []struct {
		name  string
		plan  rampart.Plan
		rates gates.Rates
		want  []string
	}{
		{"little traffic", rampart.Plan{Stages: []rampart.Stage{{Phase: rampart.Debug, Steps: []rampart.Step{{Percent: 100, Hold: day}}}}},
			ratesOf(2), []string{
				"stages[0].steps[0].hold: debug at 1 %: errors could show 2x only after 2d6h, and the hold is 1d: it would end undecided",
				"stages[0].steps[0].hold: debug at 1 %: latency could show 2x only after 1d3h, and the hold is 1d: it would end undecided",
			}},
		{"nothing that ever happens", rampart.Plan{
			Gates:  []rampart.Gate{{Name: "carts", Ratio: &rampart.Ratio{Events: "a", Of: "b", Worse: rampart.WorseLower}}},
			Stages: []rampart.Stage{{Phase: rampart.Debug, Steps: []rampart.Step{{Percent: 1000, Hold: day}}}}, Finish: &rampart.Finish{},
		}, with(ratesOf(500), "gates[0]", gates.Rate{Units: 500}), []string{
			"stages[0].steps[0].hold: debug at 10 %: carts could show 2x in no hold: it would end undecided",
		}},
		{"a rate that nobody knows", rampart.Plan{}, with(ratesOf(500), "gates[0]", gates.Rate{Missing: "no series of rampart_requests_total goes back 10m"}), []string{
			"gates[0]: errors: no series of rampart_requests_total goes back 10m",
		}},
		{"a line that is crossed already", rampart.Plan{}, with(ratesOf(500), "gates[2]", gates.Rate{Units: 500, Base: 0.02}), []string{
			"gates[2].objective.good: 2.0 % of all is bad already, and the line is at 1.0 %: the launch would be turned back",
		}},
		{"a goal that takes longer than the hold", rampart.Plan{Goals: []rampart.Goal{goal}, Stages: ramp(&rampart.Extend{By: 7 * day, UpTo: 28 * day})},
			with(ratesOf(500), "goals[0]", carts), []string{
				"goals[0].improve: carts by 2 % shows after 28d at 50 %, and the hold is 7d: it would be extended",
			}},
		{"a goal that takes longer than all extensions", rampart.Plan{Goals: []rampart.Goal{goal}, Stages: ramp(nil)},
			with(ratesOf(500), "goals[0]", carts), []string{
				"goals[0].improve: carts by 2 % needs 21d at 50 %, and max-power-ramp ends after 7d: by then it could show 3.2 %",
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.plan.Flag = "checkout-v2"
			p := gates.PowerOf(c.plan, c.rates)
			require.Equal(t, c.want, told(p))
			for _, w := range p.Warnings {
				require.NotEmpty(t, w.Hint)
				require.True(t, w.Warning)
			}
		})
	}
}

func TestTheHoldoutCosts(t *testing.T) {
	rates := ratesOf(500)
	rates.Of["goals[0]"], rates.Users = gates.Rate{Units: 0.5, Base: 12, Spread: 40}, 0.5
	p := gates.PowerOf(rampart.Plan{Flag: "checkout-v2", Goals: []rampart.Goal{{Name: "revenue", Mean: &rampart.Mean{Value: "a", Of: "b"}, Improve: 300}}}, rates)
	require.Len(t, p.Holdout, 1)
	require.InDelta(t, 5.3, p.Holdout[0].Cost, 0.05)
	require.InEpsilon(t, 2.3, p.Holdout[0].Effects[0].Effect/p.Holdout[0].Effects[0].AtHalf, 0.01, "the square root of that")
	require.Positive(t, p.Steps[1].Ratio[0].After)
	gross := p.Gates[0].Harms[4]
	require.InEpsilon(t, 0.01*0.5*(gross.After.D().Seconds()-45), gross.Users, 0.2, "a hundredth of those who have come")
	require.Zero(t, gates.PowerOf(rampart.Plan{Flag: "checkout-v2"}, ratesOf(500)).Gates[0].Harms[4].Users, "nobody says how many come")
}

func TestEveryKindIsForecast(t *testing.T) {
	plan := rampart.Plan{Flag: "checkout-v2", Stages: []rampart.Stage{{Phase: rampart.MaxPowerRamp, Steps: []rampart.Step{{Percent: 5000, Hold: 7 * day}}}}, Gates: []rampart.Gate{
		{Name: "failures", Count: &rampart.Count{Events: "a"}},
		{Name: "carts", Ratio: &rampart.Ratio{Events: "a", Of: "b", Worse: rampart.WorseLower}},
		{Name: "revenue", Mean: &rampart.Mean{Value: "a", Of: "b", Worse: rampart.WorseLower, Detect: 500}},
		{Name: "by platform", Ratio: &rampart.Ratio{Events: "c", Of: "b"}, By: []string{"platform"}},
		{Name: "at once", Ratio: &rampart.Ratio{Events: "c", Of: "b"}},
		{Name: "pool", Threshold: &rampart.Threshold{Query: "a"}, OnBreach: &rampart.Policy{Action: rampart.ActHold}},
	}}
	p := gates.PowerOf(plan, gates.Rates{Of: map[string]gates.Rate{
		"gates[0]": {Base: 20}, "gates[1]": {Units: 10, Base: 0.2}, "gates[2]": {Units: 2, Base: 10, Spread: 30},
		"gates[3]": {Units: 10, Base: 0.02}, "gates[4]": {Units: 10, Base: 0.02},
	}})
	require.Greater(t, seenIn(t, p, 5000, "by platform").Harms[1].After, seenIn(t, p, 5000, "at once").Harms[1].After, "cohorts take their share")
	for _, name := range []string{"failures", "carts", "revenue"} {
		g := seenIn(t, p, 5000, name)
		require.Greater(t, g.Sees, 1., name)
		require.Less(t, g.Sees, 1.25, name)
		require.Positive(t, g.Harms[3].After, name)
	}
	require.Zero(t, p.Gates[5].Level, "a bound is not evidence")
	require.Empty(t, p.Gates[5].Harms)
	require.Zero(t, p.Gates[0].Harms[3].Units, "of a count nobody knows the units")
	require.Positive(t, p.Gates[0].Harms[3].Harmed)
	require.InDelta(t, 1.05, seenIn(t, p, 5000, "revenue").Detect, 1e-9)
}

// TestAHoldPassesWhenPowerSaysSo holds the forecast to the judge: a gate passes once the
// hold is as long as was told, and not before.
func TestAHoldPassesWhenPowerSaysSo(t *testing.T) {
	p := gates.PowerOf(rampart.Plan{
		Flag: "checkout-v2", Every: rampart.Duration(15 * time.Second), Gates: []rampart.Gate{errorsGate()},
		Stages: []rampart.Stage{{Phase: rampart.Debug, Steps: []rampart.Step{{Percent: 1000, Hold: day}}}}, Finish: &rampart.Finish{},
	}, gates.Rates{Of: map[string]gates.Rate{"gates[0]": {Units: 1000. / 15, Base: 0.01}}})
	needs := int(seenIn(t, p, 1000, "errors").Needs.D() / (15 * time.Second))
	require.Greater(t, needs, 10)

	w := newWalk(t, errorsGate())
	w.world.requests(100, 1, 900, 9)
	w.look.HoldOver = true
	require.Equal(t, rampart.Undecided, w.ticks(needs-3).Word)
	require.Equal(t, rampart.Pass, w.ticks(3).Word)
}
