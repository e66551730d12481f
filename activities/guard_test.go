package activities_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

func TestTheGuardNoticesEveryEdit(t *testing.T) {
	for what, edit := range map[string]func(*rampart.Flag){
		"exposure":   func(f *rampart.Flag) { f.Exposure++ },
		"include":    func(f *rampart.Flag) { f.Include = []rampart.Rule{{Segment: "everybody"}} },
		"where":      func(f *rampart.Flag) { f.Where = []rampart.Rule{{Keys: []string{"ann"}}} },
		"on":         func(f *rampart.Flag) { f.On = json.RawMessage(`1`) },
		"off":        func(f *rampart.Flag) { f.Off = json.RawMessage(`1`) },
		"unit":       func(f *rampart.Flag) { f.Unit = rampart.Request },
		"salt":       func(f *rampart.Flag) { f.Salt = "pepper" },
		"lifecycle":  func(f *rampart.Flag) { f.Lifecycle = rampart.Retired },
		"lease":      func(f *rampart.Flag) { f.Lease *= 2 },
		"high water": func(f *rampart.Flag) { f.HighWater = rampart.Full },
		"removed":    func(f *rampart.Flag) { f.Removed = true },
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t).ramping(time.Hour)
			r.digest = activities.DigestOf(r.flag().Flag)
			require.Empty(t, r.look().Found)
			f := r.flag().Flag
			edit(&f)
			r.edit(f)
			got := r.look()
			require.Equal(t, activities.FoundLoss, got.Found)
			require.Contains(t, got.Reason, "edited by hand")
		})
	}
}

// Of what was written by another version of the product only the exposure is compared.
func TestADigestOfAnotherFormSaysNothing(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	for _, digest := range []string{"", "2:abc"} {
		r.digest = digest
		require.Empty(t, r.look().Found, digest)
	}
}

// The document lives on where the guard was away for a while, but nothing is raised on
// what nobody has seen.
func TestALeaseThatWasLeftAloneSpeaksForNoRaise(t *testing.T) {
	for what, c := range map[string]struct {
		silent, warn time.Duration
		late         bool
	}{
		"renewed a minute ago":               {silent: time.Minute},
		"five minutes by default":            {silent: 5*time.Minute + time.Second, late: true},
		"as the plan says":                   {silent: 4 * time.Minute, warn: 3 * time.Minute, late: true},
		"but never sooner than in two looks": {silent: 90 * time.Second, warn: time.Second},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.ramping(time.Hour)
			w.warn, w.mode = c.warn, activities.Raise
			w.leaveAlone(name, c.silent)
			got := w.look()
			if !c.late {
				require.Equal(t, activities.FoundPass, got.Found)
				return
			}
			require.Equal(t, activities.FoundLate, got.Found)
			require.Contains(t, got.Reason, "nobody had guarded "+name)
			require.Equal(t, activities.FoundPass, w.look().Found, "it is renewed")
		})
	}
}
