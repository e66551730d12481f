package readers

import (
	"sort"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
)

// A Meant is all that was ever meant to be served of one flag.
type Meant struct {
	Flag string

	mu       sync.Mutex
	versions map[int64]*written
	acked    []acked // by version
	turns    []turn  // of the kill register: killed, restored, killed, ...
}

// written is one version.
type written struct {
	most   rampart.Percent // at which it was written, by whoever did so last
	leased bool
	until  time.Time // its lease lasts at most
}

// acked is a version that the store has acknowledged: since when it had it, and until
// when, if it has forgotten it.
type acked struct {
	version int64
	span
}

// A turn is one change of the kill register.
type turn struct{ version int64 } // 0 until it is acknowledged

// NewMeant begins with nothing.
func NewMeant(flag string) *Meant { return &Meant{Flag: flag, versions: map[int64]*written{}} }

// Write tells that a version is about to be written; also by a hand that edits it in
// its place.
func (m *Meant) Write(version int64, exposure rampart.Percent, leased bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.versions[version]
	if w == nil {
		w = &written{}
		m.versions[version] = w
	}
	w.most, w.leased = max(w.most, exposure), w.leased || leased
}

// Acked tells that the store has a version.
func (m *Meant) Acked(version int64, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.acked); n == 0 || m.acked[n-1].version < version {
		m.acked = append(m.acked, acked{version, span{from: at}})
	}
}

// Lost tells that the store, from a moment on, had nothing later than a version, or than
// nothing where that is 0. Nobody can be behind of what it has forgotten.
func (m *Meant) Lost(stored int64, since time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.acked) - 1; i >= 0 && m.acked[i].version > stored; i-- {
		if a := &m.acked[i]; a.until.IsZero() {
			a.until = since
		}
	}
}

// Leased tells that the lease of a version lasts until then at most.
func (m *Meant) Leased(version int64, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.versions[version]; w != nil && until.After(w.until) {
		w.until = until
	}
}

// Turn tells that the kill register is about to be set, or lifted.
func (m *Meant) Turn(killed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if isKill(len(m.turns)) != killed {
		m.turns = append(m.turns, turn{})
	}
}

// Turned tells that the store has the register of the latest turn under a version.
func (m *Meant) Turned(version int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.turns); n > 0 {
		m.turns[n-1].version = version
	}
}

// isKill reports whether the flag is killed after so many turns.
func isKill(turns int) bool { return turns%2 == 1 }

// turnsAt returns how many turns there had been when the register had a version; 0:
// nobody knows.
func (m *Meant) turnsAt(version int64) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, t := range m.turns {
		if t.version == version && version > 0 {
			return i + 1
		}
	}
	return 0
}

func (m *Meant) turned() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.turns)
}

func (m *Meant) version(v int64) (w written, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.versions[v]; w != nil {
		return *w, true
	}
	return written{}, false
}

// later returns when, of a time, the store had something later than a version.
func (m *Meant) later(version int64, of span) (all []span) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := sort.Search(len(m.acked), func(i int) bool { return m.acked[i].version > version })
	for _, a := range m.acked[i:] {
		s := a.within(of)
		if n := len(all); n > 0 && s.from.Before(all[n-1].until) {
			s.from = all[n-1].until
		}
		if s.until.After(s.from) {
			all = append(all, s)
		}
	}
	return all
}
