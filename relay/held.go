package relay

import (
	"encoding/json"
	"strconv"
	"sync"

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
	encoded   []byte // the state as it is answered; nil: to be made
	listeners map[*listener]bool
	cut       uint64 // listeners that were too slow
}

type register struct {
	version int64
	text    string
}

func newHeld() *held {
	return &held{registers: map[string]register{}, listeners: map[*listener]bool{}}
}

// backlog is how many messages may wait for one reader: more than a second of a busy
// store, and little memory.
const backlog = 256

// A listener is one reader's stream. It is closed where the reader is too slow.
type listener struct{ messages chan flagstore.Message }

func (h *held) listen() *listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := &listener{messages: make(chan flagstore.Message, backlog)}
	h.listeners[l] = true
	return l
}

func (h *held) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l)
}

// tell hands a message to everybody. The caller holds h.mu.
func (h *held) tell(m flagstore.Message) {
	for l := range h.listeners {
		select {
		case l.messages <- m:
		default:
			h.cut++
			delete(h.listeners, l)
			close(l.messages)
		}
	}
}

// take joins a message and hands it on, whether or not it is understood here.
func (h *held) take(m flagstore.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r, ok := m.Register(); ok {
		h.join(r)
		if r.Previous == h.revision {
			h.revision = r.Revision
		}
		h.encoded = nil
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
		news = h.join(r) || news
	}
	// A message that came while the state was read may be ahead of it.
	if s.Revision > h.revision || h.revision == before {
		news = news || s.Revision != h.revision
		h.revision = s.Revision
	}
	h.epoch, h.encoded = s.Epoch, nil
	if h.known && news {
		h.tell(relayed.Again)
	}
	h.known = true
}

// join reports whether a register is news. The caller holds h.mu.
func (h *held) join(r flagstore.Register) bool {
	if r.Version <= h.registers[r.Field].version {
		return false
	}
	h.registers[r.Field] = register{r.Version, r.Text}
	return true
}

// state returns what is answered, encoded once for all who ask; nil: nothing is known.
func (h *held) state() ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.known {
		return nil, nil
	}
	if h.encoded == nil {
		s := relayed.State{Epoch: h.epoch, Revision: h.revision, Registers: make(map[string]string, len(h.registers))}
		for field, r := range h.registers {
			s.Registers[field] = strconv.FormatInt(r.version, 10) + " " + r.text
		}
		var err error
		if h.encoded, err = json.Marshal(s); err != nil {
			return nil, err
		}
	}
	return h.encoded, nil
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
