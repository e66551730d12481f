package ofrep

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/console/access"
)

// Limits are how many streams may be open at once.
type Limits struct {
	Total, PerToken, PerAddress int // 0: the default
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *int
		value int
	}{{&l.Total, DefaultStreams}, {&l.PerToken, DefaultStreamsPerToken}, {&l.PerAddress, DefaultStreamsPerAddress}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return l
}

// The default limits. A stream costs some 30 kB, and the token of a busy page is
// everybody's who looks at it.
const (
	DefaultStreams           = 10_000
	DefaultStreamsPerToken   = 8_000
	DefaultStreamsPerAddress = 200
)

// A hub knows the open streams, and wakes those that a change concerns. It never
// waits for any of them.
type hub struct {
	process string        // makes ids of events unlike those of other consoles
	stopped chan struct{} // closed when no more events will come

	mu       sync.Mutex
	open     map[*listener]bool
	tokens   map[string]int
	networks map[netip.Prefix]int
	number   int64 // of changes
	revision int64 // at the last of them
}

// A listener is an open stream.
type listener struct {
	grant   *access.Grant
	network netip.Prefix
	wake    chan struct{} // holds one; there is nothing to miss, because events say only that something has changed
}

func newHub() *hub {
	return &hub{
		process: rand.Text()[:8], stopped: make(chan struct{}),
		open: map[*listener]bool{}, tokens: map[string]int{}, networks: map[netip.Prefix]int{},
	}
}

// Keep tells open streams what changes, until the context ends; then it ends them.
func (h *Handler) Keep(ctx context.Context) {
	defer close(h.hub.stopped)
	for change := range h.Flags.Changes(ctx) {
		h.hub.tell(change, h.Flags.Revision())
	}
}

// join opens a stream, if there are not too many.
func (h *hub) join(grant *access.Grant, network netip.Prefix, most Limits) (*listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.open) >= most.Total || h.tokens[grant.Name] >= most.PerToken || h.networks[network] >= most.PerAddress {
		return nil, tooMany{ofStreams, streamRetry}
	}
	l := &listener{grant: grant, network: network, wake: make(chan struct{}, 1)}
	h.open[l] = true
	h.tokens[grant.Name]++
	h.networks[network]++
	return l, nil
}

// streamRetry is when to try again where there are too many streams.
const streamRetry = 30 * time.Second

func (h *hub) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.open, l)
	if h.tokens[l.grant.Name]--; h.tokens[l.grant.Name] == 0 {
		delete(h.tokens, l.grant.Name)
	}
	if h.networks[l.network]--; h.networks[l.network] == 0 {
		delete(h.networks, l.network)
	}
}

// tell wakes the streams whose token sees one of the flags. So many of one token that
// they would run into its limit are woken one after the other.
func (h *hub) tell(c client.Change, revision int64) {
	if len(c.Flags) == 0 {
		return // only the state has changed, and no answer
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.number++
	h.revision = revision
	sees, order := map[*access.Grant]bool{}, map[*access.Grant]int{}
	for l := range h.open {
		concerned, known := sees[l.grant]
		if !known {
			concerned = seesAny(l.grant, c.Flags)
			sees[l.grant] = concerned
		}
		if !concerned {
			continue
		}
		if wait := l.grant.Pace(order[l.grant]); wait > 0 {
			time.AfterFunc(wait, l.signal)
		} else {
			l.signal()
		}
		order[l.grant]++
	}
}

func seesAny(grant *access.Grant, flags []string) bool {
	for _, f := range flags {
		if grant.May(f) {
			return true
		}
	}
	return false
}

func (l *listener) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// last returns the id of the last event and the revision that it told of.
func (h *hub) last() (id string, revision int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Sprintf("%s-%d", h.process, h.number), h.revision
}

func (h *hub) size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.open)
}
