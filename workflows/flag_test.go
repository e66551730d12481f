package workflows_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/workflows"
)

// newFlagRig is a rig for a flag's own workflow, over a store that has no flag yet.
func newFlagRig(t *testing.T) *rig {
	r := newRig(t, fivePhases())
	require.NoError(t, r.redis.Client().FlushAll(t.Context()).Err())
	require.NoError(t, r.store.Setup(t.Context(), "namespace-id"))
	options := startOptions(r.plan.Flag)
	options.ID = rampart.FlagID(env, r.plan.Flag)
	r.SetStartWorkflowOptions(options)
	r.RegisterWorkflow(workflows.Flag)
	a := &activities.Activities{Store: r.store, Identity: activities.Payload{}, Now: r.Now, Workflows: r}
	r.RegisterActivity(a.Look)
	r.RegisterActivity(a.Take)
	r.RegisterActivity(a.KillState)
	r.RegisterActivity(a.Lift)
	r.RegisterActivity(a.Restore)
	return r
}

// live runs the flag's workflow until the test cancels it.
func (r *rig) live(until time.Duration) rampart.FlagIntent {
	var intent rampart.FlagIntent
	r.at(until, func() {
		v, err := r.QueryWorkflow(rampart.QueryFlag)
		require.NoError(r.t, err)
		require.NoError(r.t, v.Get(&intent))
		r.CancelWorkflow()
	})
	r.ExecuteWorkflow(workflows.Flag, workflows.FlagInput{Environment: env, Name: r.plan.Flag})
	require.True(r.t, r.IsWorkflowCompleted())
	return intent
}

func (r *rig) change(name string, arg any) *reply {
	got := &reply{}
	r.UpdateWorkflow(name, "", got, arg)
	return got
}

func (r *rig) create() *reply {
	return r.change(rampart.UpdateRegister, rampart.FlagChange{Flag: r.plan.NewFlag(), By: "rita", New: true})
}

func TestAFlagIsMadeSetAndDisabledByHand(t *testing.T) {
	r := newFlagRig(t)
	var made, again, set, off *reply
	r.at(time.Minute, func() { made = r.create() })
	r.at(2*time.Minute, func() { again = r.create() })
	r.at(3*time.Minute, func() {
		f := r.plan.NewFlag()
		f.Type, f.Exposure, f.On, f.Salt = rampart.Operations, 2500, json.RawMessage(`"fast"`), "another"
		set = r.change(rampart.UpdateSet, rampart.FlagChange{Flag: f, By: "rita", Reason: "try"})
	})
	var stored flagstore.Entry
	r.at(4*time.Minute, func() { stored = r.flag() })
	r.at(5*time.Minute, func() { off = r.change(rampart.UpdateDisable, rampart.Ask{By: "bo", Reason: "enough"}) })
	intent := r.live(time.Hour)

	require.NoError(t, made.err)
	require.ErrorContains(t, again.refused, "is there already")
	require.NoError(t, set.err)
	require.Equal(t, rampart.Percent(2500), stored.Flag.Exposure)
	require.JSONEq(t, `"fast"`, string(stored.Flag.On))
	require.Equal(t, r.plan.Flag, stored.Flag.Salt, "the salt stays for life")
	require.Equal(t, rampart.FlagID(env, r.plan.Flag), stored.Owner)
	require.NoError(t, off.err)
	require.Zero(t, intent.Flag.Exposure)
	require.Equal(t, rampart.Percent(2500), intent.Flag.HighWater)
	require.Equal(t, intent.Flag.Version, r.flag().Flag.Version)
}

func TestAFlagUnderALaunchCannotBeChangedByHand(t *testing.T) {
	r := newFlagRig(t)
	var refused, later *reply
	launch := rampart.LaunchID(env, r.plan.Flag)
	r.at(time.Minute, func() { r.create() })
	r.open = true
	r.at(2*time.Minute, func() {
		r.SignalWorkflow(rampart.SignalLaunching, rampart.Handover{Launch: launch, Flag: r.flag().Flag})
	})
	r.at(3*time.Minute, func() { refused = r.change(rampart.UpdateDisable, rampart.Ask{By: "bo"}) })
	r.at(4*time.Minute, func() {
		f := r.flag().Flag
		f.Version++
		r.SignalWorkflow(rampart.SignalAnswer, rampart.Handover{Launch: launch, Flag: f, Outcome: &rampart.Outcome{State: rampart.Launched}})
	})
	r.at(5*time.Minute, func() { later = r.change(rampart.UpdateDisable, rampart.Ask{By: "bo"}) })
	intent := r.live(time.Hour)
	require.ErrorContains(t, refused.err, "is being launched")
	require.NoError(t, later.err)
	require.Equal(t, rampart.Launched, intent.Last.State)
}

