package flagstore

import (
	"context"
	"crypto/rand"

	"github.com/rampart-dev/rampart"
)

// Meta is what a store says of itself. Epoch is empty where it is not set up, or
// has lost everything.
type Meta struct {
	Epoch       string `json:"epoch"`
	Environment string `json:"environment"`
	Namespace   string `json:"namespace"` // id, not name
	Revision    int64  `json:"revision"`
}

// Setup writes which environment and which Temporal namespace the store is for,
// and an epoch. Doing it again changes nothing; a store that is for another pair
// is left alone ([ErrForeign]).
func (s *Store) Setup(ctx context.Context, namespaceID string) error {
	if namespaceID == "" {
		return rampart.Errorf(rampart.Invalid, "set up %s: the id of the Temporal namespace is missing", s.env)
	}
	s.guarded.Store(&namespaceID)
	_, err := s.run(ctx, "set up "+s.env, setupScript, "", event{}, s.env, rand.Text())
	return err
}

// RestoreMeta gives a store that had lost everything its guard and a new epoch. It
// comes after everything else was restored: until then readers take nothing from
// the store to be complete, and whoever dies half-way starts over.
func (s *Store) RestoreMeta(ctx context.Context, namespaceID string) error {
	return s.Setup(ctx, namespaceID)
}

// Guard returns [ErrNotSetUp] or [ErrForeign] unless the store is for this
// environment and namespace. From then on every write makes sure of the namespace.
func (s *Store) Guard(ctx context.Context, namespaceID string) error {
	m, err := s.Meta(ctx)
	if err != nil {
		return err
	}
	s.guarded.Store(&namespaceID)
	if m.Epoch == "" {
		return s.errNotSetUp()
	}
	if m.Namespace != namespaceID || m.Environment != s.env {
		return s.errForeign(m.Environment, m.Namespace)
	}
	return nil
}

// Meta reads what the store says of itself.
func (s *Store) Meta(ctx context.Context) (Meta, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	v, err := s.rdb.HMGet(ctx, s.key("state"), "epoch", "environment", "namespace", "revision").Result()
	if err != nil {
		return Meta{}, s.fault("read the epoch", err)
	}
	a := texts(v)
	return Meta{Epoch: a.text(0), Environment: a.text(1), Namespace: a.text(2), Revision: a.number(3)}, nil
}

// texts turns the values of HMGET into an answer; what is missing is empty.
func texts(values []any) answer {
	a := make(answer, len(values))
	for i, v := range values {
		a[i], _ = v.(string)
	}
	return a
}
