package readers_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rampart-dev/rampart/chaos/readers"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

// some chooses a share of the readers.
func (w *world) some(share float64) []*reader {
	n := max(1, int(share*float64(len(w.readers))))
	var chosen []*reader
	for _, i := range w.chance.Perm(len(w.readers))[:n] {
		chosen = append(chosen, w.readers[i])
	}
	return chosen
}

// awaitWrites waits until owners have written so often again.
func (w *world) awaitWrites(n int64) {
	w.t.Helper()
	from := w.writes.Load()
	w.awaits("owners write", func() (bool, string) { return w.writes.Load() >= from+n, "" })
}

// round does everything once.
func (w *world) round(empty bool) {
	w.t.Helper()
	away := w.some(0.1)
	w.takeAway(away)
	w.disturbSubscriptions()
	emptyFirst := empty && w.chance.IntN(2) == 0
	if emptyFirst {
		w.comeBackEmpty()
	}
	w.restartSome()
	w.reachable()
	w.failOver()
	if empty && !emptyFirst {
		w.comeBackEmpty()
	}
	w.bringBack(away)
	w.settle(w.readers)
}

// takeAway cuts readers off from the store altogether.
func (w *world) takeAway(away []*reader) {
	w.fates.set(func(f *fates) {
		for _, r := range away {
			f.away[r.index] = true
		}
	})
	w.treat()
	for _, r := range away {
		r.isCut()
		w.story.tell("%s is cut off", r.name)
		for _, k := range w.kinds {
			k.witness.Away(userName(k.name, r.index), time.Now())
		}
	}
	w.tolls.away += len(away)
}

// bringBack lets readers through again, once they have said that they are stale.
func (w *world) bringBack(away []*reader) {
	w.t.Helper()
	for _, r := range away {
		w.awaits(r.name+" says that it is stale", func() (bool, string) { return r.admits(), string(r.says()) })
	}
	w.fates.set(func(f *fates) { clear(f.away) })
	w.treat()
	w.reachable()
}

// volleys is how often subscriptions are cut, one time after the other.
const volleys = 4

// disturbSubscriptions cuts some of them again and again, lets some starve, and others
// hear late, while owners write. The store itself can be reached all the time.
func (w *world) disturbSubscriptions() {
	w.t.Helper()
	w.fates.set(func(f *fates) {
		for _, r := range w.some(0.2) {
			f.starved[r.index] = true
			w.tolls.starved++
		}
		for _, r := range w.some(0.3) {
			f.late[r.index] = time.Duration(100+w.chance.IntN(1500)) * time.Millisecond
			w.tolls.late++
		}
	})
	w.treat()
	w.story.tell("some subscriptions starve, and some hear late")
	for range volleys {
		w.awaitWrites(15)
		w.fates.set(func(f *fates) {
			for _, r := range w.some(0.4) {
				f.cut[r.index] = true
			}
		})
		w.tolls.cuts += w.treat()
		w.fates.set(func(f *fates) { clear(f.cut) })
		w.treat()
	}
	w.awaitWrites(100) // in calm for a while: whoever says STALE now has no reason
	w.settle(slices.DeleteFunc(slices.Clone(w.readers), func(r *reader) bool { return w.fates.isAway(r.index) }))
	w.fates.clear()
	w.treat()
}

// restartSome ends some readers, and starts them again; from when on they can be expected
// to know what is new, is for whoever calls it to say.
func (w *world) restartSome() {
	var all sync.WaitGroup
	for _, r := range w.some(0.25) {
		w.tolls.restarts++
		if r.own != nil {
			w.tolls.killed++
		}
		all.Go(r.restart)
	}
	all.Wait()
}

func (f *fates) isAway(i int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.away[i]
}

// unreachable tells the witnesses that the store cannot be relied on for a while.
func (w *world) unreachable() {
	w.leftAt.Store(time.Now().UnixNano())
	for _, r := range w.readers {
		r.isAway()
	}
	for _, k := range w.kinds {
		for i := range k.copies {
			k.witness.Away(userName(k.name, i), time.Now())
		}
	}
}

