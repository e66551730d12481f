package relay

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rampart-dev/rampart/client/relayed"
	"github.com/rampart-dev/rampart/flagstore"
)

// held is the state of the store as the relay knows it, and those who follow it. Each
// register is joined by its version, so none of them ever goes back.
type held struct {
	mu        sync.Mutex
	known     bool // it was loaded once
	epoch     string
	revision  int64
	registers map[string]register
	changes   uint64 // of what is answered as the state
	encoded   []byte // that answer; nil: to be made
	listeners map[*listener]bool
	cut       uint64 // listeners that were too slow

	encoding sync.Mutex // one makes the answer, and the others take it; before mu
}

type register struct {
	version int64
	text    string
	told    time.Time // when a message told of it, at the latest; zero: it was loaded
}

func newHeld() *held {
	return &held{registers: map[string]register{}, listeners: map[*listener]bool{}}
}

// backlog is how many messages may wait for one reader: more than a second of a busy
// store, and little memory.
const backlog = 256

// A listener is one reader's stream. It is closed where the reader is too slow.
type listener struct {
	messages chan flagstore.Message
	cut      bool // it was; guarded by held.mu
}

// write writes a message, and those that wait behind it.
func (l *listener) write(w io.Writer, m flagstore.Message) error {
	for {
		if err := relayed.WriteFrame(w, m); err != nil {
			return err
		}
		select {
		case next, open := <-l.messages:
			if !open {
				return nil
			}
			m = next
		default:
			return nil
		}
	}
}

func (h *held) listen() *listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := &listener{messages: make(chan flagstore.Message, backlog)}
	h.listeners[l] = true
	return l
}

// leave reports whether the reader was cut.
func (h *held) leave(l *listener) (cut bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l)
	return l.cut
}

// cutOff ends the stream of a reader that has not taken what it was sent.
func (h *held) cutOff(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(l)
}

// drop counts a reader once, whichever of the two finds first that it is too slow. The
// caller holds h.mu.
func (h *held) drop(l *listener) {
	if h.listeners[l] {
		delete(h.listeners, l)
		h.cut++
		l.cut = true
		close(l.messages)
	}
}

// tell hands a message to everybody. The caller holds h.mu.
func (h *held) tell(m flagstore.Message) {
	for l := range h.listeners {
		select {
		case l.messages <- m:
		default:
			h.drop(l)
		}
	}
}

// take joins a message and hands it on, whether or not it is understood here.
func (h *held) take(m flagstore.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r, ok := m.Register(); ok {
		h.join(r, time.Now())
		if r.Previous == h.revision {
			h.revision = r.Revision
		}
		h.changed()
	}
	h.tell(m)
}

// at returns the revision.
func (h *held) at() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.revision
}

// load joins all that the store knows, as it was asked when the revision was before.
// Readers that have not been told of what is news in it load again.
func (h *held) load(s flagstore.State, before int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	news := s.Epoch != h.epoch
	for r := range s.Registers {
		news = h.join(r, time.Time{}) || news
	}
	// A message that came while the state was read may be ahead of it.
	if s.Revision > h.revision || h.revision == before {
		news = news || s.Revision != h.revision
		h.revision = s.Revision
	}
	h.epoch = s.Epoch
	h.changed()
	if h.known && news {
		h.tell(relayed.Again)
	}
	h.known = true
}

// restore joins what an earlier relay knew at a time. Its leases had begun by then.
func (h *held) restore(s relayed.State, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.epoch, h.revision, h.known = s.Epoch, s.Revision, true
	for r := range (flagstore.State{Fields: s.Registers}).Registers {
		h.join(r, at)
	}
	h.changed()
}

// join reports whether a register is news. The caller holds h.mu.
func (h *held) join(r flagstore.Register, told time.Time) bool {
	if r.Version <= h.registers[r.Field].version {
		return false
	}
	h.registers[r.Field] = register{r.Version, r.Text, told}
	return true
}

// changed notes that the state is to be encoded again. The caller holds h.mu.
func (h *held) changed() {
	h.changes++
	h.encoded = nil
}

// A flagTold is the document of a flag that came as a message.
type flagTold struct {
	name string
	register
}

func (h *held) told() (all []flagTold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for field, r := range h.registers {
		if name, ok := strings.CutPrefix(field, "f:"); ok && !r.told.IsZero() {
			all = append(all, flagTold{name, r})
		}
	}
	return all
}

// state returns what is answered, encoded once for all who ask; nil: nothing is known.
func (h *held) state() ([]byte, error) {
	h.encoding.Lock()
	defer h.encoding.Unlock()
	s, encoded, as := h.copy()
	if s == nil || encoded != nil {
		return encoded, nil
	}
	encoded, err := json.Marshal(s) // without h.mu: a kill does not wait for it
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changes == as {
		h.encoded = encoded
	}
	return encoded, nil
}

// copy returns the state, its encoding if there is one, and how often it had changed.
func (h *held) copy() (s *relayed.State, encoded []byte, changes uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.known || h.encoded != nil {
		return nil, h.encoded, h.changes
	}
	s = &relayed.State{Epoch: h.epoch, Revision: h.revision, Registers: make(map[string]string, len(h.registers))}
	for field, r := range h.registers {
		s.Registers[field] = strconv.FormatInt(r.version, 10) + " " + r.text
	}
	return s, nil, h.changes
}

// count returns how often the state has changed.
func (h *held) count() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changes
}

// flags returns how many flags are known.
func (h *held) flags() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for field := range h.registers {
		if strings.HasPrefix(field, "f:") {
			n++
		}
	}
	return n
}

// position returns how far the state has come.
func (h *held) position() relayed.Revision {
	h.mu.Lock()
	defer h.mu.Unlock()
	return relayed.Revision{Epoch: h.epoch, Revision: h.revision}
}

// counts returns how many follow, and how many were cut.
func (h *held) counts() (following int, cut uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.listeners), h.cut
}
