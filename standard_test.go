package rampart_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

const (
	minute = rampart.Duration(time.Minute)
	hour   = 60 * minute
	day    = 24 * hour
)

// minimal says only what is required.
func minimal() rampart.Plan {
	return rampart.Plan{Flag: "checkout-v2", Owner: "team-payments", Purpose: "One-page checkout"}
}

func TestDefaultsAreTheStandardFivePhases(t *testing.T) {
	p := minimal().WithDefaults()

	require.Equal(t, "production", p.Environment)
	require.Equal(t, rampart.Release, p.Type)
	require.Equal(t, rampart.User, p.Unit)
	require.Equal(t, rampart.Standard, p.Profile)
	require.JSONEq(t, `[false, true]`, marshal(t, p.Values))
	require.Equal(t, &rampart.Finish{Percent: rampart.Full, Bake: day}, p.Finish)
	require.Equal(t, &rampart.Parachute{Share: rampart.Full, Wait: 75 * minute / 60}, p.Parachute)
	require.Equal(t, &rampart.BlindPolicy{Action: rampart.ActHold, After: 15 * minute}, p.OnBlind)
	require.Equal(t, minute/2, p.Every)
	require.Equal(t, rampart.Percent(500), p.Alpha)
	require.Nil(t, p.Lease, "absent means the rule")

	type row struct {
		phase     rampart.Phase
		exposures string
		hold      rampart.Duration
		approvals int
	}
	var rows []row
	for _, s := range p.Stages {
		exposures := ""
		for _, st := range s.Steps {
			exposures += st.Percent.String() + " "
		}
		rows = append(rows, row{s.Phase, exposures, rampart.Duration(s.Hold()), s.Approvals.Needed()})
	}
	require.Equal(t, []row{
		{rampart.TestInProduction, "0 % ", 2 * day, 0},
		{rampart.Debug, "1 % 5 % 10 % ", 3 * day, 0},
		{rampart.MaxPowerRamp, "50 % ", 7 * day, 1},
		{rampart.Scalability, "75 % ", day, 1},
		{rampart.Learning, "95 % ", 30 * day, 0},
	}, rows)
	require.Equal(t, []rampart.Rule{{Segment: "internal"}}, p.Stages[0].Include)
}

func TestDefaultsHaveNoErrors(t *testing.T) {
	express := minimal()
	express.Profile = rampart.Express
	for name, p := range map[string]rampart.Plan{"standard": minimal(), "express": express} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, p.Validate().Errors())
			require.Empty(t, p.WithDefaults().Validate().Errors())
		})
	}
}

func TestExpressIsOneStepForEverybody(t *testing.T) {
	p := minimal()
	p.Profile = rampart.Express
	p = p.WithDefaults()
	require.Len(t, p.Stages, 1)
	require.Equal(t, rampart.MaxPowerRamp, p.Stages[0].Phase)
	require.Equal(t, []rampart.Step{{Percent: rampart.Full, Hold: hour}}, p.Stages[0].Steps)
	require.Equal(t, &rampart.Finish{Percent: rampart.Full}, p.Finish, "the step has watched everybody already")
	for _, g := range p.Gates {
		require.False(t, g.Compares(), "nobody is off, so %s could not be asked", g.Name)
	}
}

func TestDefaultsChangeNothingThatIsSaid(t *testing.T) {
	p := everything()
	d := p.WithDefaults()
	require.Equal(t, p.Stages[1].Steps, d.Stages[1].Steps)
	require.Equal(t, p.Stages[1].Approvals, d.Stages[1].Approvals)
	require.Equal(t, p.Gates[0].Weight, d.Gates[0].Weight)
	require.Equal(t, p.Finish, d.Finish)
	require.Equal(t, p.Lease, d.Lease)

	none := minimal()
	none.Stages = []rampart.Stage{{Phase: rampart.MaxPowerRamp, Approvals: &rampart.Approvals{}}}
	require.Zero(t, none.WithDefaults().Stages[0].Approvals.Needed(), "a count of 0 is meant")
}

func TestDefaultsLeaveTheirPlanAlone(t *testing.T) {
	p := everything()
	before := marshal(t, p)
	p.WithDefaults()
	require.Equal(t, before, marshal(t, p))
}

func TestDefaultsAreIdempotent(t *testing.T) {
	express := minimal()
	express.Profile = rampart.Express
	for name, p := range map[string]rampart.Plan{
		"minimal": minimal(), "express": express, "everything": everything(), "many gates": manyGates(9), "nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			once := p.WithDefaults()
			require.Equal(t, once, once.WithDefaults())
			require.Equal(t, p.Validate(), once.Validate(), "what is wrong does not depend on who filled the defaults in")
		})
	}
}

