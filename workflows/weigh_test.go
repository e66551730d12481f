package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/gates"
)

// deciding is the standard plan with a goal, whose ramp may be extended to four weeks.
func deciding() rampart.Plan {
	p := fivePhases().WithDefaults()
	p.Goals = []rampart.Goal{{Name: "completed checkouts", Improve: 200, Ratio: &rampart.Ratio{
		Events: `rampart_events_total{event="checkout_completed"}`, Of: "rampart_exposed_units_total"}}}
	p.Stages[2].Extend = &rampart.Extend{By: rampart.Duration(7 * day), UpTo: rampart.Duration(28 * day)}
	return p
}

// decides makes the end of the ramp come to these words, one after the other, and the
// last of them again and again.
func (r *rig) decides(words ...rampart.DecisionWord) {
	r.count = func(q gates.CountQuery) []gates.Counted { return make([]gates.Counted, len(q.Counters)) }
	r.evidence = func(in activities.WatchInput, got activities.Watched, err error) (activities.Watched, error) {
		if err == nil && got.Found == activities.FoundPass && in.Decide && in.Mode != activities.Raise {
			got.Memory.Verdict.Decision = &rampart.RampDecision{Word: words[0], Reason: "completed checkouts +1 % (-1 to +3), 2 % wanted"}
			words = words[min(1, len(words)-1):]
		}
		return got, err
	}
}

func TestTheRampEndsInADecision(t *testing.T) {
	const ramp = 6 * day // when it begins, with consent an hour after it was asked for
	for name, tt := range map[string]struct {
		words  []rampart.DecisionWord
		alone  bool // nobody need consent to what follows
		state  rampart.State
		asks   rampart.Phase
		weeks  int // that it was held, by the time it is asked or held
		extend rampart.Duration
	}{
		"ship asks for consent to what follows":                  {words: []rampart.DecisionWord{rampart.Ship}, state: rampart.Waiting, asks: rampart.Scalability, weeks: 1},
		"no effect does, too: whoever consents decides":          {words: []rampart.DecisionWord{rampart.NoEffect}, state: rampart.Waiting, asks: rampart.Scalability, weeks: 1},
		"no effect holds where nobody is asked":                  {words: []rampart.DecisionWord{rampart.NoEffect}, alone: true, state: rampart.Held, weeks: 1},
		"regress holds":                                          {words: []rampart.DecisionWord{rampart.Regress}, state: rampart.Held, weeks: 1},
		"inconclusive is extended by a week, until it is better": {words: []rampart.DecisionWord{rampart.Inconclusive, rampart.Inconclusive, rampart.Ship}, state: rampart.Waiting, asks: rampart.Scalability, weeks: 3, extend: rampart.Duration(14 * day)},
		"inconclusive is extended up to four weeks":              {words: []rampart.DecisionWord{rampart.Inconclusive}, alone: true, state: rampart.Held, weeks: 4, extend: rampart.Duration(21 * day)},
	} {
		t.Run(name, func(t *testing.T) {
			plan := deciding()
			if tt.alone {
				plan.Stages[3].Approvals = &rampart.Approvals{}
			}
			r := newRig(t, plan)
			r.decides(tt.words...)
			r.at(ramp, func() { r.approve(rampart.MaxPowerRamp, "ann") })
			over := ramp + time.Duration(tt.weeks)*7*day
			var before, after rampart.Progress
			r.at(over-day, func() { before = r.progress() })
			r.at(over+day, func() { after = r.progress() })
			r.at(over+2*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
			_, err := r.walk()
			require.NoError(t, err)
			require.Equal(t, rampart.Watching, before.State)
			require.Equal(t, rampart.Duration(7*day)+tt.extend, before.Hold)
			require.Equal(t, tt.state, after.State, after.Note)
			require.Equal(t, tt.asks, after.Asking)
			require.Equal(t, tt.extend, after.Extended)
			require.Equal(t, tt.words[len(tt.words)-1], after.Decision.Word)
			require.Equal(t, []float64{0, 1, 5, 10, 50, 0}, r.path())
		})
	}
}

func TestADecisionIsToldToWhoeverConsents(t *testing.T) {
	plan := deciding()
	plan.Notify = []string{"releases"}
	r := newRig(t, plan)
	r.whenAsked("ann")
	r.decides(rampart.Ship)
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Launched, out.State)
	var asked []string
	for _, n := range r.notices {
		if n.Event == "waiting" {
			asked = append(asked, n.Text)
		}
	}
	require.Len(t, asked, 2)
	require.NotContains(t, asked[0], "decision")
	require.Contains(t, asked[1], "The decision on max-power-ramp is ship: completed checkouts +1 %")
	require.True(t, slices.ContainsFunc(r.notices, func(n activities.Notice) bool { return n.Event == "decision" }))
}

func TestAPersonOverrulesADecision(t *testing.T) {
	r := newRig(t, deciding())
	r.whenAsked("ann")
	r.decides(rampart.Regress)
	r.at(16*day, func() { r.ask(rampart.UpdateResume, rampart.Ask{By: "bo", Reason: "the loss is known, and wanted"}) })
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Launched, out.State)
	require.Equal(t, []float64{0, 1, 5, 10, 50, 75, 95, 100}, r.path())
}