func TestAKillIsLiftedByASecondPersonAndTheFlagStaysOff(t *testing.T) {
	r := newFlagRig(t)
	var same, second, again *reply
	r.at(time.Minute, func() { r.create() })
	r.at(2*time.Minute, func() {
		f := r.plan.NewFlag()
		f.Exposure = rampart.Full
		r.change(rampart.UpdateSet, rampart.FlagChange{Flag: f, By: "rita", Reason: "on"})
	})
	r.at(3*time.Minute, func() {
		k, err := r.store.Kill(t.Context(), r.plan.Flag, "oncall", "fire")
		require.NoError(t, err)
		r.SignalWorkflow(rampart.SignalKilled, k.Kill)
	})
	r.at(4*time.Minute, func() { same = r.change(rampart.UpdateLift, rampart.Ask{By: "oncall"}) })
	r.at(5*time.Minute, func() { second = r.change(rampart.UpdateLift, rampart.Ask{By: "ann", Reason: "mended"}) })
	r.at(6*time.Minute, func() { again = r.change(rampart.UpdateLift, rampart.Ask{By: "ann"}) })
	intent := r.live(time.Hour)
	require.ErrorContains(t, same.err, "second person")
	require.NoError(t, second.err)
	require.ErrorContains(t, again.err, "is not killed")
	require.False(t, intent.Kill.Killed)
	require.Zero(t, r.flag().Flag.Exposure)
	require.False(t, r.flag().Kill.Killed)
}

func TestNobodyWhoKilledIsTheSecondPersonThoughSomebodyKilledAfterwards(t *testing.T) {
	r := newFlagRig(t)
	replies, early := map[string]*reply{}, (*reply)(nil)
	kill := func(by string) {
		_, err := r.store.Kill(t.Context(), r.plan.Flag, by, "fire")
		require.NoError(t, err)
	}
	lift := func(by string) { replies[by] = r.change(rampart.UpdateLift, rampart.Ask{By: by, Reason: "mended"}) }
	r.at(time.Minute, func() { r.create() })
	r.at(2*time.Minute, func() { kill("oncall"); kill("bo") })
	r.at(3*time.Minute, func() { lift("oncall"); early = replies["oncall"] })
	r.at(4*time.Minute, func() { lift("bo") })
	r.at(5*time.Minute, func() { lift("ann") })
	r.at(6*time.Minute, func() { kill("bo") })
	r.at(7*time.Minute, func() { lift("oncall") }) // an earlier kill counts until it was lifted
	r.live(time.Hour)
	require.ErrorContains(t, early.err, "was killed by oncall, who cannot restore it")
	require.ErrorContains(t, replies["bo"].err, "was killed by bo, who cannot restore it")
	require.NoError(t, replies["ann"].err)
	require.NoError(t, replies["oncall"].err)
	require.False(t, r.flag().Kill.Killed)
}

func TestWhoKilledIsRememberedThoughTheStoreForgets(t *testing.T) {
	r := newFlagRig(t)
	var first, third *reply
	r.at(time.Minute, func() { r.create() })
	r.at(2*time.Minute, func() {
		k, err := r.store.Kill(t.Context(), r.plan.Flag, "oncall", "fire")
		require.NoError(t, err)
		r.SignalWorkflow(rampart.SignalKilled, k.Kill)
	})
	r.at(3*time.Minute, func() {
		r.redis.Restart() // and before anything is restored:
		_, err := r.store.Kill(t.Context(), r.plan.Flag, "bo", "smoke")
		require.NoError(t, err)
		first = r.change(rampart.UpdateLift, rampart.Ask{By: "oncall", Reason: "mended"})
	})
	r.at(4*time.Minute, func() { third = r.change(rampart.UpdateLift, rampart.Ask{By: "ann", Reason: "mended"}) })
	r.live(time.Hour)
	require.ErrorContains(t, first.err, "was killed by oncall, who cannot restore it")
	require.NoError(t, third.err)
	require.False(t, r.flag().Kill.Killed)
}

// Temporal's clock may be ahead of the store's, or have been: the time of a workflow does
// not go back. Whoever is to turn a flag off does not wait for that.
func TestAClockThatIsAheadKeepsNobodyFromTurningAFlagOff(t *testing.T) {
	r := newFlagRig(t)
	r.SetStartTime(time.Now().Add(3 * time.Hour))
	var made, set, off, lifted *reply
	r.at(time.Minute, func() { made = r.create() })
	r.at(2*time.Minute, func() {
		f := r.plan.NewFlag()
		f.Exposure = 2500
		set = r.change(rampart.UpdateSet, rampart.FlagChange{Flag: f, By: "rita", Reason: "try"})
	})
	r.at(3*time.Minute, func() { off = r.change(rampart.UpdateDisable, rampart.Ask{By: "bo", Reason: "enough"}) })
	r.at(4*time.Minute, func() {
		_, err := r.store.Kill(t.Context(), r.plan.Flag, "oncall", "fire")
		require.NoError(t, err)
		lifted = r.change(rampart.UpdateLift, rampart.Ask{By: "ann", Reason: "mended"})
	})
	intent := r.live(time.Hour)
	for _, reply := range []*reply{made, set, off, lifted} {
		require.NoError(t, reply.err)
	}
	require.Zero(t, r.flag().Flag.Exposure)
	require.Equal(t, r.flag().Flag.Version, intent.Flag.Version)
	require.False(t, r.flag().Kill.Killed)
}

