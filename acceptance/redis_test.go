package acceptance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// Four flags stand in four ways when Redis loses everything; what each of them must
// be is known to workflows only.
func TestEmptiedRedisGetsBackEveryFlagAsItStood(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	flags := []string{"ramping", "launched", "killed", "by-hand"}
	old := s.read(flags...)
	ramping := s.standAtTen("ramping")
	s.launchWhole("launched")
	s.killAtTen("killed")
	s.setByHand("by-hand", rampart.Percent(2500))
	s.includeSegment("by-hand", "beta-testers", "u1")
	before := map[string]flagstore.Entry{}
	for _, flag := range flags {
		before[flag] = s.entry(flag)
	}
	meta, err := s.people.Store.Meta(t.Context())
	require.NoError(t, err)

	s.redis.Restart()

	eventually(t, "the store has an epoch again", func() (bool, any) {
		now, err := s.people.Store.Meta(t.Context())
		return err == nil && now.Epoch != "" && now.Epoch != meta.Epoch && now.Namespace == meta.Namespace, now
	})
	for _, flag := range flags {
		s.awaitsRestored(before[flag])
	}
	fresh := s.read(flags...)
	for flag, want := range map[string]struct {
		exposure rampart.Percent
		killed   bool
		lowest   bool
	}{
		"ramping":  {ten, false, true},
		"launched": {rampart.Full, false, true},
		"killed":   {0, true, false},
		"by-hand":  {2500, false, true},
	} {
		for _, r := range []*reader{old, fresh} {
			r.awaits("as it stood", flag, func(saw sight) bool {
				return saw.Exposure == want.exposure && saw.Killed == want.killed && saw.Lowest == want.lowest
			})
		}
	}
	s.requireSteady(old, before)
	for _, r := range []*reader{old, fresh} {
		s.awaitsIncluded(r, "by-hand", "u1")
	}

	// What was restored is alive: kills are lifted by a second person, and a launch
	// that ramps goes on.
	_, err = s.people.Restore(t.Context(), "killed", rampart.Ask{By: "oncall", Reason: "mended"})
	require.ErrorContains(t, err, "second person")
	_, err = s.people.Set(t.Context(), rampart.FlagChange{Flag: s.entry("by-hand").Flag, By: "bo"})
	require.NoError(t, err)
	eventually(t, "the hold is ended early", func() (bool, any) {
		_, err := s.people.Advance(t.Context(), "ramping", rampart.Ask{By: "bo"})
		return err == nil, err
	})
	ramping.approve(rampart.MaxPowerRamp)
	ramping.ends(rampart.Launched)
}

// The evidence was in Redis, too. What is left of it is in the heartbeat of the watch.
func TestEmptiedRedisCostsNoEvidence(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work("--scrape-interval", "5s") // how far back it looks, should this machine be slow
	s.serve("checkout-v2")
	s.read("checkout-v2")
	plan := s.comparing("checkout-v2")
	plan.Stages[0].Steps[0] = rampart.Step{Percent: fifty, Hold: rampart.Duration(time.Hour)}
	l := s.start(plan)
	l.awaitsLooks(4)
	held := l.memoryNow().Held

	s.redis.Restart()

	s.awaitsEpoch()
	l.awaitsThat("it is held for longer than before", func(p rampart.Progress) bool { return p.Exposure == fifty && p.Held > held })
	l.requireAllCounted()
}

// The pen of the launch, and all that it wrote, is lost while it turns back.
func TestLaunchIsTurnedBackWhereRedisComesBackEmpty(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	r := s.read("checkout-v2")
	l := s.standAtTen("checkout-v2")
	s.redis.Kill()
	_, err := s.people.TurnBack(t.Context(), "checkout-v2", rampart.Ask{By: "bo", Reason: "the shop looks odd"})
	require.NoError(t, err)
	l.awaits(rampart.TurningBack, ten)

	s.redis.Restart()

	l.ends(rampart.TurnedBack)
	l.requirePath("turn-back 0 %")
	r.awaits("off", "checkout-v2", func(saw sight) bool { return saw.Exposure == 0 && !saw.Lowest })
	require.Equal(t, rampart.FlagID(s.env, "checkout-v2"), s.entry("checkout-v2").Owner)
	s.awaitsEpoch()
	s.standAtTen("checkout-v2") // it can be launched again
}

// awaitsEpoch waits until the store says that all is there again.
func (s *stack) awaitsEpoch() {
	s.t.Helper()
	eventually(s.t, "the store has an epoch again", func() (bool, any) {
		meta, err := s.people.Store.Meta(s.t.Context())
		return err == nil && meta.Epoch != "", meta
	})
}

