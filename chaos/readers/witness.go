package readers

import (
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/ledger"
)

// The rules. Those of the ledger that speak of readers hold here as well.
const (
	Onward   = ledger.Onward
	Dead     = ledger.Dead
	Faithful = ledger.Faithful
	Leased   = ledger.Leased

	Honest ledger.Rule = "a reader that was cut off for longer than StaleAfter says so"
	Sure   ledger.Rule = "a reader says STALE only where it was cut off, or the store was away"
	Whole  ledger.Rule = "once writers rest, every reader serves every flag as it is meant"
)

// Rules are all of them, in the order in which they are reported.
var Rules = []ledger.Rule{Onward, Dead, Faithful, Leased, Honest, Sure, Whole}

// LeaseSlack is how much longer than its lease a reader may be seen to serve a flag: a
// message may come late, and a machine with much to do wakes nobody in time.
const LeaseSlack = ledger.LeaseSlack * time.Millisecond

// A Sight is what a reader answers for a flag from a moment on.
type Sight struct {
	Flag    string          `json:"flag"`
	Version int64           `json:"version"` // 0: the reader knows nothing of it
	Served  rampart.Percent `json:"served"`  // at which the highest probe is on
	Killed  bool            `json:"killed,omitempty"`
	Ended   bool            `json:"ended,omitempty"` // its lease
	At      time.Time       `json:"at"`              // after it was looked at
}

// Same reports whether two sights differ in nothing but their time.
func (s Sight) Same(other Sight) bool {
	s.At, other.At = time.Time{}, time.Time{}
	return s == other
}

// A Witness remembers what readers have answered, and holds it against what was meant.
type Witness struct {
	Book  *ledger.Book
	meant map[string]*Meant

	mu       sync.Mutex
	readers  map[string]map[string]*memory // by name and flag
	away     map[string][]span             // by name, when it could not reach the store
	longest  time.Duration
	slowest  string
	observed int
}

// A span is a time; an open one has no end yet.
type span struct{ from, until time.Time }

// within returns what of a span lies in another one, which is not open.
func (s span) within(of span) span {
	if s.from.Before(of.from) {
		s.from = of.from
	}
	if s.until.IsZero() || s.until.After(of.until) {
		s.until = of.until
	}
	return s
}

// memory is what one reader has answered for one flag.
type memory struct {
	last  Sight
	since time.Time // it begins with what it knows, or with nothing
	turns int       // of the kill register, so many at least it has seen
}

// NewWitness makes a witness of flags.
func NewWitness(flags []*Meant) *Witness {
	w := &Witness{Book: &ledger.Book{}, meant: map[string]*Meant{}, readers: map[string]map[string]*memory{}, away: map[string][]span{}}
	for _, m := range flags {
		w.meant[m.Flag] = m
	}
	return w
}

// Saw tells what a reader answers. What it answers still is to be told now and then.
func (w *Witness) Saw(reader string, s Sight) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, meant := w.memory(reader, s.Flag), w.meant[s.Flag]
	if !m.last.Same(s) {
		w.observed++
		w.Book.Check(s.Version >= m.last.Version, Onward, s.Flag, "%s goes from version %d to %d", reader, m.last.Version, s.Version)
		if s.Version > m.last.Version {
			w.lags(reader, m, meant, s.At)
		}
		if s.Version == 0 || m.since.IsZero() {
			m.since = s.At
		}
	}
	w.sawRegister(reader, m, meant, s)
	if wrote, known := meant.version(s.Version); s.Served > 0 {
		w.Book.Check(known && s.Served <= wrote.most, Faithful, s.Flag, "%s serves version %d at %s, written at %s", reader, s.Version, s.Served, wrote.most)
		if wrote.leased && !wrote.until.IsZero() {
			w.Book.Check(s.At.Before(wrote.until.Add(LeaseSlack)), Leased, s.Flag, "%s serves version %d %s after its lease", reader, s.Version, s.At.Sub(wrote.until))
		}
	}
	m.last = s
}

