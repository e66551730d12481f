package activities_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
)

// A world is what the sweep sees of Temporal and of people. Launches run unless it is
// said otherwise, and the workflows of flags do at once what they are asked.
type world struct {
	others
	*rig
	seen activities.Swept

	mu       sync.Mutex
	stands   map[string]activities.Standing // by flag
	down     error                          // what Temporal answers instead
	index    map[string]bool
	asked    []string
	swept    map[string]rampart.Sweeping
	allowed  rampart.Allowance
	attested map[string]string
	attests  []string
	restored []string
	paged    []activities.Notice
	deaf     bool // nobody takes notices
}

var (
	closed  = activities.Standing{Status: "terminated"}
	missing = activities.Standing{Missing: true}
)

func newWorld(t *testing.T) *world {
	t.Helper()
	r := newRig(t)
	w := &world{others: others{r}, rig: r, stands: map[string]activities.Standing{}, swept: map[string]rampart.Sweeping{}, attested: map[string]string{}}
	r.Workflows, r.Launches, r.Intents, r.Notifier, r.Page = w, w, w, w, []string{"oncall"}
	r.Segments = &segmentsOf{w: w}
	return w
}

// pass makes one pass of the sweep.
func (w *world) pass() (note string, err error) {
	w.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	e := suite.NewTestActivityEnvironment()
	once := func(ctx context.Context) error { note, err = w.Pass(ctx, &w.seen); return nil }
	e.RegisterActivity(once)
	_, failed := e.ExecuteActivity(once)
	require.NoError(w.t, failed)
	return note, err
}

// expose has a launch of its own expose a flag under a lease, if it is not 0.
func (w *world) expose(flag string, exposure rampart.Percent, lease time.Duration) {
	w.t.Helper()
	f := w.plan.NewFlag()
	f.Name = flag
	id := rampart.LaunchID(env, flag)
	w.put("rita", rampart.Pen{Owner: id, Fence: w.now.UnixMilli()}, f, 0)
	f.Exposure, f.Launch = exposure, id
	w.put("rita", rampart.Pen{Owner: id, Fence: w.now.UnixMilli() + 1}, f, lease)
}

// leaveAlone lets nobody have renewed the lease of a flag for so long.
func (w *world) leaveAlone(flag string, silent time.Duration) {
	w.t.Helper()
	e, err := w.Store.Get(w.t.Context(), flag)
	require.NoError(w.t, err)
	end := time.Now().Add(e.Flag.Lease.D() - silent).UnixMilli()
	require.NoError(w.t, w.redis.Client().HSet(w.t.Context(), "rampart:{"+env+"}:leases", flag, fmt.Sprintf("%d %d", e.Flag.Version, end)).Err())
}

// Running implements activities.Launches.
func (w *world) Running(context.Context) (map[string]bool, error) { return w.index, w.down }

// Standing implements activities.Launches.
func (w *world) Standing(_ context.Context, id string) (activities.Standing, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, id)
	for flag, is := range w.stands {
		if rampart.LaunchID(env, flag) == id {
			return is, nil
		}
	}
	return activities.Standing{Running: true}, w.down
}

// Sweep implements activities.Launches.
func (w *world) Sweep(ctx context.Context, flag string, in rampart.Sweeping) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.swept[flag] = in
	own := rampart.FlagID(env, flag)
	got, err := w.Store.Acquire(ctx, flagstore.AcquireInput{Flag: flag, Owner: own, At: in.Seen + 1, Takes: []string{in.Launch}, Seen: in.Seen, Restore: true})
	if err != nil {
		return err
	}
	f := got.Flag
	f.Exposure, f.Launch = 0, ""
	_, err = w.Store.Put(ctx, flagstore.Write{Flag: f, Pen: rampart.Pen{Owner: own, Fence: got.Version + 1}, Verb: "sweep", By: own})
	return err
}

// Allowance implements activities.Launches.
func (w *world) Allowance(context.Context) (rampart.Allowance, error) { return w.allowed, nil }

// Attested implements activities.Intents.
func (w *world) Attested(context.Context) (map[string]string, error) { return w.attested, nil }

// Attest implements activities.Intents.
func (w *world) Attest(_ context.Context, flag string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.attests = append(w.attests, flag)
	return nil
}

// Restore implements activities.Workflows.
func (w *world) Restore(_ context.Context, flag, why string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.restored = append(w.restored, flag+": "+why)
	return nil
}

// Notify implements activities.Notifier.
func (w *world) Notify(_ context.Context, _ string, n activities.Notice) error {
	if w.deaf {
		return errors.New("not now")
	}
	w.paged = append(w.paged, n)
	return nil
}