func TestWhoeverEndsTheRampEarlyDoesNotHaveItExtended(t *testing.T) {
	r := newRig(t, deciding())
	r.decides(rampart.Inconclusive)
	r.at(6*day, func() { r.approve(rampart.MaxPowerRamp, "ann") })
	r.at(9*day, func() { r.ask(rampart.UpdateAdvance, rampart.Ask{By: "bo", Reason: "the fair begins"}) })
	var after rampart.Progress
	r.at(10*day, func() { after = r.progress() })
	r.at(11*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Scalability, after.Asking)
	require.Zero(t, after.Extended)
	require.Equal(t, rampart.Inconclusive, after.Decision.Word)
}

func TestAPlanWithoutGoalsIsOnlyToldItsDecision(t *testing.T) {
	r := newRig(t, fivePhases())
	r.whenAsked("ann")
	r.decides(rampart.Inconclusive)
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Launched, out.State)
	require.Equal(t, []float64{0, 1, 5, 10, 50, 75, 95, 100}, r.path())
}

// recommending has a stage of five steps, of which the recommender chooses.
func recommending() rampart.Plan {
	p := fivePhases()
	comparing(&p)
	p = p.WithDefaults()
	p.Stages[1].Recommend = true
	p.Stages[1].Steps = nil
	for _, percent := range []rampart.Percent{100, 300, 500, 800, 1000} {
		p.Stages[1].Steps = append(p.Stages[1].Steps, rampart.Step{Percent: percent, Hold: rampart.Duration(day)})
	}
	return p
}

// recommends makes the evidence at an exposure recommend these shares, one after the other.
func (r *rig) recommends(at map[rampart.Percent][]rampart.Percent) {
	r.evidence = func(in activities.WatchInput, got activities.Watched, err error) (activities.Watched, error) {
		said := at[in.Exposure]
		if got.Memory.Verdict.Recommended = nil; len(in.Ladder) > 0 && len(said) > 0 && got.Found == activities.FoundPass {
			got.Memory.Verdict.Recommended = &rampart.Recommendation{Percent: said[0], Reason: "errors are at most 1.3x"}
			at[in.Exposure] = said[min(1, len(said)-1):]
		}
		return got, err
	}
}

func TestTheNextStepIsTheOneThatIsRecommended(t *testing.T) {
	for name, tt := range map[string]struct {
		says map[rampart.Percent][]rampart.Percent
		path []float64
		age  time.Duration // when 10 % is exposed at the earliest
	}{
		"nothing is known":                 {path: []float64{0, 1, 3, 5, 8, 10}, age: 6 * day},
		"two steps may be left out":        {says: map[rampart.Percent][]rampart.Percent{100: {800}}, path: []float64{0, 1, 8, 10}, age: 4 * day},
		"between two steps, the lower":     {says: map[rampart.Percent][]rampart.Percent{100: {700}}, path: []float64{0, 1, 5, 8, 10}, age: 5 * day},
		"never beyond the stage":           {says: map[rampart.Percent][]rampart.Percent{100: {rampart.Full}}, path: []float64{0, 1, 10}, age: 3 * day},
		"less than the next, for a while":  {says: map[rampart.Percent][]rampart.Percent{100: {100, 0, 300}}, path: []float64{0, 1, 3, 5, 8, 10}, age: 6*day + 12*time.Hour},
		"less than the next, for too long": {says: map[rampart.Percent][]rampart.Percent{300: {100}}, path: []float64{0, 1, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, recommending())
			r.count = service(r).count
			r.recommends(tt.says)
			var reached time.Duration
			r.wrote = func(in activities.ExposeInput) {
				if in.Flag.Exposure == 1000 {
					reached = r.Now().Sub(r.began)
				}
			}
			var late rampart.Progress
			r.at(15*day, func() { late = r.progress() })
			r.at(16*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
			_, err := r.walk()
			require.NoError(t, err)
			require.Equal(t, append(tt.path, 0), r.path())
			require.InDelta(t, tt.age.Hours(), reached.Hours(), 12)
			if tt.age == 0 {
				require.Equal(t, rampart.Held, late.State)
				require.Contains(t, late.Note, "1 % is recommended, less than the next step, 5 %")
			}
		})
	}
}

// A worker of an earlier version passes the last step and decides nothing.
func TestTheRampDoesNotGoOnWithoutADecision(t *testing.T) {
	plan := deciding()
	plan.Stages[3].Approvals = &rampart.Approvals{}
	r := newRig(t, plan)
	r.count = func(q gates.CountQuery) []gates.Counted { return make([]gates.Counted, len(q.Counters)) }
	r.evidence = func(_ activities.WatchInput, got activities.Watched, err error) (activities.Watched, error) {
		got.Memory.Verdict.Decision = nil
		return got, err
	}
	r.at(6*day, func() { r.approve(rampart.MaxPowerRamp, "ann") })
	var after rampart.Progress
	r.at(14*day, func() { after = r.progress() })
	r.at(15*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Held, after.State, after.Note)
	require.Equal(t, rampart.MaxPowerRamp, after.Phase)
	require.Contains(t, after.Note, "nothing was decided")
}
