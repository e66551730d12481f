package activities_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
)

func (r *rig) kill(by string) rampart.Kill {
	r.t.Helper()
	k, err := r.Store.Kill(r.t.Context(), name, by, "fire")
	require.NoError(r.t, err)
	return k.Kill
}

func TestLiftingTakesASecondPersonAndIsSafeToRepeat(t *testing.T) {
	r := newRig(t)
	r.kill("oncall")
	_, err := r.Lift(t.Context(), activities.LiftInput{Flag: name, By: "oncall"})
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Message(), "cannot restore it")
	for range 2 {
		k, err := r.Lift(t.Context(), activities.LiftInput{Flag: name, By: "ann", Reason: "mended"})
		require.NoError(t, err)
		require.False(t, k.Killed)
	}
}

func TestRestoreWritesWhatIsMissingAndNothingElse(t *testing.T) {
	for what, c := range map[string]struct {
		world func(*rig) activities.RestoreInput
		done  bool
		check func(*testing.T, *rig, activities.RestoreInput)
	}{
		"nothing is missing": {
			world: func(r *rig) activities.RestoreInput { return r.intent() },
			check: func(t *testing.T, r *rig, in activities.RestoreInput) {
				require.Equal(t, in.Flag.Version, r.flag().Flag.Version)
			},
		},
		"everything is lost, the kill too": {
			world: func(r *rig) activities.RestoreInput {
				in := r.intent()
				k := r.kill("oncall")
				in.Kill = &k
				r.redis.Restart()
				return in
			},
			done: true,
			check: func(t *testing.T, r *rig, in activities.RestoreInput) {
				require.Equal(t, in.Kill.Version, r.flag().Kill.Version)
				require.Equal(t, own, r.flag().Owner)
			},
		},
		"a launch answers for the document": {
			world: func(r *rig) activities.RestoreInput {
				in := r.intent()
				in.Launch = launch
				k := r.kill("oncall")
				in.Kill = &k
				r.redis.Restart()
				return in
			},
			check: func(t *testing.T, r *rig, _ activities.RestoreInput) {
				_, err := r.Store.Get(t.Context(), name)
				require.Equal(t, rampart.NotFound, rampart.KindOf(err))
				_, killed, err := r.Store.Killed(t.Context(), name)
				require.NoError(t, err)
				require.True(t, killed)
			},
		},
		"a later launch holds the pen": {
			world: func(r *rig) activities.RestoreInput { in := r.intent(); r.ramping(time.Hour); return in },
			check: func(t *testing.T, r *rig, _ activities.RestoreInput) { require.Equal(t, launch, r.flag().Owner) },
		},
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t)
			in := c.world(r)
			got, err := r.Restore(t.Context(), in)
			require.NoError(t, err)
			require.Equal(t, c.done, got.Done)
			c.check(t, r, in)
		})
	}
}

// intent is what the flag's own workflow holds to be true.
func (r *rig) intent() activities.RestoreInput {
	return activities.RestoreInput{Flag: r.flag().Flag, Pen: rampart.Pen{Owner: own, Fence: r.now.UnixMilli()}, Why: "the store had lost everything"}
}

func TestThePenOfALaunchIsTakenOnlyOnceItHasEnded(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	in := activities.TakeInput{Flag: name, Launch: launch, Owner: own, At: r.version + 1, By: "bo"}
	r.open = true
	got, err := r.Take(t.Context(), in)
	require.NoError(t, err)
	require.True(t, got.Open)
	require.Equal(t, launch, r.flag().Owner)
	r.open = false
	for range 2 { // an attempt is safe to repeat
		got, err = r.Take(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, own, r.flag().Owner)
		require.Equal(t, r.exposure, got.Flag.Exposure)
		require.Equal(t, in.At, got.Flag.Version)
	}
}

