package gates

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A memo asks a question once, however many want the answer, and keeps the answer
// for those who come later. The zero value is ready for use.
//
// The question is asked on behalf of all: it goes on when the first who asked gives
// up, and each who waits gives up at a time of their own.
type memo[K comparable, V any] struct {
	mu    sync.Mutex
	calls map[K]*call[K, V]
	order []*call[K, V] // oldest first
}

type call[K comparable, V any] struct {
	key   K
	done  chan struct{} // closed when value and err are there
	value V
	err   error
	at    time.Time // of asking
}

const (
	// rememberAnswers is longer than launches of the same tick lie apart, even
	// where the next tick is already due.
	rememberAnswers = 30 * time.Second
	// rememberFailures keeps hundreds of launches from asking, one after the
	// other, a provider that does not answer, and is soon over when it does.
	rememberFailures = 500 * time.Millisecond
	// rememberMost bounds what is kept.
	rememberMost = 20_000
)

// get returns the answer for a key: the one that is kept, the one that somebody is
// waiting for, or else what ask returns.
func (m *memo[K, V]) get(ctx context.Context, key K, ask func(context.Context) (V, error)) (V, error) {
	c := m.join(key, func(c *call[K, V]) {
		c.value, c.err = ask(context.WithoutCancel(ctx))
		close(c.done)
	})
	select {
	case <-c.done:
		return c.value, c.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

// join returns the call for a key, and starts it where there is none.
func (m *memo[K, V]) join(key K, start func(*call[K, V])) *call[K, V] {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if c := m.calls[key]; c != nil && !c.stale(now) {
		return c
	}
	m.forget(now)
	c := &call[K, V]{key: key, done: make(chan struct{}), at: now}
	if m.calls == nil {
		m.calls = map[K]*call[K, V]{}
	}
	m.calls[key] = c
	m.order = append(m.order, c)
	go start(c)
	return c
}

// stale reports whether an answer is too old to be handed out.
func (c *call[K, V]) stale(now time.Time) bool {
	select {
	case <-c.done:
		var none *NoData // an answer, too
		failed := c.err != nil && !errors.As(c.err, &none)
		return now.Sub(c.at) > rememberAnswers || failed && now.Sub(c.at) > rememberFailures
	default:
		return false
	}
}

// forget drops the oldest answers.
func (m *memo[K, V]) forget(now time.Time) {
	n := 0
	for n < len(m.order) && (now.Sub(m.order[n].at) > rememberAnswers || len(m.order)-n > rememberMost) {
		if c := m.order[n]; m.calls[c.key] == c {
			delete(m.calls, c.key)
		}
		n++
	}
	m.order = m.order[n:]
}
