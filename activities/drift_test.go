package activities_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// attest says what the workflow of the rig's flag means: what is stored now.
func (w *world) attest() {
	e := w.flag()
	w.attested[name] = activities.Attestation(e.Flag, e.Kill)
}

func TestADocumentThatDiffersTwiceIsRestoredOnce(t *testing.T) {
	for what, change := range map[string]func(*world){
		"edited at the same version": func(w *world) {
			f := w.flag().Flag
			f.Salt = "pepper"
			w.edit(f)
		},
		"gone": func(w *world) {
			require.NoError(w.t, w.redis.Client().HDel(w.t.Context(), "rampart:{"+env+"}:state", "f:"+name).Err())
		},
		"a write was lost": func(w *world) {
			w.attested[name] = strings.Replace(w.attested[name], "1 ", "9 ", 1)
		},
		"a kill was lost": func(w *world) {
			f := w.flag().Flag
			w.attested[name] = activities.Attestation(f, &rampart.Kill{Version: 7})
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.attest()
			for range 2 {
				_, err := w.pass()
				require.NoError(t, err)
			}
			change(w)
			_, err := w.pass()
			require.NoError(t, err)
			require.Empty(t, w.restored, "the index may lag")
			for range 3 {
				_, err = w.pass()
				require.NoError(t, err)
			}
			require.Len(t, w.restored, 1)
			require.Contains(t, w.restored[0], "edited by hand")
		})
	}
}

func TestWhatIsNoDriftIsLeftAlone(t *testing.T) {
	for what, given := range map[string]func(*world){
		"an index that lags for a pass": func(w *world) {
			w.attested[name] = "99 1:0 0"
			_, err := w.pass()
			require.NoError(w.t, err)
			w.attest()
		},
		"a flag under a launch":            func(w *world) { w.attest(); w.ramping(0) },
		"a flag that a launch answers for": func(w *world) { w.attested[name] = activities.Launched },
		"a flag without a workflow":        func(*world) {},
		"an attestation of another form":   func(w *world) { w.attested[name] = "later" },
		"a kill that is news":              func(w *world) { w.attest(); w.kill("oncall") },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			given(w)
			for range 3 {
				_, err := w.pass()
				require.NoError(t, err)
			}
			require.Empty(t, w.restored)
		})
	}
}

func TestAFlagThatDoesNotSayWhatItMeansIsAsked(t *testing.T) {
	w := newWorld(t)
	w.attested[name] = activities.Unattested
	_, err := w.pass()
	require.NoError(t, err)
	require.Equal(t, []string{name}, w.attests)
	require.Empty(t, w.restored)
}

func TestAStoreThatWentBackInTimeIsRestoredWhole(t *testing.T) {
	w := newWorld(t)
	_, err := w.pass()
	require.NoError(t, err)
	before, err := w.Store.Meta(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.redis.Client().HSet(t.Context(), "rampart:{"+env+"}:state", "revision", before.Revision-1).Err())
	note, err := w.pass()
	require.NoError(t, err)
	require.Contains(t, note, "gone back in time; 1 flags restored")
	require.Equal(t, []string{name + ": the store had gone back in time"}, w.restored)
	after, err := w.Store.Meta(t.Context())
	require.NoError(t, err)
	require.Equal(t, before.Epoch, after.Epoch)
	_, err = w.pass()
	require.NoError(t, err)
	require.Len(t, w.restored, 1)
}

// edit puts another document under the version that is stored, as a hand in Redis would.
func (r *rig) edit(f rampart.Flag) {
	r.t.Helper()
	document, err := json.Marshal(f)
	require.NoError(r.t, err)
	require.NoError(r.t, r.redis.Client().HSet(r.t.Context(), "rampart:{"+env+"}:state", "f:"+f.Name, fmt.Sprintf("%d %s", f.Version, document)).Err())
}
