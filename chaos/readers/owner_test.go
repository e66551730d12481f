package readers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/readers"
	"github.com/rampart-dev/rampart/flagstore"
)

const (
	// every is how often an owner does something on the average: twenty of them write
	// some twenty times a second.
	every = 700 * time.Millisecond
	// lookEvery is how often an owner compares what is stored with what is meant, and
	// sweepEvery how often somebody looks whether the store is empty. The product takes
	// its time as well, and in between readers see a store that has forgotten.
	lookEvery  = 1500 * time.Millisecond
	sweepEvery = time.Second
	// again is how soon an owner asks again where the store does not answer.
	again = 50 * time.Millisecond
	// term is the lease of flags that have one; it is renewed at every look.
	term = 5 * time.Second
)

// levels are the exposures that flags are set to.
var levels = []rampart.Percent{0, 1000, 5000, rampart.Full}

// An owner answers for one flag, as its workflow does: it keeps what is meant outside
// the store, allocates versions that only grow, and does what the store's answers ask for.
type owner struct {
	w      *world
	meant  *readers.Meant
	id     string
	leased bool
	chance *rand.Rand

	mu       sync.Mutex
	doc      rampart.Flag // as it is meant
	fence    int64        // the last version that was allocated
	acked    int64        // 0: none, or the store was found to have lost it
	kill     rampart.Kill // as it is meant
	let      time.Time    // since when its lease is not renewed any more
	killings int
}

func newOwner(w *world, i int) *owner {
	name := fmt.Sprintf("flag-%d", i)
	return &owner{
		w: w, meant: readers.NewMeant(name), id: rampart.FlagID(environment, name), doc: document(name),
		leased: i%4 == 0, chance: rand.New(rand.NewPCG(*seed, uint64(i)+100)), // #nosec G404 -- chance, not a secret
	}
}

// live changes the flag now and then.
func (o *owner) live(ctx context.Context) {
	for pause(ctx, every/2+rand.N(every)) { // #nosec G404 -- it spreads them
		o.w.resting.RLock()
		o.alone(func() { o.change(ctx) })
		o.w.resting.RUnlock()
	}
}

// keep looks after the flag, also while owners rest.
func (o *owner) keep(ctx context.Context) {
	for pause(ctx, lookEvery/2+rand.N(lookEvery)) { // #nosec G404 -- it spreads them
		o.alone(func() {
			if !o.w.still.Load() {
				o.look(ctx)
			}
		})
	}
}

// alone does one thing after the other.
func (o *owner) alone(do func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	do()
}

// change does one thing that a launch, or a person, may do.
func (o *owner) change(ctx context.Context) {
	dice := o.chance.IntN(100)
	switch {
	case o.kill.Killed && dice < 50:
		o.lift(ctx)
	case o.kill.Killed: // a killed flag stays at its baseline
	case !o.let.IsZero() && time.Since(o.let) > term+time.Second:
		o.set(ctx, 0) // its lease has ended
	case !o.let.IsZero():
	case dice < 12:
		o.killNow(ctx)
	case dice < 18 && o.doc.Lease > 0:
		o.letGo()
	case dice < 22 && o.acked > 0:
		o.editByHand(ctx)
	default:
		o.set(ctx, levels[o.chance.IntN(len(levels))])
	}
}

// set writes a new exposure.
func (o *owner) set(ctx context.Context, exposure rampart.Percent) {
	o.doc.Exposure, o.doc.Lease, o.let = exposure, 0, time.Time{}
	if o.leased && exposure > 0 {
		o.doc.Lease = rampart.Duration(term)
	}
	o.next(0)
	o.write(ctx)
}

// next allocates a version, above one that is stored as well.
func (o *owner) next(stored int64) {
	o.fence = max(o.fence+1, stored+1, time.Now().UnixMilli())
}

// write has the store take what is meant, under the version that is allocated or, as
// its answers demand, a later one.
func (o *owner) write(ctx context.Context) {
	for ctx.Err() == nil {
		o.meant.Write(o.fence, o.doc.Exposure, o.doc.Lease > 0)
		ack, err := o.put(ctx)
		o.meant.Leased(o.fence, time.Now().Add(o.doc.Lease.D()))
		switch {
		case err == nil:
			o.acknowledged(ctx, ack)
			return
		case errors.Is(err, flagstore.ErrLost):
			o.forgotten("version %d of %s", o.acked, o.doc.Name)
			o.meant.Lost(ack.Version, o.w.left())
			o.acked = 0
			o.next(ack.Version)
		case errors.Is(err, flagstore.ErrStale), errors.Is(err, flagstore.ErrDrift):
			o.next(ack.Version)
		case errors.Is(err, flagstore.ErrKilled): // by a register that was lifted since, and came back
			_ = o.w.store.RestoreKill(ctx, o.kill)
			pause(ctx, again)
		default: // it does not answer; whether it has written is found out by asking again
			pause(ctx, again)
		}
	}
}

func (o *owner) put(ctx context.Context) (flagstore.Ack, error) {
	return o.w.store.Put(ctx, flagstore.Write{
		Flag: o.doc, Pen: rampart.Pen{Owner: o.id, Fence: o.fence}, Acknowledged: o.acked,
		Verb: "expose", By: o.id, Reason: "chaos", Lease: o.doc.Lease.D(),
	})
}

func (o *owner) acknowledged(ctx context.Context, ack flagstore.Ack) {
	if ack.Version == o.acked {
		return // it was there
	}
	o.acked = ack.Version
	o.meant.Acked(ack.Version, time.Now())
	o.w.writes.Add(1)
	o.w.story.tell("%s is %s in version %d", o.doc.Name, o.doc.Exposure, ack.Version)
	o.w.usual.put(ctx, o.usually())
}

