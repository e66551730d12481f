package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// launched has a launch take the pen and expose somebody; it returns the handover
// with which the launch announced itself.
func (r *rig) launched(exposure rampart.Percent) rampart.Handover {
	r.t.Helper()
	id := rampart.LaunchID(env, r.plan.Flag)
	got, err := r.store.Acquire(r.t.Context(), flagstore.AcquireInput{Flag: r.plan.Flag, Owner: id, At: r.Now().UnixMilli(), By: "rita"})
	require.NoError(r.t, err)
	f := got.Flag
	f.Exposure, f.Launch = exposure, id
	_, err = r.store.Put(r.t.Context(), flagstore.Write{Flag: f, Pen: rampart.Pen{Owner: id, Fence: got.Version + 1}, Verb: "expose", By: "rita"})
	require.NoError(r.t, err)
	return rampart.Handover{Launch: id, Flag: got.Flag}
}

func TestAFlagWhoseLaunchWasTerminatedIsTakenBack(t *testing.T) {
	for name, tt := range map[string]struct {
		told   bool // the launch had time to say that it began
		killed bool
		ask    string
	}{
		"disabled":                               {told: true, ask: rampart.UpdateDisable},
		"disabled, though nobody knew of it":     {ask: rampart.UpdateDisable},
		"restored after a kill":                  {told: true, killed: true, ask: rampart.UpdateLift},
		"restored, though nobody knew of either": {killed: true, ask: rampart.UpdateLift},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFlagRig(t)
			var done *reply
			r.at(time.Minute, func() { r.create() })
			r.at(2*time.Minute, func() {
				if h := r.launched(2500); tt.told {
					r.SignalWorkflow(rampart.SignalLaunching, h)
				}
				if tt.killed {
					_, err := r.store.Kill(t.Context(), r.plan.Flag, "oncall", "fire")
					require.NoError(t, err)
				}
			})
			r.at(3*time.Minute, func() { done = r.change(tt.ask, rampart.Ask{By: "bo", Reason: "left behind"}) })
			intent := r.live(time.Hour)
			require.NoError(t, done.err)
			require.Empty(t, intent.Launch)
			require.Zero(t, r.flag().Flag.Exposure)
			require.Equal(t, rampart.FlagID(env, r.plan.Flag), r.flag().Owner)
			require.False(t, r.flag().Kill != nil && r.flag().Kill.Killed)
		})
	}
}

func TestALaunchUnderWayKeepsItsPen(t *testing.T) {
	r := newFlagRig(t)
	r.open = true
	var off *reply
	r.at(time.Minute, func() { r.create() })
	r.at(2*time.Minute, func() { r.launched(2500) }) // and its signal is still under way
	r.at(3*time.Minute, func() { off = r.change(rampart.UpdateDisable, rampart.Ask{By: "bo"}) })
	r.live(time.Hour)
	require.ErrorContains(t, off.err, "is being launched")
	require.Equal(t, rampart.Percent(2500), r.flag().Flag.Exposure)
}

// All launches of a flag have the same ID, and signals of two kinds may be read in
// another order than they were sent.
func TestTheEndOfTheLaunchBeforeDoesNotEndThisOne(t *testing.T) {
	r := newFlagRig(t)
	at := func(version int64) rampart.Handover {
		f := r.plan.NewFlag()
		f.Version = version
		return rampart.Handover{Launch: rampart.LaunchID(env, r.plan.Flag), Flag: f, Outcome: &rampart.Outcome{State: rampart.TurnedBack}}
	}
	now := r.began.Add(time.Hour).UnixMilli()
	r.at(time.Minute, func() { r.create() })
	r.at(2*time.Minute, func() {
		r.SignalWorkflow(rampart.SignalLaunching, at(now+20))
		r.SignalWorkflow(rampart.SignalAnswer, at(now+10))
		r.SignalWorkflow(rampart.SignalLaunching, at(now+5))
	})
	intent := r.live(3 * time.Minute)
	require.NotEmpty(t, intent.Launch)
	require.Equal(t, rampart.TurnedBack, intent.Last.State)
}

