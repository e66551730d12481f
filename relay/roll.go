package relay

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// The pace at which the store hears of readers. News, as after a kill, is passed on after
// a moment in which others have news too; that somebody still is there can wait.
const (
	newsWithin = 5 * time.Millisecond
	restWithin = 2 * time.Second
	// newsLasts is for how long what a reader has said is news. They all speak every ten
	// seconds or so: one of whom the store could not be told, and who said nothing since,
	// is not to be listed as if it had just been heard of.
	newsLasts = 15 * time.Second
)

// A roll knows who follows the relay and how far each of them has come.
type roll struct {
	via  string // the relay's own name
	most int    // readers
	soon chan struct{}

	mu      sync.Mutex
	readers map[string]heard
	untold  map[string]bool // of whom the store has yet to hear
	gone    map[string]bool // likewise, that they have left
}

type heard struct {
	flagstore.Reader
	at time.Time
}

func newRoll(via string, most int) *roll {
	return &roll{
		via: via, most: most, soon: make(chan struct{}, 1),
		readers: map[string]heard{}, untold: map[string]bool{}, gone: map[string]bool{},
	}
}

// confirm notes how far a reader has come, and returns how many there are.
func (r *roll) confirm(reader flagstore.Reader) (int, error) {
	reader.Via = r.via
	if err := reader.Check(); err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.readers[reader.ID]
	if !known && len(r.readers) >= r.most {
		return 0, rampart.Errorf(rampart.Refused, "%d readers follow the relay already", r.most).WithHint("raise --readers, or start another relay")
	}
	r.readers[reader.ID] = heard{reader, time.Now()}
	r.untold[reader.ID] = true
	delete(r.gone, reader.ID)
	if !known || reader.Revision > before.Revision {
		r.hurry()
	}
	return len(r.readers), nil
}

func (r *roll) leave(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// One that is not known here may have confirmed to the relay before this one.
	if id == "" || len(id) > maxReader || len(r.gone) >= r.most {
		return
	}
	delete(r.readers, id)
	delete(r.untold, id)
	r.gone[id] = true
	r.hurry()
}

func (r *roll) hurry() {
	select {
	case r.soon <- struct{}{}:
	default:
	}
}

// keep tells the store until the context ends, and then once more.
func (r *roll) keep(ctx context.Context, tell func(context.Context, []flagstore.Reader, []string) error) {
	rest := time.NewTicker(restWithin)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			if readers, gone := r.take(); len(readers)+len(gone) > 0 {
				_ = tell(context.WithoutCancel(ctx), readers, gone)
			}
			return
		case <-rest.C:
		case <-r.soon:
			select {
			case <-ctx.Done():
			case <-time.After(newsWithin):
			}
		}
		readers, gone := r.take()
		if len(readers)+len(gone) == 0 {
			continue
		}
		if err := tell(ctx, readers, gone); err != nil {
			r.putBack(readers, gone) // with the rest, or with the next news
		}
	}
}

// take returns what the store has yet to hear. Who has said nothing for so long that the
// store takes them to be gone is forgotten.
func (r *roll) take() (readers []flagstore.Reader, gone []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, h := range r.readers {
		if time.Since(h.at) > flagstore.Silence {
			delete(r.readers, id)
			delete(r.untold, id)
		}
	}
	for id := range r.untold {
		if h := r.readers[id]; time.Since(h.at) <= newsLasts {
			readers = append(readers, h.Reader)
		}
	}
	for id := range r.gone {
		gone = append(gone, id)
	}
	clear(r.untold)
	clear(r.gone)
	slices.Sort(gone)
	return readers, gone
}

func (r *roll) putBack(readers []flagstore.Reader, gone []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, reader := range readers {
		if _, known := r.readers[reader.ID]; known {
			r.untold[reader.ID] = true
		}
	}
	for _, id := range gone {
		if _, back := r.readers[id]; !back {
			r.gone[id] = true
		}
	}
}

func (r *roll) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.readers)
}