func TestOnlyWhatIsCertainIsSwept(t *testing.T) {
	const half = rampart.Percent(5000)
	for _, c := range []struct {
		name   string
		given  func(*world)
		passes []time.Duration // after each other
		want   bool
	}{
		{
			name: "the flag of a launch that is closed", want: true, passes: []time.Duration{0},
			given: func(w *world) { w.expose("f", half, time.Hour); w.stands["f"] = closed },
		},
		{
			name: "and of one that has no lease", want: true, passes: []time.Duration{0},
			given: func(w *world) { w.expose("f", half, 0); w.stands["f"] = closed },
		},
		{
			name: "and of one that has only the pen", want: true, passes: []time.Duration{0},
			given: func(w *world) { w.expose("f", 0, 0); w.stands["f"] = closed },
		},
		{
			name: "not that of a launch under way, though nobody guards it", passes: []time.Duration{0, time.Hour},
			given: func(w *world) { w.expose("f", half, time.Hour); w.leaveAlone("f", 50*time.Minute) },
		},
		{
			name: "not that of a launch which is missing, at once", passes: []time.Duration{0},
			given: func(w *world) {
				w.expose("f", half, time.Hour)
				w.leaveAlone("f", 6*time.Minute)
				w.stands["f"] = missing
			},
		},
		{
			name: "nor within a minute", passes: []time.Duration{0, 30 * time.Second, 29 * time.Second},
			given: func(w *world) {
				w.expose("f", half, time.Hour)
				w.leaveAlone("f", 6*time.Minute)
				w.stands["f"] = missing
			},
		},
		{
			name: "but after one, where nobody renews its lease", want: true, passes: []time.Duration{0, time.Minute},
			given: func(w *world) {
				w.expose("f", half, time.Hour)
				w.leaveAlone("f", 6*time.Minute)
				w.stands["f"] = missing
			},
		},
		{
			name: "not where somebody does", passes: []time.Duration{0, time.Minute, time.Hour},
			given: func(w *world) {
				w.expose("f", half, time.Hour)
				w.leaveAlone("f", 4*time.Minute)
				w.stands["f"] = missing
			},
		},
		{
			name: "without a lease not before an hour", passes: []time.Duration{0, 59 * time.Minute},
			given: func(w *world) { w.expose("f", half, 0); w.stands["f"] = missing },
		},
		{
			name: "and then it is", want: true, passes: []time.Duration{0, time.Hour},
			given: func(w *world) { w.expose("f", half, 0); w.stands["f"] = missing },
		},
		{
			name: "not a flag that was set by hand", passes: []time.Duration{0, time.Hour},
			given: func(w *world) {
				f := w.flag().Flag
				f.Exposure = half
				w.put("bo", rampart.Pen{Owner: own, Fence: 2}, f, 0)
				w.stands[name] = missing
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.given(w)
			for _, later := range c.passes {
				w.now = w.now.Add(later)
				_, err := w.pass()
				require.NoError(t, err)
			}
			require.Equal(t, c.want, len(w.swept) == 1, "%v", w.swept)
			require.Empty(t, w.paged)
		})
	}
}

func TestALaunchThatIsWrittenWhileItIsMissingIsGivenAnotherMinute(t *testing.T) {
	w := newWorld(t)
	w.expose("f", 500, time.Hour)
	w.stands["f"] = missing
	w.leaveAlone("f", 6*time.Minute)
	_, err := w.pass()
	require.NoError(t, err)
	w.now = w.now.Add(time.Minute)
	w.expose("f", 1000, time.Hour)
	w.leaveAlone("f", 6*time.Minute)
	_, err = w.pass()
	require.NoError(t, err)
	require.Empty(t, w.swept)
}

func TestNothingIsSweptWhereTemporalDoesNotSayHowALaunchStands(t *testing.T) {
	w := newWorld(t)
	w.expose("gone", 500, time.Hour)
	w.expose("unknown", 500, time.Hour)
	w.stands["gone"] = closed
	w.down = errors.New("deadline exceeded")
	_, err := w.pass()
	require.ErrorContains(t, err, "nothing is swept")
	require.Empty(t, w.swept)
	w.down = nil
	note, err := w.pass()
	require.NoError(t, err)
	require.Contains(t, note, "1 swept")
	require.Contains(t, w.swept["gone"].Reason, "terminated")
	require.Equal(t, []string{"oncall"}, w.swept["gone"].Notify)
}

