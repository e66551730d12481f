package acceptance_test

import (
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// glance is how often a reader looks at its flags.
const glance = 2 * time.Millisecond

// A reader is a replica as services have it. From its first moment to the end of the
// test it must never see an exposure above what is allowed, nor a flag that goes
// backwards.
type reader struct {
	*client.Client
	s *stack

	mu    sync.Mutex
	trail map[string][]sight
}

// A sight is how a flag stood.
type sight struct {
	Version  int64
	Exposure rampart.Percent
	Killed   bool
	Lowest   bool // the user who is on first is on
}

// read opens a reader that looks at some flags.
func (s *stack) read(flags ...string) *reader {
	s.t.Helper()
	return s.readAt(s.store.reader, flags...)
}

// readAt does so by another address of the store than that of all.
func (s *stack) readAt(address string, flags ...string) *reader {
	s.t.Helper()
	c, err := client.Open(s.t.Context(), client.Options{
		Redis: address, Store: s.store.services, Environment: s.env, Service: "reader", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(s.t, err)
	r := &reader{Client: c, s: s, trail: map[string][]sight{}}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		again := time.NewTicker(glance)
		defer again.Stop()
		for {
			for _, flag := range flags {
				r.look(flag)
			}
			select {
			case <-stop:
				return
			case <-again.C:
			}
		}
	}()
	s.t.Cleanup(func() {
		close(stop)
		<-done
		_ = c.Close()
	})
	return r
}

func (r *reader) look(flag string) {
	before := r.s.allowed(flag)
	saw, known := r.sees(flag)
	if !known {
		return
	}
	if after := r.s.allowed(flag); saw.Exposure > max(before, after) {
		r.s.t.Errorf("a reader sees %s at %s, and no more than %s is allowed", flag, saw.Exposure, max(before, after))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	trail := r.trail[flag]
	if len(trail) > 0 {
		last := trail[len(trail)-1]
		if last == saw {
			return
		}
		if saw.Version < last.Version {
			r.s.t.Errorf("%s went backwards for a reader: from %+v to %+v", flag, last, saw)
		}
	}
	r.trail[flag] = append(trail, saw)
}

// sees returns how a flag stands now.
func (r *reader) sees(flag string) (sight, bool) {
	f := r.Flag(flag)
	doc, known := f.Document()
	if !known {
		return sight{}, false
	}
	d := f.Decide(&rampart.Subject{Key: firstUser(doc.Salt)})
	return sight{Version: doc.Version, Exposure: doc.Exposure, Killed: d.Reason == rampart.ReasonKilled, Lowest: d.On}, true
}

// saw returns how a flag has stood so far, without repetition.
func (r *reader) saw(flag string) []sight {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]sight(nil), r.trail[flag]...)
}

// awaits waits until the reader sees a flag so.
func (r *reader) awaits(what, flag string, is func(sight) bool) {
	r.s.t.Helper()
	eventually(r.s.t, "a reader sees "+flag+" "+what, func() (bool, any) {
		saw, known := r.sees(flag)
		return known && is(saw), saw
	})
}

var firstUsers sync.Map

// firstUser returns a user who is on at the least exposure there is.
func firstUser(salt string) string {
	if user, ok := firstUsers.Load(salt); ok {
		return user.(string)
	}
	for i := 0; ; i++ {
		if user := "user-" + strconv.Itoa(i); rampart.BucketOf(salt, user) < 1 {
			firstUsers.Store(salt, user)
			return user
		}
	}
}
