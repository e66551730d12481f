package activities_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
)

// pool is a gate that holds; a test sets its value.
func pool() rampart.Gate {
	limit := 50.0
	return rampart.Gate{Name: "pool", Threshold: &rampart.Threshold{Query: "pool", Max: &limit}, OnBreach: &rampart.Policy{Action: rampart.ActHold}}
}

func TestAWatchFailsBenignlyUntilTheNextTick(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.now = r.now.Add(every + 10*time.Second)
	_, failed := r.attempt()
	require.Equal(t, activities.TypeHolding, failed.Type())
	require.False(t, failed.NonRetryable())
	require.Equal(t, 50*time.Second, failed.NextRetryDelay())
	require.Contains(t, failed.Message(), "held 1m of 10m at 5 %")
}

func TestOnlyAnsweredTimeCountsTowardAHold(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*rig)
		want time.Duration
	}{
		{"three looks", func(r *rig) { r.look(); r.look(); r.look() }, 3 * every},
		{"the same tick twice", func(r *rig) { r.look(); r.now = r.now.Add(time.Second); _, _ = r.attempt() }, every},
		{"a worker that was away for an hour", func(r *rig) { r.look(); r.now = r.now.Add(59 * every); r.look() }, 3 * every},
		{"a look that was not answered", func(r *rig) {
			r.look()
			r.blind = true
			r.look()
			r.look()
			r.blind = false
			r.look()
		}, 2 * every},
		{"a look without data", func(r *rig) { r.look(); r.value["errors"] = -1; r.look(); r.value["errors"] = 0; r.look() }, 2 * every},
		{"a pause", func(r *rig) {
			r.look()
			r.mode = activities.Guard
			r.look()
			r.look()
			r.mode = activities.Hold
			r.look()
		}, 2 * every},
		{"a pause whose looks are lost", func(r *rig) { r.look(); r.now = r.now.Add(4 * every); r.resumed = r.now; r.look() }, 2 * every},
		{"another step", func(r *rig) { r.look(); r.look(); r.step, r.since = "debug/1", r.now; r.look() }, every},
		{"a wait to expose more", func(r *rig) { r.look(); r.mode, r.step = activities.Raise, "debug/1"; r.look(); r.step = "debug/0" }, every},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t).ramping(time.Hour)
			c.do(r)
			require.Equal(t, rampart.Duration(c.want), r.kept().Held)
		})
	}
}

func TestAHoldPassesOnceItsTimeIsOver(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	looks := 0
	for looks < 20 {
		looks++
		if got := r.look(); got.Found != "" {
			require.Equal(t, activities.FoundPass, got.Found, got.Reason)
			break
		}
	}
	require.Equal(t, 10, looks)
}

// Each place where the memory is kept can be lost; the latest tick wins.
func TestTheLatestMemoryWins(t *testing.T) {
	for name, lose := range map[string]func(*rig){
		"the key beside the store is lost":   func(r *rig) { r.redis.Client().Del(r.t.Context(), "rampart:{"+env+"}:evidence:"+name+":run-1") },
		"the heartbeat is lost":              func(r *rig) { r.heart = nil },
		"the workflow has an older result":   func(r *rig) { r.memory = activities.Memory{Tick: 1, Step: r.step, Looks: 99} },
		"the heartbeat is of an older watch": func(r *rig) { r.heart = activities.Memory{Tick: 1, Step: r.step, Looks: 99} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t).ramping(time.Hour)
			r.look()
			r.look()
			lose(r)
			r.look()
			require.EqualValues(t, 3, r.kept().Looks)
		})
	}
}

