package relay

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client/relayed"
	"github.com/rampart-dev/rampart/flagstore"
)

const (
	// leasesLast is for how long an answer serves others: a twentieth of the shortest time
	// between two reads of one reader.
	leasesLast = 10 * time.Millisecond
	// leasesWithin bounds a read of the store, and is less than a reader waits.
	leasesWithin = time.Second
	// leasesAgain is how long after a read that failed the store is asked again.
	leasesAgain = time.Second
)

// leases are the lease registers, joined by version and latest end. While the store is
// away what is known of them is answered all the same: a reader that has the flags of a
// relay and not their leases would begin every lease anew.
type leases struct {
	store *flagstore.Store
	held  *held

	mu     sync.Mutex
	terms  map[string]rampart.LeaseTerm
	news   uint64        // of terms
	clock  time.Time     // of the store, when
	at     time.Time     // it was asked, by ours; zero: never
	asked  time.Time     // when the last read began that was answered
	failed time.Time     // when the last read failed
	under  chan struct{} // closed when the read that is under way has ended; nil: there is none
	err    error         // of the last read
}

// setClock notes the store's clock as of a question. Since it was read after that, the
// clock is never behind the store's, and no lease ends late for it.
func (l *leases) setClock(now, asked time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock, l.at = now, asked
}

// read returns the leases and the store's clock; an error only where nothing is known.
// Those who ask at about the same time share one read of the store.
func (l *leases) read(ctx context.Context) (relayed.Leases, error) {
	select {
	case <-l.refresh():
	case <-ctx.Done():
		return relayed.Leases{}, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil && l.at.IsZero() {
		return relayed.Leases{}, l.err
	}
	got := relayed.Leases{Terms: make([]rampart.LeaseTerm, 0, len(l.terms)), Now: l.storeTime(time.Now())}
	for _, t := range l.terms {
		got.Terms = append(got.Terms, t)
	}
	if l.err != nil {
		got.Terms = append(got.Terms, l.begun()...)
	}
	return got, nil
}

// refresh begins a read of the store, unless one is under way or has just been made. What
// it returns is closed when that has ended.
func (l *leases) refresh() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.under != nil {
		return l.under
	}
	ended := make(chan struct{})
	if time.Since(l.asked) < leasesLast || time.Since(l.failed) < leasesAgain {
		close(ended)
		return ended
	}
	l.under = ended
	go l.ask(ended)
	return ended
}

func (l *leases) ask(ended chan struct{}) {
	// It is for everybody who asks, and so ends with none of them.
	ctx, cancel := context.WithTimeout(context.Background(), leasesWithin)
	defer cancel()
	asked := time.Now()
	terms, now, err := l.store.Leases(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	defer close(ended)
	l.under, l.err = nil, err
	if err != nil {
		l.failed = time.Now()
		return
	}
	l.clock, l.at, l.asked, l.failed = now, asked, asked, time.Time{}
	for _, t := range terms {
		if known := l.terms[t.Flag]; t.Version > known.Version || t.Version == known.Version && t.End > known.End {
			l.terms[t.Flag] = t
			l.news++
		}
	}
}

// restore takes up what an earlier relay knew at a time of ours.
func (l *leases) restore(terms []rampart.LeaseTerm, clock, at time.Time) {
	l.clock, l.at = clock, at
	for _, t := range terms {
		l.terms[t.Flag] = t
	}
}

// kept returns what a later relay needs to know.
func (l *leases) kept() (terms []rampart.LeaseTerm, clock, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.terms)), l.clock, l.at
}

// count returns how often a term was news.
func (l *leases) count() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.news
}

// begun returns the leases of documents that came since the store last told of leases: a
// document has the whole of it before it when it is published. The caller holds l.mu.
func (l *leases) begun() (terms []rampart.LeaseTerm) {
	for _, d := range l.held.told() {
		if l.terms[d.name].Version >= d.version {
			continue
		}
		if f, _ := rampart.DecodeFlag([]byte(d.text)); f.Lease > 0 {
			terms = append(terms, rampart.LeaseTerm{Flag: d.name, Version: d.version, End: l.storeTime(d.told.Add(f.Lease.D())).UnixMilli()})
		}
	}
	return terms
}

// storeTime returns what the store's clock says at a time of ours. The caller holds l.mu.
func (l *leases) storeTime(ours time.Time) time.Time { return l.clock.Add(ours.Sub(l.at)) }