// sawRegister walks along the turns of the register as far as the sight demands. The
// turns are counted after the sight, so nothing can be seen that was not asked for.
func (w *Witness) sawRegister(reader string, m *memory, meant *Meant, s Sight) {
	if isKill(m.turns) == s.Killed {
		return
	}
	turned := meant.turned()
	w.Book.Check(m.turns < turned, Dead, s.Flag, "%s has seen turn %d of %d of the register, and serves killed: %t", reader, m.turns, turned, s.Killed)
	if m.turns < turned {
		m.turns++
	} else {
		m.turns--
	}
}

// Restarted tells that a reader begins anew. What its bootstrap file knows it must
// still know; the file is nil where there is none.
func (w *Witness) Restarted(reader string, file *Bootstrap) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := map[string]*memory{}
	for _, m := range w.meant {
		if file == nil || file.Versions[m.Flag] == 0 && file.Kills[m.Flag] == 0 {
			continue
		}
		known[m.Flag] = &memory{
			last:  Sight{Flag: m.Flag, Version: file.Versions[m.Flag]},
			since: time.Now(),
			turns: m.turnsAt(file.Kills[m.Flag]),
		}
	}
	w.readers[reader] = known
}

// A Bootstrap is what a file keeps of each flag: the versions of its document and of
// its kill register.
type Bootstrap struct{ Versions, Kills map[string]int64 }

// Away tells that something is between a reader and the store from a moment on. How far
// it lags behind is not measured then, nor before the first [Witness.Reaches].
func (w *Witness) Away(reader string, from time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if spans := w.spans(reader); !spans[len(spans)-1].until.IsZero() {
		w.away[reader] = append(spans, span{from: from})
	}
}

// Reaches tells that nothing is between a reader and the store any more.
func (w *Witness) Reaches(reader string, from time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	spans := w.spans(reader)
	if last := &spans[len(spans)-1]; last.until.IsZero() {
		last.until = from
	}
}

// spans begins with the time before the reader could be expected to know anything.
func (w *Witness) spans(reader string) []span {
	if w.away[reader] == nil {
		w.away[reader] = []span{{}}
	}
	return w.away[reader]
}

// lags measures how long a reader did not have what the store had, though it could
// have reached it. Who knew nothing did not serve what was old.
func (w *Witness) lags(reader string, m *memory, meant *Meant, until time.Time) {
	if m.since.IsZero() {
		return
	}
	var lag time.Duration
	for _, behind := range meant.later(m.last.Version, span{m.since, until}) {
		lag += behind.until.Sub(behind.from)
		for _, away := range w.spans(reader) {
			off := away.within(behind)
			lag -= max(0, off.until.Sub(off.from))
		}
	}
	if lag > w.longest {
		w.longest, w.slowest = lag, reader
	}
}

// Settled tells that all readers have seen everything, of which a moment ago
// [Witness.Differs] has found nothing.
func (w *Witness) Settled() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, flags := range w.readers {
		for flag, m := range flags {
			m.turns = w.meant[flag].turned()
		}
	}
}

// Last returns the last sight of a flag; false: there is none.
func (w *Witness) Last(reader, flag string) (Sight, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.readers[reader][flag]
	if m == nil {
		return Sight{}, false
	}
	return m.last, !m.last.At.IsZero()
}

// A Tally is what readers of one kind have come to.
type Tally struct {
	Seen    int // changes of answers
	Back    int // times that a flag went back to an earlier version, or to none
	Revived int // times that a kill was let go of, or came back, though nobody had asked
	Longest time.Duration
	Slowest string // the reader of the longest
}

// Tally sums up until now: who has not caught up by then lags until then.
func (w *Witness) Tally(now time.Time) Tally {
	w.mu.Lock()
	defer w.mu.Unlock()
	for reader, flags := range w.readers {
		for flag, m := range flags {
			w.lags(reader, m, w.meant[flag], now)
		}
	}
	t := Tally{Seen: w.observed, Longest: w.longest, Slowest: w.slowest}
	_, t.Back = w.Book.Checks(Onward)
	_, t.Revived = w.Book.Checks(Dead)
	return t
}

func (w *Witness) memory(reader, flag string) *memory {
	if w.readers[reader] == nil {
		w.readers[reader] = map[string]*memory{}
	}
	m := w.readers[reader][flag]
	if m == nil {
		m = &memory{}
		w.readers[reader][flag] = m
	}
	return m
}