func TestATickIsJudgedByOneAttemptOnly(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.look()
	tick := r.now.Add(every).UnixMilli()
	require.NoError(t, r.Store.PutEvidence(t.Context(), name, "run-1", r.kept().Tick+1, []byte(`{"tick":1}`))) // unreadable tick: older
	require.NoError(t, r.Store.PutEvidence(t.Context(), name, "run-1", tick, []byte(`not of this worker`)))
	r.value["errors"] = 9
	r.now = r.now.Add(every)
	got, failed := r.attempt()
	require.Empty(t, got.Found, "what the other attempt found stands")
	require.Contains(t, failed.Message(), "judged by an earlier attempt")
}

func TestABreachIsToldThoughTheAttemptThatSawItDied(t *testing.T) {
	for _, mode := range []activities.Mode{activities.Hold, activities.Guard, activities.Raise, activities.Advance} {
		t.Run(string(mode), func(t *testing.T) {
			r := newRig(t).ramping(time.Hour)
			r.mode = mode
			r.value["errors"] = 9
			require.Equal(t, activities.FoundBreach, r.look().Found) // and nobody hears of it
			r.value["errors"], r.heart = 0, nil
			got, failed := r.attempt()
			require.Nil(t, failed)
			require.Equal(t, activities.FoundBreach, got.Found)
			require.Equal(t, "errors", got.Gate)
		})
	}
}

// A plan may have its launch expose anew after a lease that has ended, but not after a
// breach of which nobody has heard.
func TestABreachIsToldThoughTheLeaseHasEndedMeanwhile(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.plan.Gates[0].OnBreach = &rampart.Policy{Action: rampart.ActStepBack, Attempts: 1} // of which the launch alone takes back exposure
	r.value["errors"] = 9
	require.Equal(t, activities.FoundBreach, r.look().Found) // and nobody hears of it
	r.value["errors"], r.heart = 0, nil
	require.NoError(t, r.redis.Client().HSet(t.Context(), "rampart:{"+env+"}:leases", name, flagLease(r.version)).Err())
	got, failed := r.attempt()
	require.Nil(t, failed)
	require.Equal(t, activities.FoundBreach, got.Found)
	require.True(t, got.StepBack)
}

func TestABreachThatHoldsIsToldOnceWhileItLasts(t *testing.T) {
	r := newRig(t, pool()).ramping(time.Hour)
	r.mode = activities.Guard
	r.value["pool"] = 61
	require.Equal(t, activities.FoundHold, r.look().Found)
	require.Empty(t, r.look().Found)
	r.value["pool"] = 0
	require.Empty(t, r.look().Found)
	r.value["pool"] = 61
	require.Equal(t, activities.FoundHold, r.look().Found, "another one")
	r.mode = activities.Hold
	require.Equal(t, activities.FoundHold, r.look().Found, "a hold cannot pass over it")
}

func TestABreachThatHoldsKeepsTheLeaseAndOneThatStepsBackDoesNot(t *testing.T) {
	ends := func(r *rig) int64 { return r.flag().Lease.End }
	r := newRig(t, pool()).ramping(time.Hour)
	r.mode = activities.Guard
	r.value["pool"] = 61
	r.look()
	r.put("rita", rampart.Pen{Owner: launch, Fence: r.version + 1}, r.flag().Flag, time.Minute)
	r.version++
	before := ends(r)
	r.look()
	require.Greater(t, ends(r), before+(50*time.Minute).Milliseconds())

	back := pool()
	back.OnBreach.Action = rampart.ActStepBack
	r = newRig(t, back).ramping(time.Hour)
	r.value["pool"] = 61
	r.look()
	r.put("rita", rampart.Pen{Owner: launch, Fence: r.version + 1}, r.flag().Flag, time.Minute)
	r.version++
	before = ends(r)
	r.look()
	require.Equal(t, before, ends(r))
}

