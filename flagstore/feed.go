package flagstore

import (
	"context"
	"time"

	"github.com/rampart-dev/rampart"
)

// A Snapshot is everything a reader needs, as one consistent read.
type Snapshot struct {
	Epoch    string // random; new after the store has lost everything
	Revision int64  // microseconds; strictly growing; only detects gaps
	Now      time.Time
	Flags    []Document
	Kills    []rampart.Kill
	Segments []Document

	// Age is for how long nobody has known whether this still is the store's state. It
	// is zero of the store itself; a relay that is cut off does not hide that it is.
	Age time.Duration
}

// A Document is the versioned JSON of a flag or a segment, not yet decoded, so that
// one that cannot be decoded spoils nothing else.
type Document struct {
	Name    string
	Version int64
	JSON    []byte
}

// A Change is one message of the change feed. A flag's document that has a lease
// has the whole of it before it when it is published. The zero Change is a message
// that this reader does not understand.
type Change struct {
	Previous int64 // revision before this change; another one than the reader's means that it missed something
	Revision int64
	Flag     *Document     // at most one of these three is set
	Segment  *Document     //
	Kill     *rampart.Kill //
	Confirm  bool          // somebody waits for the readers: confirm at once
}

// A Feed is what a replica follows. *Store is the one of production.
type Feed interface {
	// Load reads everything.
	Load(ctx context.Context) (Snapshot, error)
	// Revision reads the revision, from the primary as it resolves now.
	Revision(ctx context.Context) (epoch string, revision int64, err error)
	// Leases reads every lease and the store's clock at that read.
	Leases(ctx context.Context) (terms []rampart.LeaseTerm, now time.Time, err error)
	// Follow subscribes, for as long as the context lasts; it returns once the
	// subscription is acknowledged.
	Follow(ctx context.Context) (Subscription, error)
	// Confirm tells how far a reader has come, and returns how many readers are there.
	Confirm(ctx context.Context, r Reader) (readers int, err error)
	// Leave tells that a reader is gone, so that nobody waits for it.
	Leave(ctx context.Context, id string) error
}

// A Subscription yields changes in the order in which they were published.
type Subscription interface {
	// Next waits for a change. Its error ends the subscription.
	Next(ctx context.Context) (Change, error)
	Close() error
}

// A Reader is a process that serves flags from a replica, and how far it has come.
type Reader struct {
	ID       string    `json:"id"`
	Service  string    `json:"service"`
	Via      string    `json:"via,omitempty"` // the relay that it follows, if any
	Revision int64     `json:"revision"`
	At       time.Time `json:"at"` // by the store's clock; set by the store
}
