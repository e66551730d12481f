package readers_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/readers"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

const (
	environment = "chaos"
	namespace   = "namespace-1"
	// staleAfter is what readers are told: long enough for a machine under load, short
	// enough to be awaited in each round.
	staleAfter = 4 * time.Second
	// patience is how long something may take that must come.
	patience = time.Minute
)

// What a run is made of. The long form is that of make chaos-readers.
var (
	seed      = flag.Uint64("seed", 1, "what is done, and to whom, is chosen from this number")
	many      = flag.Int("readers", 40, "readers, some of them processes of their own")
	copies    = flag.Int("copies", 8, "copies kept by each of the usual policies")
	flags     = flag.Int("flags", 20, "flags")
	rounds    = flag.Int("rounds", 2, "rounds, each with a failover that loses writes")
	empties   = flag.Int("empties", 1, "rounds in which Redis comes back empty as well")
	reportTo  = flag.String("report", "", "file that gets the report")
	storyFile = flag.String("story", "", "file that gets the story")
)

// A world is the store, those who write, those who read, and what lies between.
type world struct {
	t       *testing.T
	chance  *rand.Rand
	began   time.Time
	redis   *redistest.Watched
	primary *redistest.Node
	replica *redistest.Node
	fates   *fates
	store   *flagstore.Store // of those who write
	usual   *usual           // where the counting copies read
	owners  []*owner
	readers []*reader
	kinds   []*kind
	witness *readers.Witness
	calm    *reference

	resting sync.RWMutex // held to let writers rest
	writes  atomic.Int64 // that were acknowledged
	lost    atomic.Int64 // of which the store forgot
	drifts  atomic.Int64
	still   atomic.Bool  // owners do not even look after their flags
	leftAt  atomic.Int64 // when the store was last about to lose something, ns
	tolls   tolls
	story   story
}

// tolls count what was done.
type tolls struct {
	cuts, starved, late, away, restarts, killed, failovers, split, empties int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, chance: rand.New(rand.NewPCG(*seed, 1)), began: time.Now(), fates: newFates()} // #nosec G404 -- chance, not a secret
	w.redis = redistest.StartSentinel(t, users(t)...)
	w.primary, w.replica = w.redis.First, w.redis.Second
	for _, n := range []*redistest.Node{w.primary, w.replica} {
		n.Proxy.Treat(w.fates.of)
	}
	w.store = w.open("writer", 0)
	require.NoError(t, w.store.Setup(t.Context(), namespace))
	w.usual = newUsual(w)
	var meant []*readers.Meant
	for i := range *flags {
		o := newOwner(w, i)
		w.owners, meant = append(w.owners, o), append(meant, o.meant)
	}
	w.witness = readers.NewWitness(meant)
	for _, k := range policies {
		w.kinds = append(w.kinds, &kind{policy: k, witness: readers.NewWitness(meant)})
	}
	return w
}

// users are what the servers are told of who may connect. Each reader has a user of its
// own, by which the proxies know it, with the rights of the guide for operators.
func users(t *testing.T) []string {
	var reader []string
	for _, rule := range redistest.Commands(t, environment)["rampart-reader"] {
		reader = append(reader, fmt.Sprint(rule))
	}
	all := []string{"on", ">" + password, "~*", "&*", "+@all"}
	var args []string
	add := func(name string, i int, rules []string) {
		args = append(append(args, "--user", userName(name, i)), rules...)
	}
	add("writer", 0, all)
	add("reference", 0, all)
	for i := range *many {
		add("reader", i, reader)
	}
	for i := range *copies {
		for _, p := range policies {
			add(p.name, i, p.rights(reader, all))
		}
	}
	return args
}

// password is that of the readers in the guide.
const password = "READER-PASSWORD"

func userName(kind string, i int) string { return kind + "-" + strconv.Itoa(i) }

// open connects to the store as one of its users.
func (w *world) open(kind string, i int) *flagstore.Store {
	w.t.Helper()
	s, err := flagstore.Open(flagstore.Options{URL: w.redis.URL(), Environment: environment, User: userName(kind, i), Password: password})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = s.Close() })
	return s
}

// awaits waits until something is so.
func (w *world) awaits(what string, is func() (ok bool, last string)) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok, last := is()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			w.tellBroken()
			w.t.Fatalf("not within %s: %s\nlast: %s\n%s", patience, what, last, w.story.end(60))
		}
		pause(w.t.Context(), 20*time.Millisecond)
	}
}

// tellBroken fails the test for each time that the law was broken.
func (w *world) tellBroken() {
	w.t.Helper()
	broken := w.witness.Book.Violations()
	for _, v := range broken[:min(len(broken), 50)] {
		w.t.Errorf("%s: %s: %s", v.Rule, v.Flag, v.What)
	}
	if len(broken) > 0 {
		w.t.Errorf("the law was broken %d times", len(broken))
	}
}

// pause waits, unless the context ends; then it returns false.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// document is the flag before anybody is exposed.
func document(name string) rampart.Flag {
	return rampart.Flag{
		Format: rampart.FlagFormat, Name: name, Salt: name, HashVersion: rampart.HashVersion, Unit: rampart.User,
		Off: json.RawMessage("false"), On: json.RawMessage("true"), Type: rampart.Release, Lifecycle: rampart.Ramping,
	}
}

// A story is what was done and noticed, in order.
type story struct {
	mu    sync.Mutex
	lines []string
}

func (s *story) tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// end returns the last lines.
func (s *story) end(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines[max(0, len(s.lines)-n):], "\n")
}

func (s *story) write(t *testing.T, file string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(s.lines, "\n")+"\n"), 0o600))
}
