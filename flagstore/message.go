package flagstore

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Message is a change as it is published: "1 previous revision mark kind name
// version", a line break and the text. Whoever hands messages on need not understand
// them, so that a newer writer is heard by newer readers through an older relay.
type Message string

// A Register is what one message is about: a field of the store and its value.
type Register struct {
	Previous, Revision int64
	Confirm            bool   // readers are asked to confirm at once
	Field              string // "f:checkout-v2"
	Version            int64
	Text               string
}

// Register takes a message apart; false of one in a form that is not known.
func (m Message) Register() (r Register, ok bool) {
	header, text, _ := strings.Cut(string(m), "\n")
	h := answer(strings.Split(header, " "))
	if h.text(0) != "1" || len(h) < 7 {
		return Register{}, false
	}
	return Register{
		Previous: h.number(1), Revision: h.number(2), Confirm: h.text(3) == "!",
		Field: h.text(4) + ":" + h.text(5), Version: h.number(6), Text: text,
	}, true
}

// Message returns the message that tells of the register.
func (r Register) Message() Message {
	kind, name, _ := strings.Cut(r.Field, ":")
	mark := " . "
	if r.Confirm {
		mark = " ! "
	}
	b := make([]byte, 0, len(r.Text)+len(r.Field)+64)
	b = append(b, "1 "...)
	b = append(strconv.AppendInt(b, r.Previous, 10), ' ')
	b = append(strconv.AppendInt(b, r.Revision, 10), mark...)
	b = append(append(append(b, kind...), ' '), name...)
	b = append(strconv.AppendInt(append(b, ' '), r.Version, 10), '\n')
	return Message(append(b, r.Text...))
}

// Change reads a message. What a newer writer says that cannot be understood comes out
// as the zero Change, which is a gap to every reader, and so makes it load again.
func (m Message) Change() Change {
	r, ok := m.Register()
	if !ok {
		return Change{}
	}
	c := Change{Previous: r.Previous, Revision: r.Revision, Confirm: r.Confirm}
	kind, name, _ := strings.Cut(r.Field, ":")
	switch kind {
	case "f":
		c.Flag = &Document{Name: name, Version: r.Version, JSON: []byte(r.Text)}
	case "s":
		c.Segment = &Document{Name: name, Version: r.Version, JSON: []byte(r.Text)}
	case "k":
		k, err := readKill(name, r.Version, r.Text)
		if err != nil {
			return Change{}
		}
		c.Kill = &k
	default:
		return Change{}
	}
	return c
}

// A State is everything that readers need, as one consistent read and as it is stored.
type State struct {
	Epoch    string
	Revision int64
	Now      time.Time
	Fields   map[string]string // "f:checkout-v2" to "version json"
}

// LoadState is Load for whoever hands the state on as it is.
func (s *Store) LoadState(ctx context.Context) (State, error) {
	fields, now, err := s.readAll(ctx, "load", "state")
	if err != nil {
		return State{}, err
	}
	state := State{Epoch: fields["epoch"], Now: now, Fields: fields}
	state.Revision, _ = strconv.ParseInt(fields["revision"], 10, 64)
	return state, nil
}

// Registers yields what can be read of the state, sorted by field.
func (s State) Registers(yield func(Register) bool) {
	for _, field := range slices.Sorted(maps.Keys(s.Fields)) {
		version, text := split(s.Fields[field])
		if !strings.Contains(field, ":") || version == 0 {
			continue
		}
		if !yield(Register{Revision: s.Revision, Field: field, Version: version, Text: text}) {
			return
		}
	}
}

// Snapshot reads the state.
func (s State) Snapshot() Snapshot {
	snap := Snapshot{Epoch: s.Epoch, Revision: s.Revision, Now: s.Now}
	for r := range s.Registers {
		snap.Add(r)
	}
	return snap
}

// Add takes up one register. One that cannot be read is left out: it spoils no other.
func (s *Snapshot) Add(r Register) {
	kind, name, _ := strings.Cut(r.Field, ":")
	switch kind {
	case "f":
		s.Flags = append(s.Flags, Document{Name: name, Version: r.Version, JSON: []byte(r.Text)})
	case "s":
		s.Segments = append(s.Segments, Document{Name: name, Version: r.Version, JSON: []byte(r.Text)})
	case "k":
		if k, err := readKill(name, r.Version, r.Text); err == nil {
			s.Kills = append(s.Kills, k)
		}
	}
}