func TestBlindAndMissingDataAreToldOnceAfterAWhile(t *testing.T) {
	for name, c := range map[string]struct {
		ill  func(*rig)
		want activities.Finding
	}{
		"nobody answers":  {func(r *rig) { r.blind = true }, activities.FoundBlind},
		"data is missing": {func(r *rig) { r.value["errors"] = -1 }, activities.FoundNoData},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t).ramping(time.Hour)
			r.look()
			c.ill(r)
			var found []int
			for i := range 40 {
				if got := r.look(); got.Found != "" {
					require.Equal(t, c.want, got.Found)
					found = append(found, i)
				}
			}
			require.Equal(t, []int{15}, found, "a quarter of an hour, and once")
		})
	}
}

func TestAnAdvanceIsAnsweredAtOnceWhereTheStepWasLookedAt(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	for range 4 {
		r.look()
	}
	looks := r.kept().Looks
	r.mode = activities.Advance
	got, failed := r.attempt()
	require.Nil(t, failed)
	require.Equal(t, activities.FoundPass, got.Found, got.Reason)
	require.Equal(t, looks, r.kept().Looks, "the tick is not judged again")
	r.step = "debug/1"
	_, failed = r.attempt()
	require.NotNil(t, failed, "the last look was at another step")
	r.blind = true
	require.Equal(t, activities.FoundRefusal, r.look().Found)
}

func TestMoreIsExposedOnlyWhereGatesAndStoreAnswer(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.mode = activities.Raise
	r.blind = true
	require.Empty(t, r.look().Found)
	r.blind = false
	r.redis.Stop()
	require.Empty(t, r.look().Found)
	r.redis.Restart()
	require.Equal(t, activities.FoundLoss, r.look().Found)
	r.version = 0
	r = newRig(t).ramping(time.Hour)
	r.mode = activities.Raise
	require.Equal(t, activities.FoundPass, r.look().Found)
}

func TestTheGuardFindsWhatBecameOfTheFlag(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*rig)
		want activities.Finding
	}{
		"it was killed": {func(r *rig) {
			_, err := r.Store.Kill(r.t.Context(), name, "oncall", "fire")
			require.NoError(r.t, err)
		}, activities.FoundKill},
		"it was lost":   {func(r *rig) { r.redis.Restart() }, activities.FoundLoss},
		"it was edited": {func(r *rig) { r.exposure = 9000 }, activities.FoundLoss},
		"somebody else wrote it": {func(r *rig) {
			_, err := r.Store.Acquire(r.t.Context(), flagstore.AcquireInput{Flag: name, Owner: "launch/production/other", At: r.version + 9, Takes: []string{launch}})
			require.NoError(r.t, err)
		}, activities.FoundLoss},
		"its lease has ended": {func(r *rig) {
			require.NoError(r.t, r.redis.Client().HSet(r.t.Context(), "rampart:{"+env+"}:leases", name, []byte(flagLease(r.version))).Err())
		}, activities.FoundLeaseEnd},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t).ramping(time.Hour)
			c.do(r)
			got := r.look()
			require.Equal(t, c.want, got.Found, got.Reason)
			require.NotZero(t, got.At)
			require.Equal(t, c.want == activities.FoundKill, got.Kill != nil)
		})
	}
}

func TestAWatchGoesOnWithoutTheStore(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.look()
	r.redis.Stop()
	require.Empty(t, r.look().Found)
	r.value["errors"] = 9
	got := r.look()
	require.Equal(t, activities.FoundBreach, got.Found)
	require.EqualValues(t, 3, got.Memory.Looks, "the heartbeat has what the store cannot keep")
}

// The evidence of a worker of another version is no reason to stand guard in silence.
func TestGatesThatCannotBeJudgedAreBlind(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.plan.Gates = append(r.plan.Gates, rampart.Gate{Name: "what"})
	r.mode = activities.Guard
	for range 15 {
		require.Empty(t, r.look().Found)
	}
	got := r.look()
	require.Equal(t, activities.FoundBlind, got.Found)
	require.Contains(t, got.Reason, "cannot be judged")
}

func flagLease(version int64) string { return strconv.FormatInt(version, 10) + " 1" }