func TestPlansTravelAsJSON(t *testing.T) {
	for name, p := range map[string]rampart.Plan{"minimal": minimal(), "everything": everything()} {
		t.Run(name, func(t *testing.T) {
			for _, p := range []rampart.Plan{p, p.WithDefaults()} {
				var arrived rampart.Plan
				require.NoError(t, json.Unmarshal([]byte(marshal(t, p)), &arrived))
				require.Equal(t, p, arrived)
			}
		})
	}
}

func TestWeightsAreSharedAmongTheGatesThatTakeExposureBack(t *testing.T) {
	weights := func(p rampart.Plan) []float64 {
		var w []float64
		p = p.WithDefaults()
		for _, g := range p.Gates {
			w = append(w, g.Weight)
		}
		for _, s := range p.Stages {
			for _, g := range s.Gates {
				w = append(w, g.Weight)
			}
		}
		return w
	}
	hold := &rampart.Policy{Action: rampart.ActHold}
	tests := map[string]struct {
		plan func() rampart.Plan
		want []float64
	}{
		"three share evenly and leave the reserve": {minimal, []float64{0.3, 0.3, 0.3}},
		"of many the first four matter most": {
			func() rampart.Plan { return manyGates(6) }, []float64{0.2, 0.2, 0.2, 0.2, 0.05, 0.05},
		},
		"given weights stand and the others share the rest": {func() rampart.Plan {
			p := manyGates(3)
			p.Gates[1].Weight = 0.5
			return p
		}, []float64{0.2, 0.5, 0.2}},
		"gates that hold spend nothing": {func() rampart.Plan {
			p := manyGates(3)
			p.Gates[0].OnBreach = hold
			return p
		}, []float64{0, 0.45, 0.45}},
		"a threshold spends nothing": {func() rampart.Plan {
			p := manyGates(1)
			p.Gates = append(p.Gates, threshold("t"))
			return p
		}, []float64{0.9, 0}},
		"a gate that overrides another spends for itself": {func() rampart.Plan {
			p := manyGates(1)
			p.Stages = []rampart.Stage{{Phase: rampart.Debug, Gates: []rampart.Gate{ratio("g0")}}, {Phase: rampart.Learning}}
			return p
		}, []float64{0.45, 0.45}},
		"a stage that holds spends nothing on its own gates": {func() rampart.Plan {
			p := manyGates(1)
			p.Stages = []rampart.Stage{{Phase: rampart.Debug, OnBreach: hold, Gates: []rampart.Gate{ratio("own")}}, {Phase: rampart.Learning}}
			return p
		}, []float64{0.9, 0}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.InDeltaSlice(t, tt.want, weights(tt.plan()), 1e-12) })
	}
}

func TestLeaseFor(t *testing.T) {
	p := minimal()
	at := func(phase rampart.Phase, percent rampart.Percent) rampart.Duration {
		return rampart.LeaseFor(p, rampart.Stage{Phase: phase}, percent)
	}
	require.Equal(t, hour, at(rampart.TestInProduction, 0))
	require.Equal(t, hour, at(rampart.Debug, 1000), "up to 10 %")
	require.Equal(t, 6*hour, at(rampart.Debug, 1001))
	require.Equal(t, 6*hour, at(rampart.Scalability, 7500))
	require.Zero(t, at(rampart.Learning, 9500))
	require.Zero(t, at("", rampart.Full), "the last watch has none")

	p.Lease = &rampart.Lease{End: 20 * minute}
	require.Equal(t, 20*minute, at(rampart.Scalability, 7500), "the plan has the last word")
	require.Zero(t, at(rampart.Learning, 9500), "but not in learning")
}

func TestLeaseWarn(t *testing.T) {
	p := minimal()
	require.Equal(t, 5*minute, p.LeaseWarn())
	p.Lease = &rampart.Lease{End: 4 * minute}
	require.Equal(t, 2*minute, p.LeaseWarn(), "before the end")
	require.Equal(t, 2*minute, p.WithDefaults().Lease.Warn)
	p.Lease.Warn = minute
	require.Equal(t, minute, p.LeaseWarn())
}

func TestDetectAt(t *testing.T) {
	require.InDelta(t, 2, ratio("r").DetectAt(1000), 0)
	require.InDelta(t, 1.25, ratio("r").DetectAt(5000), 0)
	require.InDelta(t, 1.5, rampart.Gate{Detect: 1.5}.DetectAt(100), 0)
	require.InDelta(t, 2, rampart.Gate{Objective: &rampart.Objective{}}.DetectAt(rampart.Full), 0, "a line is the same for all who are exposed")
}

func ratio(name string) rampart.Gate {
	return rampart.Gate{Name: name, Ratio: &rampart.Ratio{Events: "bad_total", Of: "all_total"}}
}

func threshold(name string) rampart.Gate {
	return rampart.Gate{Name: name, Threshold: &rampart.Threshold{Query: "up", Min: ptr(1.0)}}
}

