package sim

import (
	"fmt"

	"github.com/rampart-dev/rampart/evidence"
)

// A Ramp is the maximum power ramp of a launch with one goal, a share of the users who
// do something wanted: what decisions are measured on.
type Ramp struct {
	Users   float64 // all that come until the declared cap, half of them on
	Base    float64 // share of the off arm
	Effect  float64 // relative: 0.02 is 2 % better
	Looks   int     // one a day until the cap
	Improve float64 // that was to be detectable
	Plain   bool    // counters without telemetry buckets
}

// FixedUsers is how many users a test of fixed length needs to see the improvement with
// power 80 %, at half of 5 % error on one side.
func (r Ramp) FixedUsers() float64 {
	p := r.Base * (1 + r.Improve/2)
	return evidence.FixedSize(0.025, 0.8, p*(1-p), 0.5, r.Base*r.Improve)
}

// Decide walks one ramp to its declared cap and returns what it comes to.
func (r Ramp) Decide(s evidence.Spending, seed, run uint64) (evidence.Word, error) {
	d := newDraw(seed, run)
	var test evidence.GoalTest
	var events, units evidence.Sums
	var e evidence.Estimate
	for look := 1; look <= r.Looks; look++ {
		if err := r.day(d, int64(look), &events, &units); err != nil {
			return "", err
		}
		var err error
		if e, err = evidence.EstimateRatio(&events, &units); err != nil {
			continue // too little has been seen
		}
		test.Look(float64(look)/float64(r.Looks), e)
	}
	decider, err := evidence.NewDecider(0, s)
	if err != nil {
		return "", fmt.Errorf("decide: %w", err)
	}
	goals, err := decider.Judge(evidence.Goal{Test: &test, Estimate: e, Improve: r.Improve, Planned: true})
	if err != nil {
		return "", fmt.Errorf("decide: %w", err)
	}
	return evidence.Decide(evidence.Findings{Goals: goals}), nil
}

// day counts the users of one day, each once.
func (r Ramp) day(d draw, at int64, events, units *evidence.Sums) error {
	var x, n evidence.Buckets
	var x1, n1, x0, n0 float64
	for b := range buckets {
		each := r.Users / float64(r.Looks) / (2 * buckets)
		n.On[b], n.Off[b] = d.poisson(each), d.poisson(each)
		x.On[b] = d.thin(n.On[b], r.Base*(1+r.Effect))
		x.Off[b] = d.thin(n.Off[b], r.Base)
		x1, n1, x0, n0 = x1+x.On[b], n1+n.On[b], x0+x.Off[b], n0+n.Off[b]
	}
	spread, all := &x, &n
	if r.Plain {
		spread, all = nil, nil
	}
	if err := events.Add(at, x1, x0, spread); err != nil {
		return fmt.Errorf("decide: %w", err)
	}
	if err := units.Add(at, n1, n0, all); err != nil {
		return fmt.Errorf("decide: %w", err)
	}
	return nil
}