// requireSteady makes sure that a reader that lived through the loss saw none of it.
func (s *stack) requireSteady(r *reader, before map[string]flagstore.Entry) {
	s.t.Helper()
	for flag, stood := range before {
		steady := false
		for _, saw := range r.saw(flag) {
			if steady = steady || saw.Version == stood.Flag.Version; !steady {
				continue
			}
			require.Equal(s.t, stood.Flag.Exposure, saw.Exposure, flag)
		}
		require.True(s.t, steady, "the reader has seen %s", flag)
	}
	killed := false
	for _, saw := range r.saw("killed") {
		require.False(s.t, killed && !saw.Killed, "no loss lifts a kill")
		killed = killed || saw.Killed
	}
}

// awaitsRestored waits until the store has a flag as it was: what it exposes, who
// answers for it, and the kill register.
func (s *stack) awaitsRestored(was flagstore.Entry) {
	s.t.Helper()
	eventually(s.t, was.Flag.Name+" is restored", func() (bool, any) {
		is, err := s.people.Store.Get(s.t.Context(), was.Flag.Name)
		if err != nil {
			return false, err
		}
		require.GreaterOrEqual(s.t, is.Flag.Version, was.Flag.Version)
		same := is.Flag
		same.Version, same.ChangedAt, same.ChangedBy, same.Reason = was.Flag.Version, was.Flag.ChangedAt, was.Flag.ChangedBy, was.Flag.Reason
		return is.Owner == was.Owner && (is.Lease == nil) == (was.Lease == nil) &&
			equal(is.Kill, was.Kill) && equal(same, was.Flag), is
	})
}

// standAtTen has a launch stand at ten percent until somebody moves it.
func (s *stack) standAtTen(flag string) *launch {
	s.t.Helper()
	plan := s.aPlan(flag)
	plan.Stages[0].Steps[0].Hold = rampart.Duration(time.Hour)
	l := s.start(plan)
	l.awaitsThat("ten percent have been looked at", func(p rampart.Progress) bool { return p.Exposure == ten && p.Looks >= 3 })
	return l
}

func (s *stack) launchWhole(flag string) {
	s.t.Helper()
	plan := s.aPlan(flag)
	plan.Stages = plan.Stages[:1]
	s.start(plan).ends(rampart.Launched)
}

func (s *stack) killAtTen(flag string) {
	s.t.Helper()
	l := s.standAtTen(flag)
	_, err := s.people.Kill(s.t.Context(), flag, "oncall", "support queue on fire", 0)
	require.NoError(s.t, err)
	l.ends(rampart.Killed)
}

// includeSegment applies a segment, and has a flag include it.
func (s *stack) includeSegment(flag, segment, user string) {
	s.t.Helper()
	_, err := s.people.ApplySegment(s.t.Context(), rampart.SegmentChange{
		Segment: rampart.Segment{Name: segment, Keys: []string{user}}, By: "bo", Reason: "the beta begins"})
	require.NoError(s.t, err)
	eventually(s.t, "the index says which segment is meant", func() (bool, any) {
		meant, err := s.people.SegmentsMeant(s.t.Context())
		return err == nil && meant[segment] != "", meant
	})
	doc := s.entry(flag).Flag
	doc.Include = []rampart.Rule{{Segment: segment}}
	_, err = s.people.Set(s.t.Context(), rampart.FlagChange{Flag: doc, By: "bo", Reason: "the beta begins"})
	require.NoError(s.t, err)
}

// awaitsIncluded waits until the reader has a user in by a segment.
func (s *stack) awaitsIncluded(r *reader, flag, user string) {
	s.t.Helper()
	eventually(s.t, user+" is included", func() (bool, any) {
		d := r.Flag(flag).Decide(&rampart.Subject{Key: user})
		return d.On && d.Reason == rampart.ReasonIncluded, d
	})
}

func (s *stack) setByHand(flag string, exposure rampart.Percent) {
	s.t.Helper()
	doc := s.aPlan(flag).WithDefaults().NewFlag()
	doc.Type = rampart.Operations
	_, err := s.people.Register(s.t.Context(), rampart.FlagChange{Flag: doc, By: "bo", New: true})
	require.NoError(s.t, err)
	s.allow(flag, exposure)
	doc.Exposure = exposure
	_, err = s.people.Set(s.t.Context(), rampart.FlagChange{Flag: doc, By: "bo", Reason: "a quarter is enough"})
	require.NoError(s.t, err)
}