// A store that has lost the flag says nothing about its launch.
func TestALaunchThatIsUnderWayAnswersForItsFlagThoughTheStoreIsEmpty(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	in := activities.TakeInput{Flag: name, Launch: launch, Owner: own, At: r.version + 1, By: "bo"}
	require.NoError(t, r.redis.Client().FlushAll(t.Context()).Err())
	r.open = true
	got, err := r.Take(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, activities.Taken{Open: true}, got)
	r.open = false
	got, err = r.Take(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, activities.Taken{}, got)
}

func TestALaunchTakesItsPenBackFromTheFlagsWorkflowOnly(t *testing.T) {
	r := newRig(t)
	base := r.flag().Flag
	got, err := r.Retake(t.Context(), activities.RetakeInput{Baseline: base, Owner: launch, At: 100})
	require.NoError(t, err)
	require.Equal(t, activities.Written, got.Answer)
	require.EqualValues(t, 100, got.Version)
	_, err = r.Store.Acquire(t.Context(), flagstore.AcquireInput{Flag: name, Owner: "launch/production/other", At: 200, Takes: []string{launch}})
	require.NoError(t, err)
	got, err = r.Retake(t.Context(), activities.RetakeInput{Baseline: base, Owner: launch, At: 300})
	require.NoError(t, err)
	require.Equal(t, activities.Owned, got.Answer)
}

// To take a pen is to write the stored document again; a hand may have edited it meanwhile.
func TestALaunchThatTakesItsPenBackExposesNobodyElse(t *testing.T) {
	for what, c := range map[string]struct {
		stands rampart.Percent
		edit   func(*rampart.Flag)
		want   rampart.Percent
	}{
		"as it stands":                        {stands: 500, edit: func(*rampart.Flag) {}, want: 500},
		"of before":                           {stands: 500, edit: func(f *rampart.Flag) { f.Exposure = 100 }, want: 100},
		"edited to expose more":               {stands: 500, edit: func(f *rampart.Flag) { f.Exposure = 2700 }},
		"edited to include somebody":          {stands: 500, edit: func(f *rampart.Flag) { f.Include = []rampart.Rule{{Segment: "everybody"}} }},
		"of a launch that turns back by then": {stands: 0, edit: func(*rampart.Flag) {}},
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t)
			f := r.flag().Flag
			f.Exposure = 500
			stands, base := f, f
			stands.Exposure, base.Exposure = c.stands, 0
			c.edit(&f)
			document, err := json.Marshal(f)
			require.NoError(t, err)
			require.NoError(t, r.redis.Client().HSet(t.Context(), "rampart:{"+env+"}:state", "f:"+name, fmt.Sprintf("%d %s", f.Version, document)).Err())
			for range 2 { // an attempt is safe to repeat
				got, err := r.Retake(t.Context(), activities.RetakeInput{Baseline: base, Owner: launch, At: f.Version + 100, Stands: stands})
				require.NoError(t, err)
				require.Equal(t, activities.Written, got.Answer)
				is := r.flag()
				require.Equal(t, is.Flag.Version, got.Version)
				require.Equal(t, launch, is.Owner)
				require.Equal(t, c.want, is.Flag.Exposure)
				require.Empty(t, is.Flag.Include)
			}
		})
	}
}

// An attempt that comes when the pen was used and handed on takes nothing.
func TestAPenThatWasTakenBackIsNotTakenAgainByALateAttempt(t *testing.T) {
	r := newRig(t)
	f := r.flag().Flag
	f.Exposure = 2700
	in := activities.RetakeInput{Baseline: r.flag().Flag, Owner: launch, At: f.Version + 100, Stands: r.flag().Flag}
	document, err := json.Marshal(f)
	require.NoError(t, err)
	require.NoError(t, r.redis.Client().HSet(t.Context(), "rampart:{"+env+"}:state", "f:"+name, fmt.Sprintf("%d %s", f.Version, document)).Err())
	got, err := r.Retake(t.Context(), in)
	require.NoError(t, err)
	_, err = r.Store.Put(t.Context(), flagstore.Write{Flag: in.Baseline, Pen: rampart.Pen{Owner: launch, Fence: got.Version + 1}, NewOwner: own, Verb: "turn-back"})
	require.NoError(t, err)
	late, err := r.Retake(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, activities.Owned, late.Answer)
	require.Equal(t, own, r.flag().Owner)
}

