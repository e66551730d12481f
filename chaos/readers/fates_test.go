package readers_test

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rampart-dev/rampart/internal/redistest"
)

// fates say what becomes of the connections of readers. Copies of the usual policies
// share the fate of the reader that has their number.
type fates struct {
	mu      sync.Mutex
	cut     map[int]bool          // their subscriptions end
	starved map[int]bool          // their subscriptions hear nothing any more
	late    map[int]time.Duration // their subscriptions hear so much later
	away    map[int]bool          // they cannot reach the store
}

func newFates() *fates {
	f := &fates{}
	f.clear()
	f.away = map[int]bool{}
	return f
}

// clear leaves all subscriptions in peace. What starves already goes on starving until
// somebody ends it: that is the reader's business.
func (f *fates) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut, f.starved, f.late = map[int]bool{}, map[int]bool{}, map[int]time.Duration{}
}

func (f *fates) set(set func(*fates)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	set(f)
}

func (f *fates) of(l redistest.Line) redistest.Fate {
	kind, number, _ := strings.Cut(l.User, "-")
	i, err := strconv.Atoi(number)
	if err != nil || kind == "writer" || kind == "reference" {
		return redistest.Fate{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	fate := redistest.Fate{End: f.away[i]}
	if l.Listen {
		fate.End = fate.End || f.cut[i]
		fate.Starve, fate.Late = f.starved[i], f.late[i]
	}
	return fate
}

// treat has the proxies look at the fates again, and returns how many lines they ended.
func (w *world) treat() int {
	return w.primary.Proxy.Treat(w.fates.of) + w.replica.Proxy.Treat(w.fates.of)
}
