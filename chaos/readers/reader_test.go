package readers_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/readers"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
)

// A reader is a service that reads flags, in this process or in one of its own.
type reader struct {
	w     *world
	name  string
	index int
	file  string // its bootstrap file; empty: none
	own   *process

	mu     sync.Mutex
	served *served // nil: it is being restarted, or a process of its own
	cut    time.Time
	reach  time.Time     // since when nothing is between it and the store; zero: something is
	state  client.State  // as it said last
	stale  time.Duration // the longest that it ever said
}

// newReader makes a reader. Every other one has a bootstrap file; of ten, one that has a
// file is a process of its own, and of twenty, one that has none.
func newReader(w *world, i int) *reader {
	r := &reader{w: w, name: userName("reader", i), index: i}
	if i%2 == 1 {
		r.file = filepath.Join(w.t.TempDir(), r.name+".json")
	}
	if i%10 == 9 || i%20 == 4 {
		r.own = &process{reader: r}
	}
	return r
}

// options are those of a service.
func (r *reader) options() readerOptions {
	return readerOptions{Redis: r.w.redis.URL(), User: r.name, Bootstrap: r.file, Flags: *flags}
}

// start begins a life of the reader.
func (r *reader) start() {
	if r.own != nil {
		r.own.start()
		return
	}
	s, err := newServed(r.options())
	if err != nil {
		r.w.t.Errorf("%s does not start: %v", r.name, err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.served = s
}

// stop ends a life: in this process in an orderly way, elsewhere with kill -9.
func (r *reader) stop() {
	if r.own != nil {
		r.own.kill()
		return
	}
	r.mu.Lock()
	s := r.served
	r.served = nil
	r.mu.Unlock()
	if s != nil && s.flags.Close() != nil {
		r.w.t.Errorf("%s does not end well", r.name)
	}
}

// restart ends a life, and begins another. With a file it must know all that the one
// before answered, if that has ended in an orderly way, and else what the file says.
func (r *reader) restart() {
	r.isAway()
	r.stop()
	if r.file == "" || r.own != nil {
		r.w.witness.Restarted(r.name, r.bootstrap())
	}
	r.w.story.tell("%s starts anew", r.name)
	r.start()
}

// bootstrap reads what the file knows; nil: there is none.
func (r *reader) bootstrap() *readers.Bootstrap {
	if r.file == "" {
		return nil
	}
	var file struct {
		Flags []flagstore.Document
		Kills []rampart.Kill
	}
	text, err := os.ReadFile(r.file)
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		r.w.t.Errorf("the file of %s: %v", r.name, err)
	}
	b := &readers.Bootstrap{Versions: map[string]int64{}, Kills: map[string]int64{}}
	for _, d := range file.Flags {
		b.Versions[d.Name] = d.Version
	}
	for _, k := range file.Kills {
		b.Kills[k.Flag] = k.Version
	}
	return b
}

// observe looks at a reader in this process; it says all again now and then.
func (r *reader) observe(again bool) {
	r.mu.Lock()
	defer r.mu.Unlock() // so that no sight comes after the end of a life
	if r.served == nil {
		return
	}
	r.served.look(again, func(s readers.Sight) { r.w.witness.Saw(r.name, s) })
	if again {
		r.heard(r.served.status())
	}
}

// heard takes in what a reader says of itself. The caller holds r.mu.
func (r *reader) heard(s status) {
	r.state, r.stale = s.State, max(r.stale, s.Staleness)
	if !r.cut.IsZero() && s.At.Sub(r.cut) > staleAfter+cutSlack {
		r.w.witness.Book.Check(s.State != client.Current, readers.Honest, "-", "%s says %s, %s after it was cut off", r.name, s.State, s.At.Sub(r.cut))
	}
	if since := r.w.calm.steadySince(); !r.reach.IsZero() && !since.IsZero() {
		if r.reach.After(since) {
			since = r.reach
		}
		if calm := s.At.Sub(since); calm > staleAfter+calmSlack {
			r.w.witness.Book.Check(s.State == client.Current, readers.Sure, "-",
				"%s says %s for %s, and nothing was between it and the store for %s", r.name, s.State, s.Staleness, calm)
		}
	}
}

const (
	// cutSlack is how long what was on its way may still be read after a cut.
	cutSlack = 2 * time.Second
	// calmSlack is how long a reader may take to find back to a store that answers.
	calmSlack = 4 * time.Second
)

// reaches notes that nothing is between a reader and the store from now on.
func (r *reader) reaches() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut, r.reach = time.Time{}, time.Now()
	r.w.witness.Reaches(r.name, r.reach)
}

