package readers_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/readers"
)

// TestNoReaderGoesBack breaks what lies between readers and the store, and Redis itself,
// while flags are changed, and holds every answer of every reader against the law. The
// usual policies see the same.
func TestNoReaderGoesBack(t *testing.T) {
	w := newWorld(t)
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	for _, o := range w.owners {
		o.alone(func() { o.set(ctx, 0) })
		all.Go(func() { o.keep(ctx) })
	}
	w.calm = newReference(w)
	w.startReaders(ctx, &all)
	defer w.stopReaders()
	for _, run := range []func(context.Context){w.calm.watch, w.restoreAll, w.observe} {
		all.Go(func() { run(ctx) })
	}
	w.settle(w.readers)
	w.reachable()
	for _, o := range w.owners {
		all.Go(func() { o.live(ctx) })
	}
	for i := range *rounds {
		w.round(i < *empties)
		t.Logf("round %d of %d after %s: %+v; %d writes, %d lost", i+1, *rounds, time.Since(w.began).Round(time.Second), w.tolls, w.writes.Load(), w.lost.Load())
	}
	w.resting.Lock() // for good
	defer w.resting.Unlock()
	w.endLeases()
	r := w.results()
	if *reportTo != "" {
		require.NoError(t, os.MkdirAll(filepath.Dir(*reportTo), 0o750))
		require.NoError(t, os.WriteFile(*reportTo, []byte(r.report()), 0o600))
	}
	if *storyFile != "" {
		w.story.write(t, *storyFile)
	}
	r.judge(t)
}

// startReaders starts readers and the copies of the usual policies.
func (w *world) startReaders(ctx context.Context, all *sync.WaitGroup) {
	for i := range *many {
		w.readers = append(w.readers, newReader(w, i))
	}
	for _, r := range w.readers {
		r.start()
	}
	for _, k := range w.kinds {
		for i := range *copies {
			c := &copied{flags: map[string]readers.Sight{}}
			k.copies = append(k.copies, c)
			all.Go(func() { k.follow(ctx, w, i, c) })
		}
	}
}

func (w *world) stopReaders() {
	for _, r := range w.readers {
		r.stop()
	}
}

// observe looks at everything in this process, again and again.
func (w *world) observe(ctx context.Context) {
	last := map[*copied][]readers.Sight{}
	for n := 0; pause(ctx, glance); n++ {
		for _, r := range w.readers {
			if r.own == nil {
				r.observe(n%word == 0)
			}
		}
		for _, k := range w.kinds {
			for i, c := range k.copies {
				if last[c] == nil {
					last[c] = make([]readers.Sight, len(w.owners))
				}
				for j, o := range w.owners {
					s := c.sight(o.doc.Name)
					if !s.Same(last[c][j]) {
						last[c][j] = s
						s.At = time.Now()
						k.witness.Saw(userName(k.name, i), s)
					}
				}
			}
		}
	}
}

// differs names one of some readers whose answer differs from what is meant; empty: none
// does.
func (w *world) differs(who []*reader, differ func(got, want readers.Sight) bool) string {
	for _, o := range w.owners {
		want := o.wants()
		for _, r := range who {
			if got, _ := w.witness.Last(r.name, want.Flag); differ(got, want) {
				return fmt.Sprintf("%s serves %+v, %+v is meant", r.name, got, want)
			}
		}
	}
	return ""
}

// wrong reports whether anything of an answer is not as it is meant.
func wrong(got, want readers.Sight) bool {
	return got.Version != want.Version || got.Served != want.Served || got.Killed != want.Killed
}

// endLeases lets every lease end while no reader can reach the store: it needs nobody to
// serve off then.
func (w *world) endLeases() {
	w.t.Helper()
	for _, o := range w.owners {
		o.order(func(o *owner, ctx context.Context) {
			if o.leased && !o.kill.Killed {
				o.set(ctx, rampart.Full)
			}
		})
	}
	w.still.Store(true) // what readers cannot hear of must not be written
	for _, o := range w.owners {
		o.order(func(o *owner, ctx context.Context) {
			o.look(ctx)
			if o.doc.Lease > 0 {
				o.letGo()
			}
		})
	}
	w.awaits("all readers have what is stored", func() (bool, string) {
		differ := w.differs(w.readers, func(got, want readers.Sight) bool { return got.Version != want.Version || got.Killed != want.Killed })
		return differ == "", differ
	})
	w.takeAway(w.readers)
	w.agree(w.readers)
	w.bringBack(w.readers)
}

// A reference is a client like any other, whose connections nobody touches: what it
// cannot reach, no reader can.
type reference struct {
	w *world

	mu     sync.Mutex
	steady time.Time // since when the store answers, and is whole; zero: it does not
}

func newReference(w *world) *reference { return &reference{w: w} }

// gap is how long there may be between two answers of a store that is there.
const gap = 750 * time.Millisecond

func (r *reference) watch(ctx context.Context) {
	store := r.w.open("reference", 0)
	last := time.Now()
	for pause(ctx, 100*time.Millisecond) {
		epoch, _, err := store.Revision(ctx)
		now := time.Now()
		r.mu.Lock()
		switch {
		case err != nil || epoch == "" || now.Sub(last) > gap:
			r.steady = time.Time{}
		case r.steady.IsZero():
			r.steady = now
		}
		r.mu.Unlock()
		last = now
	}
}

func (r *reference) steadySince() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.steady
}
