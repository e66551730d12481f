package flagstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
)

var _ Feed = (*Store)(nil)

// Load reads everything: one HGETALL, and the clock.
func (s *Store) Load(ctx context.Context) (Snapshot, error) {
	state, err := s.LoadState(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	return state.Snapshot(), nil
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
	messages, err := s.FollowMessages(ctx)
	if err != nil {
		return nil, err
	}
	return subscription{messages}, nil
}

type subscription struct{ *Messages }

// Next implements [Subscription].
func (s subscription) Next(ctx context.Context) (Change, error) {
	m, err := s.Messages.Next(ctx)
	if err != nil {
		return Change{}, err
	}
	return m.Change(), nil
}

// FollowMessages is Follow for whoever hands messages on as they are.
func (s *Store) FollowMessages(ctx context.Context) (*Messages, error) {
	call, cancel := s.bounded(ctx)
	defer cancel()
	// Receive, not Channel: a channel drops what its reader is too slow for, silently.
	pubsub := s.rdb.Subscribe(call, s.key("changes"))
	if _, err := pubsub.ReceiveTimeout(call, s.timeout); err != nil {
		_ = pubsub.Close()
		return nil, s.fault("follow changes", err)
	}
	return &Messages{s, pubsub, ctx.Done(), context.AfterFunc(ctx, func() { _ = pubsub.Close() })}, nil
}

// Messages are what is published, in that order.
type Messages struct {
	store  *Store
	pubsub *redis.PubSub
	over   <-chan struct{} // closed when the subscription ends by its own context
	ignore func() bool     // keeps that context from ending it
}

// Next waits for a message. The driver would reconnect by itself and say nothing of
// what was missed meanwhile; so whatever breaks ends the subscription.
func (m *Messages) Next(ctx context.Context) (Message, error) {
	if ctx.Done() != m.over { // a blocked read does not see its context
		stop := context.AfterFunc(ctx, func() { _ = m.pubsub.Close() })
		defer stop()
	}
	got, err := m.pubsub.Receive(ctx)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		_ = m.pubsub.Close()
		return "", m.store.fault("follow changes", err)
	}
	message, ok := got.(*redis.Message)
	if !ok {
		_ = m.pubsub.Close()
		return "", errors.New("follow changes: the subscription was renewed")
	}
	return Message(message.Payload), nil
}

// Close ends the subscription.
func (m *Messages) Close() error {
	m.ignore()
	return m.pubsub.Close()
}
