package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// sweep asks the flag's workflow to take the flag back, as it stands in the store.
func (r *rig) sweep(change ...func(*rampart.Sweeping)) *reply {
	r.t.Helper()
	in := rampart.Sweeping{
		Launch: rampart.LaunchID(env, r.plan.Flag), Seen: r.flag().Flag.Version, Reason: "its launch is terminated", Notify: []string{"oncall"},
	}
	for _, c := range change {
		c(&in)
	}
	return r.change(rampart.UpdateSweep, in)
}

func TestWhatALaunchHasLeftBehindIsTurnedBack(t *testing.T) {
	for name, c := range map[string]struct {
		fresh bool // the flag's own workflow knows nothing of it
		given func(*rig)
		then  func(*rig) // while the sweep is under way
	}{
		"that had said that it began": {given: func(r *rig) { r.SignalWorkflow(rampart.SignalLaunching, r.launched(2500)) }},
		"that had no time to say so":  {given: func(r *rig) { r.launched(2500) }},
		"of a flag whose own workflow is a new one": {fresh: true, given: func(r *rig) {
			r.register()
			r.launched(2500)
		}},
		"of a flag that is killed": {given: func(r *rig) {
			r.launched(2500)
			_, err := r.store.Kill(r.t.Context(), r.plan.Flag, "oncall", "nobody guards it")
			require.NoError(r.t, err)
		}},
		"under a document that cannot be read": {given: func(r *rig) {
			r.launched(2500)
			r.scribble()
		}},
		"while the store does not answer": {
			given: func(r *rig) { r.launched(2500); r.away = "Expose" },
			then:  func(r *rig) { r.away = "" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFlagRig(t)
			var done *reply
			if !c.fresh {
				r.at(30*time.Second, func() { r.create() })
			}
			r.at(time.Minute, func() { c.given(r) })
			r.at(2*time.Minute, func() { done = r.sweep() })
			r.at(3*time.Minute, func() { call(c.then, r) })
			intent := r.live(time.Hour)
			require.Equal(t, c.then == nil, done.err == nil, "%v", done.err)
			is := r.flag()
			require.Zero(t, is.Flag.Exposure)
			require.Nil(t, is.Lease)
			require.Equal(t, rampart.FlagID(env, r.plan.Flag), is.Owner)
			require.Empty(t, intent.Launch)
			require.Zero(t, intent.Flag.Exposure)
			require.Equal(t, is.Flag.Version, intent.Flag.Version)
			require.Equal(t, rampart.TurnedBack, intent.Last.State)
			require.Equal(t, rampart.CauseSwept, intent.Last.Cause)
			require.Contains(t, intent.Last.Reason, "terminated")
			if c.then == nil {
				require.Len(t, r.notices, 1)
				require.Equal(t, "swept", r.notices[0].Event)
				require.True(t, r.notices[0].Urgent)
			}
		})
	}
}

func TestASweepThatIsWrongChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		open   bool
		change func(*rampart.Sweeping)
		says   string
	}{
		"about a launch under way":      {open: true, change: func(*rampart.Sweeping) {}, says: "is under way"},
		"about a version of before":     {change: func(in *rampart.Sweeping) { in.Seen-- }, says: "has moved on"},
		"about another who has the pen": {change: func(in *rampart.Sweeping) { in.Launch = "launch/production/another" }, says: "somebody else"},
		"without a reason":              {change: func(in *rampart.Sweeping) { in.Reason = "" }, says: "needs a reason"},
		"without a version":             {change: func(in *rampart.Sweeping) { in.Seen = 0 }, says: "the version that it left"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFlagRig(t)
			r.open = c.open
			var refused *reply
			var before flagstore.Entry
			r.at(30*time.Second, func() { r.create() })
			r.at(time.Minute, func() { r.SignalWorkflow(rampart.SignalLaunching, r.launched(2500)); before = r.flag() })
			r.at(2*time.Minute, func() { refused = r.sweep(c.change) })
			intent := r.live(time.Hour)
			err := refused.err
			if err == nil {
				err = refused.refused
			}
			require.ErrorContains(t, err, c.says)
			require.Equal(t, before, r.flag())
			require.NotEmpty(t, intent.Launch)
			require.Nil(t, intent.Last)
			require.Empty(t, r.notices)
		})
	}
}

// A failover has lost the last write of a launch that ended well. What is stored then
// looks as if it had been left behind.
func TestALaunchedFlagIsNotSweptWhereTheStoreHasLostItsEnd(t *testing.T) {
	r := newFlagRig(t)
	var done *reply
	r.at(time.Minute, func() { r.create() })
	r.at(2*time.Minute, func() {
		h := r.launched(9500)
		r.SignalWorkflow(rampart.SignalLaunching, h)
		h.Flag = r.flag().Flag
		h.Flag.Version, h.Flag.Exposure, h.Flag.Launch, h.Flag.Lifecycle = h.Flag.Version+5, rampart.Full, "", rampart.Released
		h.Outcome = &rampart.Outcome{State: rampart.Launched}
		r.SignalWorkflow(rampart.SignalAnswer, h)
	})
	r.at(3*time.Minute, func() { done = r.sweep() })
	intent := r.live(time.Hour)
	require.NoError(t, done.err)
	require.Equal(t, rampart.Full, r.flag().Flag.Exposure)
	require.Equal(t, rampart.Released, r.flag().Flag.Lifecycle)
	require.Equal(t, rampart.Launched, intent.Last.State)
}

// scribble makes the document one that nobody can read.
func (r *rig) scribble() {
	f := r.flag().Flag
	f.Include = []rampart.Rule{{Segment: "internal"}}
	r.edit(f)
	key := "rampart:{" + env + "}:state"
	text, err := r.redis.Client().HGet(r.t.Context(), key, "f:"+f.Name).Result()
	require.NoError(r.t, err)
	require.NoError(r.t, r.redis.Client().HSet(r.t.Context(), key, "f:"+f.Name, text+" and more").Err())
}
