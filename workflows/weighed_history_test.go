package workflows_test

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// weighed are the detours that evidence makes a launch take.
var weighed = map[string]recorded{
	"mismatched": {
		plan: func(p *rampart.Plan) {
			aims(p)
			p.Stages[1].Steps = []rampart.Step{{Percent: 500, Hold: seconds(20)}}
		},
		steer: func(r *recorder) {
			r.skew.Store(40)
			r.await(func(p rampart.Progress) bool { return p.Mismatch != "" })
			r.skew.Store(0)
			r.ask(r.s.Acknowledge, rampart.Ask{By: "bo", Reason: "crawlers"})
			r.approveAll()
		},
		want: rampart.Launched,
	},
	"decided": {
		plan: func(p *rampart.Plan) {
			aims(p)
			p.Stages[2].Steps[0].Hold = seconds(10)
			p.Stages[3].Approvals = &rampart.Approvals{}
		},
		steer: func(r *recorder) {
			r.approve(rampart.MaxPowerRamp, "ann@example.com")
			r.await(func(p rampart.Progress) bool { return p.State == rampart.Held && p.Decision != nil })
			r.ask(r.s.Resume, rampart.Ask{By: "bo", Reason: "it is cheaper to run"})
		},
		want: rampart.Launched,
	},
	"shadowed": {
		plan: func(p *rampart.Plan) { p.Shadow = seconds(600) },
		steer: func(r *recorder) {
			r.await(func(p rampart.Progress) bool { return p.StepName == "shadow" })
			require.Eventually(r.t, func() bool {
				_, err := r.s.Advance(r.t.Context(), r.plan.Flag, rampart.Ask{By: "bo"})
				return err == nil
			}, time.Minute, 50*time.Millisecond, "the shadow period is ended early")
			r.approveAll()
		},
		want: rampart.Launched,
	},
}

// aims gives a plan a goal.
func aims(p *rampart.Plan) {
	p.Goals = []rampart.Goal{{Name: "completed checkouts", Improve: 200, Ratio: &rampart.Ratio{
		Events: `rampart_events_total{event="checkout_completed"}`, Of: "rampart_exposed_units_total"}}}
}

// Count implements gates.Source: a thousand of everything a second, shared out to the
// arms by what is exposed.
func (r *recorder) Count(ctx context.Context, q gates.CountQuery) []gates.Counted {
	all := make([]gates.Counted, len(q.Counters))
	e, err := r.s.Store.Get(ctx, r.plan.Flag)
	share := e.Flag.Exposure.Share() * (1 - float64(r.skew.Load())/100)
	for i, c := range q.Counters {
		n := 1000 * q.To.Sub(c.From).Seconds()
		all[i] = gates.Counted{Err: err, Arms: map[string]gates.ArmCount{"on": evenly(n*share, q), "off": evenly(n*(1-share), q)}}
	}
	return all
}

func evenly(n float64, q gates.CountQuery) gates.ArmCount {
	a := gates.ArmCount{Last: q.To, Buckets: map[string]float64{}}
	for b := range rampart.TelemetryBuckets {
		each := float64(int(n) / rampart.TelemetryBuckets)
		a.Buckets[fmt.Sprint(b)] = each
		a.Sum += each
	}
	return a
}