func (o *owner) forgotten(format string, args ...any) {
	o.w.lost.Add(1)
	o.w.story.tell("the store has lost "+format, args...)
}

// killNow is what a person does, again until it is confirmed; then the flag goes to its
// baseline.
func (o *owner) killNow(ctx context.Context) {
	o.killings++
	by := fmt.Sprintf("oncall-%d", o.killings)
	o.meant.Turn(true)
	for ctx.Err() == nil {
		k, err := o.w.store.Kill(ctx, o.doc.Name, by, "chaos")
		if err == nil {
			o.turned(ctx, k.Kill)
			break
		}
		if errors.Is(err, flagstore.ErrNotFound) { // the store has forgotten the flag itself
			o.write(ctx)
		}
		pause(ctx, again)
	}
	o.set(ctx, 0)
}

// lift is what a second person does. The register is there before it is lifted, or
// readers that have seen it would never hear of the lifting.
func (o *owner) lift(ctx context.Context) {
	o.meant.Turn(false)
	for ctx.Err() == nil {
		err := o.w.store.RestoreKill(ctx, o.kill)
		var k rampart.Kill
		if err == nil {
			k, err = o.w.store.Lift(ctx, o.doc.Name, "second-person", "mended", o.kill.Version)
		}
		if errors.Is(err, flagstore.ErrMoved) { // an earlier attempt at the kill came late
			if k, found, late := o.w.store.Killed(ctx, o.doc.Name); late == nil && found {
				o.kill = k
			}
		}
		if err == nil && k.Version > o.kill.Version && !k.Killed {
			o.turned(ctx, k)
			return
		}
		pause(ctx, again)
	}
}

func (o *owner) turned(ctx context.Context, k rampart.Kill) {
	o.kill = k
	o.meant.Turned(k.Version)
	o.w.writes.Add(1)
	o.w.story.tell("%s has killed: %t in version %d", o.doc.Name, k.Killed, k.Version)
	o.w.usual.put(ctx, o.usually())
}

// letGo is a guard that dies.
func (o *owner) letGo() {
	o.let = time.Now()
	o.w.story.tell("nobody renews the lease of %s at version %d any more", o.doc.Name, o.fence)
}

// editByHand puts another document under the version that is stored, past the scripts.
func (o *owner) editByHand(ctx context.Context) {
	doc := o.doc
	doc.Version, doc.Exposure = o.acked, levels[o.chance.IntN(len(levels))]
	text, err := json.Marshal(doc)
	if err != nil {
		o.w.t.Errorf("edit %s: %v", doc.Name, err)
		return
	}
	o.meant.Write(o.acked, doc.Exposure, doc.Lease > 0)
	if o.w.usual.edit(ctx, doc, text) == nil {
		o.w.drifts.Add(1)
		o.w.story.tell("a hand sets %s to %s in version %d", doc.Name, doc.Exposure, doc.Version)
	}
}

// look compares what is stored with what is meant, and writes what is missing: to write
// the same again is recognised, and everything else is answered.
func (o *owner) look(ctx context.Context) {
	if o.fence == 0 {
		return
	}
	if o.kill.Version > 0 {
		if k, found, err := o.w.store.Killed(ctx, o.doc.Name); err == nil && (!found || k.Version < o.kill.Version) {
			o.forgotten("the register of %s in version %d", o.doc.Name, o.kill.Version)
		}
		if o.w.store.RestoreKill(ctx, o.kill) != nil {
			return
		}
	}
	switch {
	case !o.let.IsZero():
		if e, err := o.w.store.Get(ctx, o.doc.Name); rampart.KindOf(err) == rampart.NotFound || err == nil && e.Flag.Version < o.acked {
			o.set(ctx, 0) // an exposure that nobody guards is not written again
		}
	case o.doc.Lease > 0:
		o.renew(ctx)
	default:
		o.write(ctx)
	}
	o.w.usual.keep(ctx, o.usually())
}

// renew is a look of the guard. Of an exposure whose lease has ended it makes a new one.
func (o *owner) renew(ctx context.Context) {
	_, err := o.w.store.RenewLease(ctx, o.doc.Name, o.fence, term)
	o.meant.Leased(o.fence, time.Now().Add(term))
	if errors.Is(err, flagstore.ErrLeaseEnded) {
		o.next(0)
	}
	if err == nil || rampart.KindOf(err) == rampart.Refused {
		o.write(ctx)
	}
}

// usually is what the usual store keeps of the flag.
func (o *owner) usually() record {
	return record{Flag: o.doc.Name, Version: o.acked, Exposure: o.doc.Exposure, Killed: o.kill.Killed}
}

// wants returns what every reader is to answer.
func (o *owner) wants() readers.Sight {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := readers.Sight{Flag: o.doc.Name, Version: o.acked, Served: o.doc.Exposure, Killed: o.kill.Killed}
	if o.kill.Killed || !o.let.IsZero() {
		s.Served = 0
	}
	return s
}

// restoreAll gives a store that has lost everything the whole of what is meant, and then
// its epoch: before that, no reader takes it to be complete.
func (w *world) restoreAll(ctx context.Context) {
	for pause(ctx, sweepEvery) {
		meta, err := w.store.Meta(ctx)
		if err != nil || meta.Epoch != "" {
			continue
		}
		w.story.tell("the store is empty; restoring it")
		for _, o := range w.owners {
			o.alone(func() { o.look(ctx) })
		}
		if err := w.store.RestoreMeta(ctx, namespace); err == nil {
			w.story.tell("the store is whole again")
		}
	}
}
