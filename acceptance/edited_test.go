package acceptance_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// edits are what a hand may do to a document, at the version that it has.
var edits = []struct {
	name string
	edit func(*rampart.Flag)
}{
	{"a higher exposure", func(f *rampart.Flag) { f.Exposure = fifty }},
	{"somebody included", func(f *rampart.Flag) { f.Include = []rampart.Rule{{Attribute: "plan", In: []string{"gold"}}} }},
	{"somebody made eligible", func(f *rampart.Flag) { f.Where = []rampart.Rule{{Attribute: "region", NotIn: []string{"eu"}}} }},
	{"another value for on", func(f *rampart.Flag) { f.On = json.RawMessage(`"another"`) }},
	{"another value for off", func(f *rampart.Flag) { f.Off = json.RawMessage(`true`) }},
	{"another unit", func(f *rampart.Flag) { f.Unit = rampart.Request }},
	{"another salt", func(f *rampart.Flag) { f.Salt = "pepper" }},
	{"another lifecycle", func(f *rampart.Flag) { f.Lifecycle = rampart.Retired }},
	{"no lease", func(f *rampart.Flag) { f.Lease = rampart.Duration(1) }},
	{"another owner", func(f *rampart.Flag) { f.Owner = "nobody" }},
	{"another reason", func(f *rampart.Flag) { f.Reason = "because" }},
}

func TestEditOfALaunchedDocumentIsRepairedAndTold(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	l := s.standAtTen("checkout-v2")
	for _, c := range edits {
		was := s.entry("checkout-v2")
		s.edit("checkout-v2", c.edit)

		is := s.awaitsRepaired(c.name, was)

		require.Equal(t, was.Owner, is.Owner, c.name)
		require.Contains(t, s.lastEvent("checkout-v2").Reason, "edited by hand", c.name)
	}
	was := s.entry("checkout-v2")
	s.overwrite("checkout-v2", fmt.Sprintf("%d {no JSON", was.Flag.Version))
	s.awaitsRepaired("garbage", was)
	p, err := s.people.Progress(t.Context(), "checkout-v2")
	require.NoError(t, err)
	require.GreaterOrEqual(t, strings.Count(storyOf(p), "edited by hand"), len(edits), storyOf(p))
	require.Equal(t, rampart.Watching, p.State, "the launch goes on")
	_, err = s.people.TurnBack(t.Context(), "checkout-v2", rampart.Ask{By: "bo", Reason: "seen enough"})
	require.NoError(t, err)
	l.ends(rampart.TurnedBack)
}

func TestEditOfADocumentThatNoLaunchAnswersForIsRepaired(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	w := s.work()
	s.setByHand("by-hand", ten)
	s.awaitsAttested("by-hand")
	for _, c := range edits {
		was := s.entry("by-hand")
		s.edit("by-hand", c.edit)

		s.awaitsRepaired(c.name, was)

		last := s.lastEvent("by-hand")
		require.Equal(t, "restore", last.Verb)
		require.Contains(t, last.Reason, "edited by hand", c.name)
	}
	for name, gone := range map[string]func(was flagstore.Entry){
		"garbage":               func(was flagstore.Entry) { s.overwrite("by-hand", fmt.Sprintf("%d {no JSON", was.Flag.Version)) },
		"a version of tomorrow": func(was flagstore.Entry) { s.overwrite("by-hand", fmt.Sprintf("%d {}", was.Flag.Version+1000)) },
		"nothing at all": func(flagstore.Entry) {
			require.NoError(t, s.redis.Client().HDel(t.Context(), s.stateKey(), "f:by-hand").Err())
		},
	} {
		was := s.entry("by-hand")
		gone(was)
		s.awaitsRepaired(name, was)
	}
	_, err := s.people.Kill(t.Context(), "by-hand", "oncall", "fire", 0)
	require.NoError(t, err)
	s.awaitsKillKnown("by-hand")
	killed := s.entry("by-hand").Kill
	s.awaitsAttested("by-hand")

	require.NoError(t, s.redis.Client().HDel(t.Context(), s.stateKey(), "k:by-hand").Err())

	eventually(t, "the kill is there again", func() (bool, any) {
		is := s.entry("by-hand")
		return equal(is.Kill, killed), is
	})
	eventually(t, "the worker counts what it found", func() (bool, any) {
		_, body, err := get("http://" + w.address + "/metrics")
		return strings.Contains(body, `rampart_drifted_flags_total{by="sweep"`), err
	})
}

