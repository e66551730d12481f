package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
)

func TestABreachIsOffBeforeTemporalHearsOfIt(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.look()
	before := r.flag()
	r.value["errors"] = 9
	got := r.look()
	require.Equal(t, activities.FoundBreach, got.Found)
	after := r.flag()
	require.Zero(t, after.Flag.Exposure)
	require.Equal(t, launch, after.Owner, "the launch still answers for the flag")
	require.Equal(t, launch, after.Flag.Launch)
	require.Equal(t, before.Flag.HighWater, after.Flag.HighWater)
	require.Contains(t, after.Flag.Reason, "errors")
	require.Nil(t, after.Lease, "there is nothing to outlive its guard")
	require.Equal(t, &activities.Withdrawal{Version: after.Flag.Version, Revision: got.Withdrawn.Revision, At: r.now.UnixMilli()}, got.Withdrawn)
	require.Equal(t, r.version+1, after.Flag.Version)
}

func TestWhoComesAfterAnAttemptThatTurnedBackAndDiedFindsTheBreachAndNoLoss(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.value["errors"] = 9
	r.look()
	off := r.flag()
	r.value["errors"], r.heart = 0, nil
	got := r.look()
	require.Equal(t, activities.FoundBreach, got.Found)
	require.Nil(t, got.Withdrawn)
	require.Equal(t, off, r.flag())
}

func TestAFlagIsTurnedBackOnlyAsItWasWatched(t *testing.T) {
	for name, meanwhile := range map[string]func(*rig){
		"not where the launch has written it since": func(r *rig) {
			r.put("rita", rampart.Pen{Owner: launch, Fence: r.version + 1}, r.flag().Flag, time.Hour)
		},
		"not where the launch has written it much later": func(r *rig) {
			r.put("rita", rampart.Pen{Owner: launch, Fence: r.version + 60_000}, r.flag().Flag, time.Hour)
		},
		"not where another owner has it": func(r *rig) {
			_, err := r.Store.Put(r.t.Context(), flagstore.Write{
				Flag: r.flag().Flag, Pen: rampart.Pen{Owner: launch, Fence: r.version + 1}, Verb: "expose", By: "rita", NewOwner: own,
			})
			require.NoError(r.t, err)
		},
		"not where the store hangs": func(r *rig) { r.redis.Freeze() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t).ramping(time.Hour)
			r.value["errors"] = 9
			r.judged = func() { meanwhile(r) }
			got := r.look()
			require.Equal(t, activities.FoundBreach, got.Found)
			require.Nil(t, got.Withdrawn)
			r.redis.Thaw()
			require.Equal(t, r.exposure, r.flag().Flag.Exposure)
		})
	}
}

func TestWhatDoesNotTurnBackIsLeftToTheLaunch(t *testing.T) {
	for action, finds := range map[rampart.Action]activities.Finding{
		rampart.ActStepBack: activities.FoundBreach, rampart.ActHold: activities.FoundHold, rampart.ActNotify: activities.FoundNotice,
	} {
		t.Run(string(action), func(t *testing.T) {
			r := newRig(t).ramping(time.Hour)
			r.plan.Gates[0].OnBreach = &rampart.Policy{Action: action}
			r.value["errors"] = 9
			got := r.look()
			require.Equal(t, finds, got.Found)
			require.Nil(t, got.Withdrawn)
			require.Equal(t, r.exposure, r.flag().Flag.Exposure)
		})
	}
}

func TestAWithdrawalOfWhichNobodyKnowsWhyIsNoLoss(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.value["errors"] = 9
	r.look()
	off := r.flag()
	keys, err := r.redis.Client().Keys(t.Context(), "*run-1*").Result()
	require.NoError(t, err)
	require.NotEmpty(t, keys)
	for _, k := range keys { // by hand, so that the evidence cannot be read
		require.NoError(t, r.redis.Client().Del(t.Context(), k).Err())
		require.NoError(t, r.redis.Client().LPush(t.Context(), k, "x").Err())
	}
	r.value["errors"], r.heart = 0, nil
	got, failed := r.attempt()
	require.Empty(t, got.Found)
	require.NotNil(t, failed, "it is asked again")
	require.Equal(t, off, r.flag())
}
