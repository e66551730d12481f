package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
)

func (r *rig) acquire() (activities.Acquired, error) {
	return r.Acquire(r.t.Context(), activities.AcquireInput{Plan: r.plan, Owner: launch, At: r.now.UnixMilli(), By: "rita"})
}

func TestALaunchHoldsOutWhomItsEnvironmentDoes(t *testing.T) {
	both := []rampart.Rule{{Segment: "holdout-2026"}, {Segment: "holdout-2027"}}
	cases := map[string]struct {
		change func(*rampart.Plan)
		want   []rampart.Rule
	}{
		"a release":                     {func(*rampart.Plan) {}, both},
		"an experiment":                 {func(p *rampart.Plan) { p.Type = rampart.Experiment }, both},
		"a lever for on-call":           {func(p *rampart.Plan) { p.Type = rampart.Operations }, nil},
		"a permission":                  {func(p *rampart.Plan) { p.Type = rampart.Permission }, nil},
		"a plan that holds nobody out":  {func(p *rampart.Plan) { p.Holdout = rampart.NoHoldout }, nil},
		"a plan with a holdout":         {func(p *rampart.Plan) { p.Holdout = "patients" }, []rampart.Rule{{Segment: "patients"}}},
		"a permission with a holdout":   {func(p *rampart.Plan) { p.Type, p.Holdout = rampart.Permission, "patients" }, []rampart.Rule{{Segment: "patients"}}},
		"a plan that names a known one": {func(p *rampart.Plan) { p.Holdout = "holdout-2027" }, both[1:]},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for _, g := range []rampart.Segment{
				{Name: "holdout-2027", Holdout: true, Rules: []rampart.Rule{{Share: &rampart.Share{To: 500}}}},
				{Name: "internal", Keys: []string{"ann"}}, {Name: "holdout-2026", Holdout: true}, {Name: "patients", Keys: []string{"pat"}},
			} {
				_, err := r.Store.PutSegment(t.Context(), g, "ann", "")
				require.NoError(t, err)
			}
			tc.change(&r.plan)
			got, err := r.acquire()
			require.NoError(t, err)
			require.Equal(t, tc.want, got.Flag.Except)
			e, err := r.Store.Get(t.Context(), r.plan.Flag)
			require.NoError(t, err)
			require.Equal(t, tc.want, e.Flag.Except)
		})
	}
}

// A segment that is not there matches nobody, so whoever is to be held out by it would be
// exposed, for as long as the launch and its flag live.
func TestALaunchIsRefusedWhereWhomItHoldsOutIsNotThere(t *testing.T) {
	r := newRig(t)
	r.plan.Holdout = "patients"
	_, err := r.acquire()
	require.ErrorContains(t, err, "checkout-v2 is to hold out segment patients, which is not there")
	require.Equal(t, own, r.flag().Owner, "the pen was not taken")
	_, err = r.Store.PutSegment(t.Context(), rampart.Segment{Name: "patients", Keys: []string{"pat"}}, "ann", "")
	require.NoError(t, err)
	_, err = r.acquire()
	require.NoError(t, err)
}

// A flag may have been made for another unit than its plan buckets by. It is the plan's
// that the others of its layer must have, from the claim on.
func TestSlotsAreClaimedByTheUnitOfThePlan(t *testing.T) {
	r := newRig(t)
	made := r.flag().Flag
	made.Unit = rampart.Request
	_, err := r.Store.Put(t.Context(), flagstore.Write{Flag: made, Pen: rampart.Pen{Owner: own, Fence: r.now.UnixMilli() - 1}, Verb: "set", By: "ann"})
	require.NoError(t, err)
	other := r.plan.NewFlag()
	other.Name, other.Unit = "one-page", rampart.User
	_, err = r.Store.Acquire(t.Context(), flagstore.AcquireInput{
		Flag: "one-page", Owner: "launch/production/one-page", At: r.now.UnixMilli(), Baseline: &other,
		Claim: &flagstore.Claim{Layer: &rampart.Layer{Name: "checkout-page", To: 5000}},
	})
	require.NoError(t, err)
	r.plan.Layer = &rampart.Layer{Name: "checkout-page", From: 5000, To: 9000}
	r.plan.Unit = rampart.AttributeUnit("account")
	_, err = r.acquire()
	require.ErrorContains(t, err, "layer checkout-page buckets by user, as one-page does")
	r.plan.Unit = rampart.User
	got, err := r.acquire()
	require.NoError(t, err)
	require.Equal(t, rampart.User, got.Flag.Unit)
}

func TestALaunchIsRefusedWhereItsSlotsAreTaken(t *testing.T) {
	r := newRig(t)
	other := r.plan.NewFlag()
	other.Name = "one-page"
	_, err := r.Store.Acquire(t.Context(), flagstore.AcquireInput{
		Flag: "one-page", Owner: "launch/production/one-page", At: r.now.UnixMilli(), Baseline: &other,
		Claim: &flagstore.Claim{Layer: &rampart.Layer{Name: "checkout-page", From: 2000, To: 5000}},
	})
	require.NoError(t, err)
	r.plan.Layer = &rampart.Layer{Name: "checkout-page", From: 4000, To: 9000}
	_, err = r.acquire()
	require.ErrorContains(t, err, "slots 40-90 % of layer checkout-page are taken: one-page has 20-50 %")
	e, err := r.Store.Get(t.Context(), r.plan.Flag)
	require.NoError(t, err)
	require.Equal(t, own, e.Owner, "the pen was not taken")

	r.plan.Layer.From = 5000
	got, err := r.acquire()
	require.NoError(t, err)
	require.Equal(t, r.plan.Layer, got.Flag.Layer)
	require.Equal(t, r.plan.Layer, got.Plan.Layer)
}