// isCut notes that a reader, and nobody else, cannot reach the store from now on.
func (r *reader) isCut() {
	r.isAway()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = time.Now()
}

// isAway notes that nobody can expect a reader to know anything from now on.
func (r *reader) isAway() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reach = time.Time{}
	r.w.witness.Away(r.name, time.Now())
}

// says returns what the reader said of itself last.
func (r *reader) says() client.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// admits reports whether the reader says that it is not current: STALE, or STARTING where
// it began while it was cut off and has no file.
func (r *reader) admits() bool {
	says := r.says()
	return says == client.Stale || says == client.Starting && r.file == ""
}

// readerOptions make a reader, also in another process.
type readerOptions struct {
	Redis, User, Bootstrap string
	Flags                  int
}

// served is one life of a reader.
type served struct {
	flags   *client.Client
	handles []*client.Flag
	probes  [][]rampart.Subject // of each flag, one who is on from each level on
	last    []readers.Sight
}

// A status is what a reader says of itself.
type status struct {
	State     client.State  `json:"state"`
	Staleness time.Duration `json:"staleness"`
	At        time.Time     `json:"at"` // before it was asked
}

func newServed(o readerOptions) (*served, error) {
	c, err := client.Open(context.Background(), client.Options{
		Redis: o.Redis, Environment: environment, Service: "chaos", ID: o.User, Bootstrap: o.Bootstrap, StaleAfter: staleAfter,
		Store: flagstore.Options{User: o.User, Password: password}, Wait: 500 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	s := &served{flags: c, last: make([]readers.Sight, o.Flags)}
	for i := range o.Flags {
		name := "flag-" + strconv.Itoa(i)
		s.handles, s.probes = append(s.handles, c.Flag(name)), append(s.probes, probes(name))
	}
	return s, nil
}

// probes returns for each level but none a subject that is on at it, and not below.
func probes(salt string) (all []rampart.Subject) {
	for i, level := range levels[1:] {
		for n := 0; ; n++ {
			s := rampart.Subject{Key: "user-" + strconv.Itoa(n)}
			if b := rampart.BucketOf(salt, s.Key); b >= int(levels[i]) && b < int(level) {
				all = append(all, s)
				break
			}
		}
	}
	return all
}

// look tells of what has changed since the last look, or of everything.
func (s *served) look(again bool, tell func(readers.Sight)) {
	for i, f := range s.handles {
		sight, known := s.glance(f, s.probes[i])
		for known { // what changes between two questions is no fault
			twice, _ := s.glance(f, s.probes[i])
			if twice.Same(sight) {
				break
			}
			sight = twice
		}
		if known && (again || !sight.Same(s.last[i])) {
			s.last[i] = sight
			sight.At = time.Now()
			tell(sight)
		}
	}
}

func (s *served) glance(f *client.Flag, probes []rampart.Subject) (sight readers.Sight, known bool) {
	if _, known := f.Document(); !known {
		return sight, false
	}
	sight.Flag = f.Name()
	for i := range probes {
		d := f.Decide(&probes[i])
		sight.Version = d.Version
		sight.Killed, sight.Ended = d.Reason == rampart.ReasonKilled, d.Reason == rampart.ReasonLeaseEnded
		if d.On {
			sight.Served = levels[i+1]
		}
	}
	return sight, true
}

func (s *served) status() status {
	at := time.Now()
	now := s.flags.Status()
	return status{State: now.State, Staleness: now.Staleness, At: at}
}
