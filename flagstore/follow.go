package flagstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
)

var _ Feed = (*Store)(nil)

// Load reads everything: one HGETALL, and the clock.
func (s *Store) Load(ctx context.Context) (Snapshot, error) {
	state, now, err := s.readAll(ctx, "load", "state")
	if err != nil {
		return Snapshot{}, err
	}
	revision, _ := strconv.ParseInt(state["revision"], 10, 64)
	snap := Snapshot{Epoch: state["epoch"], Revision: revision, Now: now}
	for _, field := range slices.Sorted(maps.Keys(state)) {
		kind, name, ok := strings.Cut(field, ":")
		version, text := split(state[field])
		if !ok || version == 0 {
			continue
		}
		document := Document{Name: name, Version: version, JSON: []byte(text)}
		switch kind {
		case "f":
			snap.Flags = append(snap.Flags, document)
		case "s":
			snap.Segments = append(snap.Segments, document)
		case "k":
			if k, err := readKill(name, version, text); err == nil {
				snap.Kills = append(snap.Kills, k)
			}
		}
	}
	return snap, nil
}

// Revision reads epoch and revision from the primary as it resolves now.
func (s *Store) Revision(ctx context.Context) (epoch string, revision int64, err error) {
	m, err := s.Meta(ctx)
	return m.Epoch, m.Revision, err
}

// Leases reads every lease, and the clock by which they end.
func (s *Store) Leases(ctx context.Context) ([]rampart.LeaseTerm, time.Time, error) {
	fields, now, err := s.readAll(ctx, "read leases", "leases")
	if err != nil {
		return nil, time.Time{}, err
	}
	terms := make([]rampart.LeaseTerm, 0, len(fields))
	for _, flag := range slices.Sorted(maps.Keys(fields)) {
		if term := readLease(flag, fields[flag]); term != nil {
			terms = append(terms, *term)
		}
	}
	return terms, now, nil
}

func (s *Store) readAll(ctx context.Context, do, hash string) (map[string]string, time.Time, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var fields *redis.MapStringStringCmd
	var now *redis.TimeCmd
	err := s.onPrimary(ctx, func(primary *redis.Client) error {
		_, err := primary.Pipelined(ctx, func(p redis.Pipeliner) error {
			fields, now = p.HGetAll(ctx, s.key(hash)), p.Time(ctx)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, time.Time{}, s.fault(do, err)
	}
	return fields.Val(), now.Val(), nil
}

// Follow subscribes to the change feed on a connection of its own.
func (s *Store) Follow(ctx context.Context) (Subscription, error) {
	call, cancel := s.bounded(ctx)
	defer cancel()
	// Receive, not Channel: a channel drops what its reader is too slow for, silently.
	pubsub := s.rdb.Subscribe(call, s.key("changes"))
	if _, err := pubsub.ReceiveTimeout(call, s.timeout); err != nil {
		_ = pubsub.Close()
		return nil, s.fault("follow changes", err)
	}
	return &subscription{s, pubsub, ctx.Done(), context.AfterFunc(ctx, func() { _ = pubsub.Close() })}, nil
}

type subscription struct {
	store  *Store
	pubsub *redis.PubSub
	over   <-chan struct{} // closed when the subscription ends by its own context
	ignore func() bool     // keeps that context from ending it
}

// Next implements [Subscription]. The driver would reconnect by itself and say
// nothing of what was missed meanwhile; so whatever breaks ends the subscription.
func (s *subscription) Next(ctx context.Context) (Change, error) {
	if ctx.Done() != s.over { // a blocked read does not see its context
		stop := context.AfterFunc(ctx, func() { _ = s.pubsub.Close() })
		defer stop()
	}
	message, err := s.pubsub.Receive(ctx)
	if ctx.Err() != nil {
		return Change{}, ctx.Err()
	}
	if err != nil {
		_ = s.pubsub.Close()
		return Change{}, s.store.fault("follow changes", err)
	}
	m, ok := message.(*redis.Message)
	if !ok {
		_ = s.pubsub.Close()
		return Change{}, errors.New("follow changes: the subscription was renewed")
	}
	return parse(m.Payload), nil
}

func (s *subscription) Close() error {
	s.ignore()
	return s.pubsub.Close()
}

// parse reads a message: "1 previous revision mark kind name version", a line
// break and the text. What a newer writer says that cannot be understood comes out
// as the zero Change, which is a gap to every reader, and so makes it load again.
func parse(payload string) Change {
	header, text, _ := strings.Cut(payload, "\n")
	h := answer(strings.Split(header, " "))
	if h.text(0) != "1" || len(h) < 7 {
		return Change{}
	}
	c := Change{Previous: h.number(1), Revision: h.number(2), Confirm: h.text(3) == "!"}
	name, version := h.text(5), h.number(6)
	switch h.text(4) {
	case "f":
		c.Flag = &Document{Name: name, Version: version, JSON: []byte(text)}
	case "s":
		c.Segment = &Document{Name: name, Version: version, JSON: []byte(text)}
	case "k":
		k, err := readKill(name, version, text)
		if err != nil {
			return Change{}
		}
		c.Kill = &k
	default:
		return Change{}
	}
	return c
}