// left returns since when the store cannot have kept what it was found to have lost.
func (w *world) left() time.Time { return time.Unix(0, w.leftAt.Load()) }

// reachable tells them from when on readers can be expected to catch up.
func (w *world) reachable() {
	for _, r := range w.readers {
		if !w.fates.isAway(r.index) {
			r.reaches()
		}
	}
	for _, k := range w.kinds {
		for i := range k.copies {
			if !w.fates.isAway(i) {
				k.witness.Reaches(userName(k.name, i), time.Now())
			}
		}
	}
}

// failOver has the replica take over that lacks what was acknowledged last. Every other
// time the old primary goes on for a while beside the new one.
func (w *world) failOver() {
	w.t.Helper()
	old, next := w.primary, w.replica
	w.redis.AwaitReplica(old)
	old.Proxy.Cut(redistest.Replicas, redistest.Sentinels)
	w.unreachable()
	w.story.tell("the primary is alone")
	w.owners[w.chance.IntN(len(w.owners))].order((*owner).killAnew)
	w.awaitWrites(20)
	if w.tolls.failovers%2 == 1 {
		w.tolls.split++
		w.story.tell("failover, and the old primary goes on")
	} else {
		old.Proxy.Cut()
		w.story.tell("failover, and the old primary is gone")
	}
	w.redis.Failover()
	w.primary, w.replica = next, old
	w.story.tell("the replica is primary")
	w.awaitLeft(old)
	old.Proxy.Cut()
	old.Proxy.Mend()
	w.reachable()
	w.redis.AwaitDemoted(old)
	w.story.tell("the old primary is a replica")
	w.tolls.failovers++
}

// awaitLeft waits until everybody writes to the new primary.
func (w *world) awaitLeft(old *redistest.Node) {
	w.t.Helper()
	w.awaits("owners write to the new primary", func() (bool, string) {
		meta, err := flagstore.New(w.primary.Client(), environment).Meta(w.t.Context())
		was, late := flagstore.New(old.Client(), environment).Meta(w.t.Context())
		return err == nil && late == nil && meta.Revision > was.Revision, ""
	})
}

// comeBackEmpty ends Redis, which comes back without anything; some readers start while
// it is away.
func (w *world) comeBackEmpty() {
	w.t.Helper()
	w.redis.AwaitReplica(w.primary)
	w.unreachable()
	w.story.tell("Redis is gone")
	w.redis.RestartEmpty(w.primary, w.restartSome)
	w.story.tell("Redis is back, empty")
	w.awaits("the store is whole again", func() (bool, string) {
		meta, err := w.store.Meta(w.t.Context())
		return err == nil && meta.Epoch != "", ""
	})
	w.reachable()
	w.tolls.empties++
}

// settle lets owners rest until some readers, or all, agree.
func (w *world) settle(who []*reader) {
	w.t.Helper()
	w.resting.Lock()
	defer w.resting.Unlock()
	w.agree(who)
	if len(who) == len(w.readers) {
		w.witness.Settled()
	}
}

// agree waits until each of some readers serves every flag as it is meant.
func (w *world) agree(who []*reader) {
	w.t.Helper()
	w.awaits("all readers serve what is meant", func() (bool, string) {
		differ := w.differs(who, wrong)
		return differ == "", differ
	})
	w.witness.Book.Check(true, readers.Whole, "-", "") // or the test has failed by now
	w.story.tell("%d readers agree", len(who))
}

// order has an owner do something out of its turn.
func (o *owner) order(do func(*owner, context.Context)) {
	o.alone(func() { do(o, o.w.t.Context()) })
}

// killAnew kills, after it has restored what is killed already.
func (o *owner) killAnew(ctx context.Context) {
	if o.kill.Killed {
		o.lift(ctx)
	}
	o.killNow(ctx)
}