func TestAFlagIsNotForgottenWhereItsStoreLostItToAnother(t *testing.T) {
	r := newFlagRig(t)
	r.open = true
	var off, made *reply
	r.at(time.Minute, func() { r.create() })
	r.at(2*time.Minute, func() {
		f := r.flag().Flag
		f.Version = 5 // an old copy, from the time of a launch
		r.edit(f)
		require.NoError(t, r.redis.Client().HSet(t.Context(), "rampart:{"+env+"}:pens", "owner:"+f.Name, rampart.LaunchID(env, f.Name)).Err())
	})
	r.at(3*time.Minute, func() { off = r.change(rampart.UpdateDisable, rampart.Ask{By: "bo"}) })
	r.at(4*time.Minute, func() { made = r.change(rampart.UpdateRestore, "the store went back") })
	intent := r.live(time.Hour)
	require.Error(t, off.err)
	require.NoError(t, made.err)
	require.Equal(t, true, made.answer)
	require.Equal(t, intent.Flag.Version, r.flag().Flag.Version)
	require.Equal(t, rampart.FlagID(env, r.plan.Flag), r.flag().Owner)
}

func TestAFlagThatIsThereIsTakenUpByANewWorkflow(t *testing.T) {
	r := newFlagRig(t)
	r.register()
	f := r.flag().Flag
	f.Exposure = rampart.Full
	_, err := r.store.Put(t.Context(), flagstore.Write{Flag: f, Pen: rampart.Pen{Owner: rampart.FlagID(env, f.Name), Fence: 2}, Verb: "set", By: "rita"})
	require.NoError(t, err)
	var fresh, old *reply
	r.at(time.Minute, func() { fresh = r.create() })
	r.at(2*time.Minute, func() {
		old = r.change(rampart.UpdateRegister, rampart.FlagChange{Flag: r.plan.NewFlag(), By: "rita"})
	})
	intent := r.live(time.Hour)
	require.ErrorContains(t, fresh.err, "is there already")
	require.NoError(t, old.err)
	require.Equal(t, rampart.Full, intent.Flag.Exposure)
	require.Equal(t, rampart.Full, r.flag().Flag.Exposure)
}

func TestAChangeThatWasGivenUpIsNotMadeLater(t *testing.T) {
	r := newFlagRig(t)
	var set, off *reply
	r.at(time.Minute, func() { r.create() })
	r.at(2*time.Minute, func() {
		f := r.plan.NewFlag()
		f.Exposure = rampart.Full
		r.away = "Expose"
		set = r.change(rampart.UpdateSet, rampart.FlagChange{Flag: f, By: "rita", Reason: "on"})
	})
	r.at(3*time.Minute, func() { r.away = "" })
	r.at(4*time.Minute, func() { off = r.change(rampart.UpdateDisable, rampart.Ask{By: "rita"}) })
	intent := r.live(time.Hour)
	require.ErrorContains(t, set.err, "did not answer")
	require.NoError(t, off.err)
	require.Zero(t, intent.Flag.HighWater)
	require.Zero(t, intent.Flag.Exposure)
	require.Zero(t, r.flag().Flag.Exposure)
}

func TestALossThatTheLaunchDidNotHearOfIsMendedWhenItEnds(t *testing.T) {
	r := newFlagRig(t)
	r.open = true
	r.at(time.Minute, func() { r.create() })
	var h rampart.Handover
	r.at(2*time.Minute, func() {
		h = r.launched(2500)
		r.SignalWorkflow(rampart.SignalLaunching, h)
	})
	r.at(3*time.Minute, func() {
		require.NoError(t, r.redis.Client().FlushAll(t.Context()).Err())
		r.change(rampart.UpdateRestore, "the store had lost everything") // the launch is past listening
	})
	r.at(4*time.Minute, func() {
		h.Flag.Version += 5
		r.SignalWorkflow(rampart.SignalAnswer, h)
	})
	intent := r.live(time.Hour)
	require.Empty(t, intent.Launch)
	require.Equal(t, intent.Flag.Version, r.flag().Flag.Version)
	require.Greater(t, r.flag().Flag.Version, h.Flag.Version)
}

func TestAHugeChangeIsRefused(t *testing.T) {
	r := newFlagRig(t)
	var big, who *reply
	r.at(time.Minute, func() { r.create() })
	r.at(2*time.Minute, func() {
		f := r.plan.NewFlag()
		f.Purpose = strings.Repeat("x", 1<<20)
		big = r.change(rampart.UpdateSet, rampart.FlagChange{Flag: f, By: "rita"})
		who = r.change(rampart.UpdateDisable, rampart.Ask{By: strings.Repeat("x", 1<<20)})
	})
	r.live(time.Hour)
	require.ErrorContains(t, big.refused, "more than")
	require.ErrorContains(t, who.refused, "longer than")
}