// A failover may lose the kill, and readers hold it all the same: what lifts it must be
// later than what they have.
func TestAKillThatTheStoreHasLostIsLiftedForGood(t *testing.T) {
	r := newFlagRig(t)
	var lifted, swept *reply
	var killed flagstore.Killed
	r.at(time.Minute, func() { r.create() })
	r.at(2*time.Minute, func() {
		var err error
		killed, err = r.store.Kill(t.Context(), r.plan.Flag, "oncall", "fire")
		require.NoError(t, err)
		r.SignalWorkflow(rampart.SignalKilled, killed.Kill)
	})
	r.at(3*time.Minute, func() {
		require.NoError(t, r.redis.Client().HDel(t.Context(), "rampart:{"+env+"}:state", "k:"+r.plan.Flag).Err())
		lifted = r.change(rampart.UpdateLift, rampart.Ask{By: "ann", Reason: "mended"})
	})
	r.at(4*time.Minute, func() { swept = r.change(rampart.UpdateRestore, "the store had gone back in time") })
	intent := r.live(time.Hour)
	require.NoError(t, lifted.err)
	require.NoError(t, swept.err)
	require.False(t, intent.Kill.Killed)
	require.False(t, r.flag().Kill.Killed)
	require.Greater(t, r.flag().Kill.Version, killed.Kill.Version)
}

func TestAnEmptiedStoreGetsFlagAndKillBack(t *testing.T) {
	r := newFlagRig(t)
	var before, after flagstore.Entry
	var restored *reply
	r.at(time.Minute, func() { r.create() })
	r.at(2*time.Minute, func() {
		f := r.plan.NewFlag()
		f.Exposure = rampart.Full
		r.change(rampart.UpdateSet, rampart.FlagChange{Flag: f, By: "rita", Reason: "on"})
	})
	r.at(3*time.Minute, func() {
		k, err := r.store.Kill(t.Context(), r.plan.Flag, "oncall", "fire")
		require.NoError(t, err)
		r.SignalWorkflow(rampart.SignalKilled, k.Kill)
	})
	r.at(4*time.Minute, func() {
		before = r.flag()
		r.redis.Restart()
		restored = r.change(rampart.UpdateRestore, "the store had lost everything")
	})
	r.at(5*time.Minute, func() { after = r.flag() })
	r.live(time.Hour)
	require.NoError(t, restored.err)
	require.Equal(t, before.Kill, after.Kill)
	require.Equal(t, before.Owner, after.Owner)
	require.Equal(t, before.Flag.Exposure, after.Flag.Exposure)
	require.GreaterOrEqual(t, after.Flag.Version, before.Flag.Version)
}

func TestAFlagsWorkflowIsContinuedAsNewAndForgetsNothing(t *testing.T) {
	r := newFlagRig(t)
	r.at(time.Minute, func() { r.create() })
	const batch = 335 // the test environment takes fewer than a thousand at once
	for b := range 3 {
		r.at(time.Duration(b+1)*time.Hour, func() {
			for i := range batch {
				r.SignalWorkflow(rampart.SignalKilled, rampart.Kill{Flag: r.plan.Flag, Version: int64(b*batch + i + 1), Killed: i%2 == 0})
			}
		})
	}
	r.ExecuteWorkflow(workflows.Flag, workflows.FlagInput{Environment: env, Name: r.plan.Flag})
	require.True(t, r.IsWorkflowCompleted())
	err := r.GetWorkflowError()
	require.ErrorContains(t, err, "continue as new")
	in := continued(t, err)
	require.EqualValues(t, 999, in.Intent.Kill.Version, "a registration and 999 signals make the thousand")
	require.Equal(t, r.plan.Flag, in.Intent.Flag.Name)
}

func TestAFlagThatWasChangedMeanwhileIsNotSet(t *testing.T) {
	r := newFlagRig(t)
	var seen rampart.Flag
	var first, second *reply
	r.at(time.Minute, func() { r.create() })
	r.at(2*time.Minute, func() { seen = r.flag().Flag })
	set := func(purpose string) *reply {
		f := seen
		f.Purpose = purpose
		return r.change(rampart.UpdateSet, rampart.FlagChange{Flag: f, By: "rita", Reason: "clearer", Seen: seen.Version})
	}
	r.at(3*time.Minute, func() { first = set("one page") })
	r.at(4*time.Minute, func() { second = set("a page") })
	r.live(time.Hour)
	require.NoError(t, first.err)
	require.ErrorContains(t, second.err, "changed by rita since it was looked at")
	require.Equal(t, "one page", r.flag().Flag.Purpose)
}