func manyGates(n int) rampart.Plan {
	p := minimal()
	for i := range n {
		p.Gates = append(p.Gates, ratio("g"+string(rune('0'+i))))
	}
	return p
}

// everything is a valid plan that uses each key there is.
func everything() rampart.Plan {
	p := minimal()
	p.Environment, p.Type, p.RetireBy = "staging", rampart.Experiment, "2027-03-31"
	p.Hypothesis, p.Unit, p.Profile = "More checkouts\nare completed", "attribute:account", rampart.Standard
	p.Values = []json.RawMessage{json.RawMessage(`{"layout":"old"}`), json.RawMessage(`{"layout":"new"}`)}
	p.Calendar = &rampart.Calendar{Zone: "Europe/Berlin", Promote: "mon-thu 09:00-16:00",
		Freeze: []rampart.Freeze{{From: "2026-12-18", Until: "2027-01-04", Why: "Christmas peak"}}}
	p.Requires = []rampart.Requirement{{Flag: "new-cart"}, {Query: "up", Min: ptr(1.0)}}
	stepBack := &rampart.Policy{Action: rampart.ActStepBack, CoolDown: 2 * hour, Attempts: 2}
	p.Gates = []rampart.Gate{
		{Name: "errors", Ratio: &rampart.Ratio{Events: `bad_total{code=~"5.."}`, Of: "all_total", Worse: rampart.WorseHigher, Margin: 100},
			OnBreach: stepBack, Weight: 0.3, Detect: 1.5, By: []string{"platform", "region"}},
		{Name: "count", Count: &rampart.Count{Events: "restarts_total", Worse: rampart.WorseLower, Margin: 500}},
		{Name: "latency", Latency: &rampart.Latency{Histogram: `request_duration_seconds{route="/pay"}`}},
		{Name: "basket", Mean: &rampart.Mean{Value: "basket_euros_total", Of: "baskets_total", Worse: rampart.WorseLower, Detect: 200}},
		{Name: "overall", Objective: &rampart.Objective{Events: "bad_total", Of: "all_total", Good: 9990}},
		{Name: "traffic", Baseline: &rampart.Baseline{Query: "sum(rate(all_total[5m]))", Worse: rampart.WorseLower}},
		{Name: "pool", Threshold: &rampart.Threshold{Query: "max(waiting)", Min: ptr(0.0), Max: ptr(50.0), For: 3 * minute}},
		{Name: "disk", Trend: &rampart.Trend{Query: "disk_used", MaxRise: 2000, Over: hour, For: 5 * minute}},
		{Name: "health", Probe: &rampart.Probe{URL: "https://checkout/healthz", Status: []int{200, 204}, Interval: minute, Timeout: minute / 6, Failures: 5}},
		{Name: "backend", Probe: &rampart.Probe{GRPC: "backend:9000/checkout.v1", TLS: true}},
	}
	p.Goals = []rampart.Goal{{Name: "completed checkouts", Ratio: &rampart.Ratio{Events: "done_total", Of: "units_total"}, Improve: 200}}
	p.NonInferior = true
	p.Shadow, p.Every, p.Alpha = day, minute, 300
	p.Stages = []rampart.Stage{
		{Phase: rampart.TestInProduction, Include: []rampart.Rule{{Segment: "internal"}, {Keys: []string{"u1"}}}},
		{Phase: rampart.Debug, Where: []rampart.Rule{{Attribute: "region", In: []string{"eu"}}, {Attribute: "plan", NotIn: []string{"gold"}}},
			Steps: []rampart.Step{{Percent: 50, Hold: day}, {Percent: 1000, Hold: day}}, Approvals: &rampart.Approvals{Count: 2},
			Gates: []rampart.Gate{{Name: "tcp", Probe: &rampart.Probe{TCP: "[::1]:5432"}}}, OnBreach: stepBack},
		{Phase: rampart.MaxPowerRamp, Approvals: &rampart.Approvals{Groups: []string{"product", "engineering"}, Expire: 3 * day},
			Extend: &rampart.Extend{By: 7 * day, UpTo: 28 * day}, Recommend: true},
		{Phase: rampart.Scalability},
		{Phase: rampart.Learning, Objectives: []string{"Repeat purchases"}},
	}
	p.Finish = &rampart.Finish{Percent: 9900, Bake: 2 * day}
	p.Lease = &rampart.Lease{Warn: 10 * minute, End: 2 * hour}
	p.Parachute = &rampart.Parachute{Share: 9900, Wait: minute}
	p.OnBlind = &rampart.BlindPolicy{Action: rampart.ActTurnBack, After: hour}
	p.Notify = []string{"payments-releases"}
	return p
}

func ptr[T any](v T) *T { return &v }

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}