func TestATurningBackInsists(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	require.NoError(t, r.redis.Client().HSet(t.Context(), "rampart:{"+env+"}:state", "namespace", "another").Err())
	require.NoError(t, r.Store.Guard(t.Context(), "another"))
	require.Error(t, r.Store.Guard(t.Context(), "namespace-id")) // from here on the store is a stranger's
	f := r.flag().Flag
	f.Exposure = 0
	in := activities.ExposeInput{Flag: f, Pen: rampart.Pen{Owner: launch, Fence: r.version + 1}, Acknowledged: r.version, Verb: "turn-back"}
	var app *temporal.ApplicationError
	_, err := r.Expose(t.Context(), in)
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable(), "a raise is refused")
	in.Insist = true
	_, err = r.Expose(t.Context(), in)
	require.Error(t, err)
	require.NotErrorAs(t, err, &app, "a turning back is tried again")
}

func TestExposeAnswersWhatTheWorkflowMustDecideOn(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*rig, *activities.ExposeInput)
		want   activities.Answer
	}{
		"a write":               {func(*rig, *activities.ExposeInput) {}, activities.Written},
		"a zombie":              {func(r *rig, in *activities.ExposeInput) { in.Pen.Fence = r.version - 1 }, activities.Stale},
		"another owner":         {func(_ *rig, in *activities.ExposeInput) { in.Pen.Owner = own }, activities.Owned},
		"an edit by hand":       {func(r *rig, in *activities.ExposeInput) { in.Pen.Fence = r.version }, activities.Drifted},
		"a store that forgot":   {func(_ *rig, in *activities.ExposeInput) { in.Acknowledged += 9; in.Pen.Fence += 9 }, activities.Lost},
		"a clock that is ahead": {func(_ *rig, in *activities.ExposeInput) { in.Pen.Fence = time.Now().Add(3 * time.Hour).UnixMilli() }, activities.Ahead},
		"a flag that is killed": {func(r *rig, _ *activities.ExposeInput) { r.kill("oncall") }, activities.Dead},
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t).ramping(time.Hour)
			f := r.flag().Flag
			f.Exposure = 2500
			in := activities.ExposeInput{Flag: f, Pen: rampart.Pen{Owner: launch, Fence: r.version + 1}, Acknowledged: r.version, Verb: "expose", By: "rita"}
			c.change(r, &in)
			got, err := r.Expose(t.Context(), in)
			require.NoError(t, err)
			require.Equal(t, c.want, got.Answer)
			require.Equal(t, c.want == activities.Dead, got.Kill != nil && got.Kill.By == "oncall")
		})
	}
}

func TestApprovalsAreTiedToEvidence(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.mode = activities.Guard
	r.look()
	fine := r.kept().Tick
	verify := func(a rampart.Approval) activities.Verified {
		got, err := r.VerifyApproval(t.Context(), activities.VerifyInput{Flag: name, Run: "run-1", Approval: a})
		require.NoError(t, err)
		return got
	}
	require.Equal(t, fine, verify(rampart.Approval{By: "ann"}).Approval.Tick, "typed by hand: the evidence of now")
	require.Empty(t, verify(rampart.Approval{By: "ann", Tick: fine}).Refused)
	require.Contains(t, verify(rampart.Approval{}).Refused, "names its author")
	r.blind = true
	r.look()
	require.Contains(t, verify(rampart.Approval{By: "ann", Tick: fine}).Refused, "became worse (blind)")
	require.Empty(t, verify(rampart.Approval{By: "ann", Tick: r.kept().Tick}).Refused, "who saw that may consent")
}