// A copy of yesterday's store has the epoch of today's: only its revision tells.
func TestOldCopyOfTheStoreIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	r := s.read("ramping", "by-hand", "killed", "launched")
	s.setByHand("by-hand", ten)
	s.setByHand("killed", ten)
	s.allow("launched", rampart.Full)
	s.setByHand("launched", 0)
	copied := s.copyStore()
	ramping := s.standAtTen("ramping")
	s.launchWhole("launched")
	s.allow("by-hand", fifty)
	f := s.entry("by-hand").Flag
	f.Exposure = fifty
	_, err := s.people.Set(t.Context(), rampart.FlagChange{Flag: f, By: "bo"})
	require.NoError(t, err)
	_, err = s.people.Kill(t.Context(), "killed", "oncall", "fire", 0)
	require.NoError(t, err)
	s.awaitsKillKnown("killed")
	before := map[string]flagstore.Entry{}
	for _, flag := range []string{"ramping", "by-hand", "killed", "launched"} {
		before[flag] = s.entry(flag)
	}
	s.awaitsPasses(2)

	s.putStore(copied)

	for flag, was := range before {
		eventually(t, flag+" is not of yesterday any more", func() (bool, any) {
			is, err := s.people.Store.Get(t.Context(), flag)
			return err == nil && is.Flag.Version >= was.Flag.Version, is
		})
		s.awaitsRestored(was)
	}
	s.requireSteady(r, before)
	ramping.awaits(rampart.Watching, ten)
}

func (s *stack) stateKey() string { return "rampart:{" + s.env + "}:state" }

// edit changes a document as a hand in Redis does: under the version that it has, past
// every script.
func (s *stack) edit(flag string, change func(*rampart.Flag)) {
	s.t.Helper()
	f := s.entry(flag).Flag
	change(&f)
	document, err := json.Marshal(f)
	require.NoError(s.t, err)
	s.overwrite(flag, fmt.Sprintf("%d %s", f.Version, document))
}

func (s *stack) overwrite(flag, field string) {
	s.t.Helper()
	require.NoError(s.t, s.redis.Client().HSet(s.t.Context(), s.stateKey(), "f:"+flag, field).Err())
}

// awaitsRepaired waits until a document says again what it said, under a later version.
func (s *stack) awaitsRepaired(what string, was flagstore.Entry) (is flagstore.Entry) {
	s.t.Helper()
	eventually(s.t, what+" is undone", func() (bool, any) {
		var err error
		if is, err = s.people.Store.Get(s.t.Context(), was.Flag.Name); err != nil {
			return false, err
		}
		same := is.Flag
		same.Version, same.ChangedAt, same.ChangedBy, same.Reason = was.Flag.Version, was.Flag.ChangedAt, was.Flag.ChangedBy, was.Flag.Reason
		return is.Flag.Version > was.Flag.Version && is.Unreadable == "" && equal(same, was.Flag), is
	})
	return is
}

func (s *stack) lastEvent(flag string) rampart.Event {
	s.t.Helper()
	events, err := s.people.Store.History(s.t.Context(), flag, 1)
	require.NoError(s.t, err)
	require.Len(s.t, events, 1)
	return events[0]
}

// awaitsAttested waits until Temporal's index has what the flag's own workflow means.
func (s *stack) awaitsAttested(flag string) {
	s.t.Helper()
	eventually(s.t, flag+" is attested", func() (bool, any) {
		meant, err := s.people.Attested(s.t.Context())
		e := s.entry(flag)
		var killed int64
		if e.Kill != nil {
			killed = e.Kill.Version
		}
		return err == nil && meant[flag] == fmt.Sprintf("%d %s %d", e.Flag.Version, flagstore.Digest(e.Flag), killed), meant
	})
}

// copyStore reads all that a store has of its flags, and putStore puts it back.
func (s *stack) copyStore() map[string]map[string]string {
	s.t.Helper()
	copied := map[string]map[string]string{}
	for _, name := range []string{"state", "pens", "leases"} {
		key := "rampart:{" + s.env + "}:" + name
		fields, err := s.redis.Client().HGetAll(s.t.Context(), key).Result()
		require.NoError(s.t, err)
		copied[key] = fields
	}
	return copied
}

func (s *stack) putStore(copied map[string]map[string]string) {
	s.t.Helper()
	all := s.redis.Client().TxPipeline()
	for key, fields := range copied {
		all.Del(s.t.Context(), key)
		if len(fields) > 0 {
			all.HSet(s.t.Context(), key, fields)
		}
	}
	_, err := all.Exec(s.t.Context())
	require.NoError(s.t, err)
}