func TestHowManyAreSweptAtOnce(t *testing.T) {
	for _, c := range []struct {
		name         string
		running      int
		gone         int
		again        int           // gone after that much
		later        time.Duration //
		swept, paged int
	}{
		{name: "five", gone: 5, swept: 5},
		{name: "not six", gone: 6, paged: 1},
		{name: "one in twenty", running: 114, gone: 6, swept: 6},
		{name: "no more than that", running: 112, gone: 7, paged: 1},
		{name: "not three and three more within a minute", gone: 3, again: 3, later: 59 * time.Second, swept: 3, paged: 1},
		{name: "three and three more a minute later", gone: 3, again: 3, later: time.Minute, swept: 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.index = map[string]bool{}
			for i := range c.running + c.gone + c.again {
				flag := fmt.Sprintf("f-%d", i)
				w.expose(flag, 500, time.Hour)
				w.index[rampart.LaunchID(env, flag)] = i < c.running
				if i >= c.running && i < c.running+c.gone {
					w.stands[flag] = closed
				}
			}
			_, err := w.pass()
			require.NoError(t, err)
			for i := range c.again {
				w.stands[fmt.Sprintf("f-%d", c.running+c.gone+i)] = closed
			}
			for range 2 { // what is held back stays so
				w.now = w.now.Add(c.later)
				_, err = w.pass()
				require.NoError(t, err)
				c.later = 0
			}
			require.Len(t, w.swept, c.swept)
			require.Len(t, w.paged, c.paged)
			for _, n := range w.paged {
				require.True(t, n.Urgent)
				require.Contains(t, n.Text, "rampart sweep --allow")
			}
		})
	}
}

func TestOfManyLaunchesOnlyTheDoubtfulAreAskedAbout(t *testing.T) {
	w := newWorld(t)
	w.index = map[string]bool{}
	for i := range 120 {
		flag := fmt.Sprintf("f-%d", i)
		w.expose(flag, 500, time.Hour)
		w.index[rampart.LaunchID(env, flag)] = i != 7
	}
	w.leaveAlone("f-8", 6*time.Minute)
	_, err := w.pass()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{rampart.LaunchID(env, "f-7"), rampart.LaunchID(env, "f-8")}, w.asked)
	require.Empty(t, w.swept, "both are under way")
}

func TestAPersonMayAllowMoreOnce(t *testing.T) {
	w := newWorld(t)
	gone := func(of string) {
		for i := range 8 {
			flag := fmt.Sprintf("%s-%d", of, i)
			w.expose(flag, 500, time.Hour)
			w.stands[flag] = closed
		}
	}
	held := func(why string) {
		note, err := w.pass()
		require.NoError(t, err)
		require.Contains(t, note, "HELD BACK", why)
	}
	gone("f")
	held("nobody has allowed it")
	w.allowed = rampart.Allowance{Flags: 7, By: "ann", Reason: "a script", At: w.now.UnixMilli()}
	held("too few")
	w.allowed.Flags, w.allowed.At = 8, w.now.Add(-11*time.Minute).UnixMilli()
	held("expired")
	w.allowed.At = w.now.UnixMilli()
	note, err := w.pass()
	require.NoError(t, err)
	require.Contains(t, note, "8 swept")
	require.Contains(t, w.swept["f-0"].Reason, "allowed by ann: a script")
	w.now = w.now.Add(time.Second)
	gone("g")
	held("it was used")
	require.Len(t, w.paged, 2, "this is another time")
}

func TestAKilledFlagIsSweptWithoutBeingCounted(t *testing.T) {
	w := newWorld(t)
	for i := range 7 {
		flag := fmt.Sprintf("f-%d", i)
		w.expose(flag, 500, time.Hour)
		w.stands[flag] = closed
	}
	_, err := w.pass()
	require.NoError(t, err)
	require.Empty(t, w.swept)
	for _, flag := range []string{"f-1", "f-2"} {
		_, err := w.Store.Kill(t.Context(), flag, "oncall", "nobody guards it")
		require.NoError(t, err)
	}
	for range 2 {
		_, err = w.pass()
		require.NoError(t, err)
	}
	require.Len(t, w.swept, 7)
}

func TestWhoCouldNotBePagedIsPagedAgain(t *testing.T) {
	w := newWorld(t)
	for i := range 6 {
		flag := fmt.Sprintf("f-%d", i)
		w.expose(flag, 500, time.Hour)
		w.stands[flag] = closed
	}
	w.deaf = true
	_, err := w.pass()
	require.NoError(t, err)
	w.deaf = false
	for range 3 {
		_, err = w.pass()
		require.NoError(t, err)
	}
	require.Len(t, w.paged, 1)
	require.Empty(t, w.swept)
}
